mod stored;

use axess_factors::{EmailOtpConfig, HmacAlgorithm, HotpConfig, PasswordConfig, RecoveryCodes, TotpConfig};
use axess_identity::{FactorKind, PasswordHash};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What one user enrolled for one factor: always user-scoped, always secret.
///
/// ```
/// use axess_core::authn::{FactorConfig, PasswordRecord};
/// use axess_identity::FactorKind;
/// let record = PasswordRecord {
///     hash: "$argon2id$...".into(),
///     history: vec![],
///     changed_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(FactorConfig::Password(record).kind(), FactorKind::Password);
/// ```
#[derive(Debug, Clone)]
pub enum FactorConfig {
    /// A password hash.
    Password(PasswordRecord),
    /// A TOTP authenticator.
    Totp(TotpConfig),
    /// An HOTP token.
    Hotp(HotpConfig),
    /// What is left of a set of recovery codes.
    RecoveryCodes(RecoveryCodes),
}

/// A user's password: its hash and the hashes it may not go back to.
///
/// ```
/// # use axess_core::authn::PasswordRecord;
/// let record = PasswordRecord { hash: "$argon2id$...".into(), history: vec![], changed_at: chrono::DateTime::UNIX_EPOCH };
/// assert!(!format!("{record:?}").contains("argon2id"));
/// ```
#[derive(Debug, Clone)]
pub struct PasswordRecord {
    /// The current hash.
    pub hash: PasswordHash,
    /// Earlier hashes, newest first.
    pub history: Vec<PasswordHash>,
    /// When the password was last changed.
    pub changed_at: DateTime<Utc>,
}

/// What a scope demands of one factor.
///
/// It is read at enrolment and verification; users' records stay valid.
///
/// ```
/// use axess_core::authn::{FactorPolicy, OtpPolicy};
/// use axess_identity::FactorKind;
/// assert_eq!(FactorPolicy::Totp(OtpPolicy::default()).kind(), FactorKind::Totp);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorPolicy {
    /// Length, blocklist, history and Argon2id cost.
    Password(PasswordConfig),
    /// How new TOTP authenticators are set up.
    Totp(OtpPolicy),
    /// How new HOTP tokens are set up.
    Hotp(OtpPolicy),
    /// Length and life of e-mail codes.
    EmailOtp(EmailOtpConfig),
}

/// How new code authenticators are set up.
///
/// ```
/// use axess_core::authn::OtpPolicy;
/// let policy = OtpPolicy::default();
/// assert_eq!((policy.digits, policy.period.as_secs(), policy.window), (6, 30, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtpPolicy {
    /// Digits of a code, 6 to 8.
    pub digits: u32,
    /// How long a TOTP code is current. HOTP ignores it.
    pub period: Duration,
    /// The HMAC behind the code.
    pub algorithm: HmacAlgorithm,
    /// TOTP: time steps accepted either side of now. HOTP: counters looked ahead.
    pub window: u32,
}

impl Default for OtpPolicy {
    fn default() -> Self {
        Self { digits: 6, period: Duration::from_secs(30), algorithm: HmacAlgorithm::Sha1, window: 1 }
    }
}

impl FactorConfig {
    /// Returns the factor this is a record of.
    #[must_use]
    pub fn kind(&self) -> FactorKind {
        match self {
            Self::Password(_) => FactorKind::Password,
            Self::Totp(_) => FactorKind::Totp,
            Self::Hotp(_) => FactorKind::Hotp,
            Self::RecoveryCodes(_) => FactorKind::RecoveryCode,
        }
    }
}

impl FactorPolicy {
    /// Returns the factor this is a policy for.
    #[must_use]
    pub fn kind(&self) -> FactorKind {
        match self {
            Self::Password(_) => FactorKind::Password,
            Self::Totp(_) => FactorKind::Totp,
            Self::Hotp(_) => FactorKind::Hotp,
            Self::EmailOtp(_) => FactorKind::EmailOtp,
        }
    }
}
