use super::FactorStep;
use axess_factors::PasswordPolicyError;
use axess_identity::{RecoveryCode, UserId};
use chrono::{DateTime, Utc};

/// What came of presenting a credential.
///
/// An account that does not exist, belongs to another tenant or is suspended gives the same outcomes as one whose
/// credential was wrong, including [`FactorOutcome::Locked`] after as many tries.
///
/// ```
/// use axess_core::authn::FactorOutcome;
/// assert!(FactorOutcome::Authenticated.is_authenticated());
/// assert!(!FactorOutcome::Locked { until: None }.is_authenticated());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum FactorOutcome {
    /// Every step is done: the session is authenticated and has a new id.
    Authenticated,
    /// The factor was right; this step is next.
    FactorRequired(FactorStep),
    /// The credential was not accepted.
    InvalidCredential,
    /// Too many failures; nothing is accepted before `until` (`None`: before somebody clears the lock).
    Locked {
        /// When the lock ends by itself.
        until: Option<DateTime<Utc>>,
    },
}

impl FactorOutcome {
    /// Tells whether the login is complete.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        matches!(self, Self::Authenticated)
    }
}

/// What came of a sign-up.
///
/// ```
/// use axess_core::authn::SignupOutcome;
/// assert_ne!(SignupOutcome::CodeSent, SignupOutcome::IdentifierTaken);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SignupOutcome {
    /// If the address can have an account, a code is on its way to it. Present the code to complete the sign-up.
    CodeSent,
    /// The account exists now.
    Completed {
        /// The new account.
        user_id: UserId,
    },
    /// The login name belongs to somebody else.
    IdentifierTaken,
    /// The password does not meet the policy.
    WeakPassword(PasswordPolicyError),
    /// The code was wrong, expired, or tried too often.
    InvalidCode,
}

/// What came of confirming an enrolment.
///
/// ```
/// use axess_core::authn::EnrolmentOutcome;
/// assert!(matches!(EnrolmentOutcome::InvalidCode, EnrolmentOutcome::InvalidCode));
/// ```
#[derive(Debug)]
#[must_use]
pub enum EnrolmentOutcome {
    /// The factor is stored. The recovery codes are shown once and cannot be read again.
    Enrolled {
        /// A fresh set of single-use codes.
        recovery_codes: Vec<RecoveryCode>,
    },
    /// The code does not fit the new authenticator; nothing is stored, and the user may try again.
    InvalidCode,
    /// Too many wrong codes, too late, or another enrolment was completed meanwhile: begin again.
    Expired,
}

/// What came of a password change.
///
/// ```
/// use axess_core::authn::PasswordChangeOutcome;
/// assert_ne!(PasswordChangeOutcome::Changed { sessions_ended: 0 }, PasswordChangeOutcome::InvalidCredential);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PasswordChangeOutcome {
    /// The new password is stored, this session has a new id, and the user's other sessions are over.
    Changed {
        /// How many other sessions were ended.
        sessions_ended: u64,
    },
    /// The current password was wrong.
    InvalidCredential,
    /// Too many failures.
    Locked {
        /// When the lock ends by itself.
        until: Option<DateTime<Utc>>,
    },
    /// The new password does not meet the policy.
    WeakPassword(PasswordPolicyError),
    /// The new password was used before.
    Reused,
}

/// What came of a step of a password reset.
///
/// ```
/// use axess_core::authn::PasswordResetOutcome;
/// assert_ne!(PasswordResetOutcome::CodeAccepted, PasswordResetOutcome::InvalidCode);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PasswordResetOutcome {
    /// The code was right: a new password may be set.
    CodeAccepted,
    /// The code was wrong, expired, or tried too often.
    InvalidCode,
    /// The new password is stored and every session of the user is over; log in with it.
    Completed,
    /// The new password does not meet the policy.
    WeakPassword(PasswordPolicyError),
    /// The new password was used before.
    Reused,
}

/// What came of confirming a mail address.
///
/// ```
/// use axess_core::authn::EmailVerificationOutcome;
/// assert_ne!(EmailVerificationOutcome::Verified, EmailVerificationOutcome::InvalidCode);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum EmailVerificationOutcome {
    /// The address is marked as verified.
    Verified,
    /// The code was wrong, expired, or tried too often.
    InvalidCode,
}

/// What came of a logout.
///
/// ```
/// use axess_core::authn::LogoutOutcome;
/// assert_ne!(LogoutOutcome::Ended, LogoutOutcome::NothingToEnd);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// The session, and whatever it was rotated into, is over.
    Ended,
    /// There was no stored session.
    NothingToEnd,
}
