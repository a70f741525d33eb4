use crate::{AuthzDecision, AuthzProviderError, AuthzSinkError, StepUp};

/// Says why a request may not go on.
///
/// ```
/// use axess_authz::{AuthzError, AuthzUnavailable};
/// fn status(error: &AuthzError) -> u16 {
///     match error {
///         AuthzError::Denied(_) => 403,
///         AuthzError::Unavailable(_) => 503,
///     }
/// }
/// assert_eq!(status(&AuthzUnavailable::BatchTooLarge.into()), 503);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AuthzError {
    /// The policies do not allow it.
    #[error("denied")]
    Denied(Box<AuthzDenied>),
    /// There is no decision.
    #[error(transparent)]
    Unavailable(#[from] AuthzUnavailable),
}

/// A denial and what would turn it.
///
/// ```
/// use axess_authz::{AuthzDecision, AuthzDenied, DenyReason};
/// let decision = AuthzDecision::Deny { reason: DenyReason::Forbidden, policies: vec!["needs-mfa".into()] };
/// let denied = AuthzDenied { decision, step_up: None };
/// assert!(denied.step_up.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthzDenied {
    /// The decision, for operators.
    pub decision: AuthzDecision,
    /// What to prove to be allowed, for the challenge of RFC 9470; `None` when nothing would help.
    pub step_up: Option<StepUp>,
}

/// Says why there is no decision.
///
/// ```
/// use axess_authz::AuthzUnavailable;
/// assert_eq!(AuthzUnavailable::BatchTooLarge.to_string(), "more than 1000 questions in one batch");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AuthzUnavailable {
    /// The facts could not be loaded, or do not fit the schema.
    #[error("the entity provider {provider:?} failed")]
    Provider {
        /// Its name.
        provider: String,
        /// What happened.
        source: AuthzProviderError,
    },
    /// The event of the decision was not recorded.
    #[error("the decision could not be recorded")]
    Audit(#[from] AuthzSinkError),
    /// A batch asks more than [`MAX_BATCH`](crate::MAX_BATCH) questions: a bug of the caller's.
    #[error("more than {} questions in one batch", crate::MAX_BATCH)]
    BatchTooLarge,
}
