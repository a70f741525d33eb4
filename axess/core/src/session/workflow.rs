use axess_identity::FactorKind;
use axess_strings::SharedStr;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A ceremony of several steps that keeps the session from counting as logged in.
///
/// ```
/// use axess_core::session::WorkflowKind;
/// assert_eq!(WorkflowKind::Custom("kyc".into()).name(), "kyc");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowState {
    /// Which ceremony.
    pub kind: WorkflowKind,
    /// The step the user is at, counted from 1.
    pub current_step: u32,
    /// How many steps there are.
    pub total_steps: u32,
    /// When it began.
    pub initiated_at: DateTime<Utc>,
    /// What the session goes back to when the ceremony was begun by an authenticated user.
    pub(crate) resume: Option<Resume>,
}

/// Names a ceremony.
///
/// ```
/// use axess_core::session::WorkflowKind;
/// assert_eq!(WorkflowKind::PasswordReset.name(), "password_reset");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowKind {
    /// Creating an account.
    Signup,
    /// Setting a forgotten password anew.
    PasswordReset,
    /// Proving a mail address.
    EmailVerification,
    /// One of the application's own.
    Custom(SharedStr),
}

/// The authenticated state a ceremony interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resume {
    pub(crate) authn_time: DateTime<Utc>,
    pub(crate) factors_completed: Vec<FactorKind>,
}

impl WorkflowKind {
    /// Returns the ceremony's name for logs and pages.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Signup => "signup",
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::Custom(name) => name,
        }
    }
}
