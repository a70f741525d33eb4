//! Passwords: which ones may be chosen, how they are hashed, and how one is checked.
//!
//! 1. A new password passes [`PasswordConfig::validate_new`], then [`PasswordHasher::hash`] makes the record to store.
//! 2. A login calls [`PasswordHasher::verify`] with the stored record, or with `None` when there is none. Every path
//!    through it runs the KDF exactly once, so the time does not tell whether the account exists.
//! 3. `needs_rehash` asks the caller to hash the password again, now that it is known, and store the new record.

mod blocklist;
mod config;
mod hasher;
mod params;
mod pepper;
mod pool;
mod record;

pub use config::{MAX_PASSWORD_CHARS, PasswordConfig, PasswordContext, PasswordPolicyError};
pub use hasher::{PasswordError, PasswordHasher, PasswordOutcome};
pub use params::{Argon2idParams, Argon2idParamsError};
pub use pepper::{PepperRing, PepperRingError};
pub use pool::{KdfError, KdfPool};
