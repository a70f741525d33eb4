//! Secret values in the operating system's keyring: read, written and checked, removed, each within a bounded time.
//!
//! Does not know about: what the values are, who shares them, or how writers agree; a keyring has no compare-and-replace.
//!
//! Any store of `keyring-core` will do: [`Keyring::new`]. On Linux the feature `secret-service` brings the one that desktops
//! have: `Keyring::secret_service`.
#![forbid(unsafe_code)]

mod error;
mod keyring;

pub use error::KeyringError;
pub use keyring::{Keyring, PATIENCE};
