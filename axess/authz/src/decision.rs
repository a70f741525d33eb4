mod engine;
mod explain;
mod step_up;

#[cfg(test)]
mod tests;

pub use engine::{AuthzQuery, EntityError, EntityGraph};
pub use explain::{Clause, ClauseValue, Explanation, PolicyExplanation, PolicyOutcome};
pub use step_up::{StepUp, StepUpOptions};

use crate::ResourceUid;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The answer to "may this principal do that to this resource".
///
/// ```
/// use axess_authz::{AuthzDecision, DenyReason};
/// let denied = AuthzDecision::Deny { reason: DenyReason::NoPermit, policies: vec![] };
/// assert!(!denied.is_allow());
/// assert_eq!(denied.to_string(), "deny: no policy permits it");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthzDecision {
    /// At least one policy permits it, none forbids it and none failed.
    Allow {
        /// The ids of the policies that permit it, ordered.
        policies: Vec<String>,
    },
    /// Anything else.
    Deny {
        /// Why, for operators; it is not for the caller.
        reason: DenyReason,
        /// The ids of the policies that forbid it, ordered; those that failed are in the reason.
        policies: Vec<String>,
    },
}

/// Why a request was denied.
///
/// ```
/// use axess_authz::{DenyReason, ResourceUid};
/// let reason = DenyReason::EntityNotFound { uid: ResourceUid::new("Document", "gone").unwrap() };
/// assert_eq!(reason.to_string(), r#"Document::"gone" is unknown"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenyReason {
    /// No policy permits it.
    NoPermit,
    /// A policy forbids it.
    Forbidden,
    /// A policy could not be evaluated. It may have been a `forbid`, so that others permit it says nothing.
    EvaluationFailed {
        /// Every failure; never empty.
        failures: Vec<EvaluationFailure>,
    },
    /// The principal or the resource is not among the entities.
    EntityNotFound {
        /// Which.
        uid: ResourceUid,
    },
    /// The request does not fit the schema: an unknown action, or one that does not apply to such a principal or
    /// resource, or a context that lacks what it must have.
    InvalidRequest {
        /// What does not fit.
        message: String,
    },
}

/// One policy that could not be evaluated.
///
/// ```
/// use axess_authz::EvaluationFailure;
/// let failure = EvaluationFailure { policy: "quota".into(), message: "integer overflow".into(), missing: None };
/// assert_eq!(failure.to_string(), "policy \"quota\": integer overflow");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationFailure {
    /// The id of the policy.
    pub policy: String,
    /// What went wrong.
    pub message: String,
    /// The entity that the policy looked into and that was not loaded, when that is what went wrong.
    pub missing: Option<ResourceUid>,
}

/// A decision without its reasons.
///
/// ```
/// use axess_authz::Verdict;
/// assert_eq!(Verdict::Allow.to_string(), "allow");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is permitted.
    Allow,
    /// It is not.
    Deny,
}

impl AuthzDecision {
    /// Tells whether the request may go on.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Returns the decision without its reasons.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.is_allow() { Verdict::Allow } else { Verdict::Deny }
    }

    /// Returns the ids of the policies that decided, those that failed included.
    #[must_use]
    pub fn determining(&self) -> Vec<&str> {
        let (Self::Allow { policies } | Self::Deny { policies, .. }) = self;
        let mut ids: Vec<&str> = policies.iter().map(String::as_str).collect();
        if let Self::Deny { reason: DenyReason::EvaluationFailed { failures }, .. } = self {
            ids.extend(failures.iter().map(|failure| failure.policy.as_str()));
        }
        ids
    }
}

impl fmt::Display for AuthzDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (policies, reason) = match self {
            Self::Allow { policies } => (policies, None),
            Self::Deny { reason, policies } => (policies, Some(reason)),
        };
        write!(f, "{}", self.verdict())?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        if policies.is_empty() { Ok(()) } else { write!(f, " [{}]", policies.join(", ")) }
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermit => f.write_str("no policy permits it"),
            Self::Forbidden => f.write_str("a policy forbids it"),
            Self::EvaluationFailed { failures } => {
                f.write_str("evaluation failed")?;
                failures.iter().try_for_each(|failure| write!(f, "; {failure}"))
            }
            Self::EntityNotFound { uid } => write!(f, "{uid} is unknown"),
            Self::InvalidRequest { message } => write!(f, "the request does not fit the schema: {message}"),
        }
    }
}

impl fmt::Display for EvaluationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {:?}: {}", self.policy, self.message)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}
