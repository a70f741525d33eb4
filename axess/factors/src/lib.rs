//! Verifiers of the credentials a user presents, and the configuration each one is checked against.
//!
//! Does not know about: sessions, methods, lockout, tenants, HTTP, SQL, or where a record is stored.
//!
//! | Factor | Configuration or record | Outcome |
//! |---|---|---|
//! | password (Argon2id) | [`PasswordConfig`], a PHC string | [`PasswordOutcome`] |
//! | TOTP (RFC 6238) | [`TotpConfig`] | [`TotpOutcome`] |
//! | HOTP (RFC 4226) | [`HotpConfig`] | [`HotpOutcome`] |
//! | e-mail code | [`EmailOtpConfig`], [`EmailOtpChallenge`] | [`EmailOtpOutcome`] |
//! | recovery code | [`RecoveryCodes`] | [`RecoveryOutcome`] |
//! | login at a provider | [`federated::PendingFederation`] | [`federated::FederatedProof`] |
//!
//! Success is a [`Verified`], which nothing else can make. A credential that works once yields an [`Unspent`] instead:
//! the proof *and* the record that must be stored first. (The record of an e-mail code is the caller's to delete.)
//! Verifiers are pure; only [`KdfPool`] touches the runtime, to
//! keep memory-hard hashing off the async workers and bounded.
//!
//! Numbers in a configuration have ranges. Deserialising a value outside its range is an error; a value set in code
//! counts as the nearest bound, so no configuration can make a verifier weaker than its documented floor. The seed of an authenticator has no nearest
//! bound: one of a forbidden length is refused, in code ([`OtpSeedError`]) and when a record is written or read.
#![forbid(unsafe_code)]

mod email_otp;
pub mod federated;
mod hotp;
mod otp;
mod otpauth;
mod password;
mod proof;
mod recovery;
mod stored;
mod totp;

pub use email_otp::{EmailOtpChallenge, EmailOtpConfig, EmailOtpOutcome, EmailOtpRefusal};
pub use hotp::{HotpConfig, HotpOutcome, MAX_LOOK_AHEAD};
pub use otp::{HmacAlgorithm, OtpSeedError, hotp_value};
pub use otpauth::{OtpauthError, OtpauthUri};
pub use password::{
    Argon2idParams, Argon2idParamsError, KdfError, KdfPool, MAX_PASSWORD_CHARS, PasswordConfig,
    PasswordContext, PasswordError, PasswordHasher, PasswordOutcome, PasswordPolicyError, PepperRing,
    PepperRingError,
};
pub use proof::{Subject, Unspent, Verified};
pub use recovery::{DEFAULT_RECOVERY_CODES, MAX_RECOVERY_CODES, RecoveryCodes, RecoveryOutcome};
pub use totp::{MAX_DRIFT_WINDOW, TotpConfig, TotpOutcome};
