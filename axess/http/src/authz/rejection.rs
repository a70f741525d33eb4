use crate::{guard::GuardRejection, problem};
use axess_authz::{AuthzDenied, AuthzError, AuthzListError, AuthzUnavailable, FilterError};
use axess_core::audit::AuditError;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use std::{error::Error, time::Duration};

/// How long a caller is asked to wait when there is no decision.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Says why the policies let a request go no further.
///
/// As a response it is `application/problem+json` with a stable `code` and no reasons: those are in the audit trail and
/// in the log. What is forbidden, hidden and missing look the same.
///
/// ```
/// use axess_authz::{AuthzDecision, AuthzDenied, DenyReason, StepUp};
/// use axess_http::AuthzRejection;
/// use axum::response::IntoResponse;
/// let decision = AuthzDecision::Deny { reason: DenyReason::Forbidden, policies: vec!["needs-key".into()] };
/// let denied = AuthzDenied { decision, step_up: None };
/// assert_eq!(AuthzRejection::Denied(Box::new(denied.clone())).into_response().status(), 403);
///
/// let step_up = Some(StepUp { factors: [].into(), max_age: Some(std::time::Duration::from_secs(900)) });
/// let response = AuthzRejection::Denied(Box::new(AuthzDenied { step_up, ..denied })).into_response();
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer error="insufficient_user_authentication", max_age="900""#);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AuthzRejection {
    /// Nobody is logged in, or a layer is missing.
    #[error(transparent)]
    Guard(#[from] GuardRejection),
    /// 403 `forbidden`; or 401 `step_up_required` with the challenge of RFC 9470 §3 when proving more would turn it.
    #[error("the policies do not allow it")]
    Denied(Box<AuthzDenied>),
    /// 503 `unavailable`: the facts cannot be loaded or the decision cannot be recorded. A batch that is too large, which
    /// no retry mends, is 500.
    #[error("there is no decision")]
    Unavailable(#[source] AuthzUnavailable),
    /// 500: the policies cannot be turned into a filter.
    #[error("the list cannot be filtered")]
    Filter(#[source] FilterError),
}

impl IntoResponse for AuthzRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Guard(rejection) => rejection.into_response(),
            Self::Denied(denied) => {
                tracing::debug!(decision = %denied.decision, "the policies refused a request");
                refusal(&denied)
            }
            Self::Unavailable(error) => {
                tracing::error!(error = &error as &dyn Error, "there is no decision");
                let wait = audit_wait(&error).unwrap_or(RETRY_AFTER);
                match error {
                    AuthzUnavailable::BatchTooLarge => problem::internal(),
                    AuthzUnavailable::Provider { .. } | AuthzUnavailable::Audit(_) => {
                        problem::unavailable(Some(wait))
                    }
                }
            }
            Self::Filter(error) => {
                tracing::error!(error = &error as &dyn Error, "a list cannot be filtered");
                problem::internal()
            }
        }
    }
}

fn refusal(denied: &AuthzDenied) -> Response {
    let challenge = denied.step_up.as_ref().map(|cure| HeaderValue::try_from(cure.challenge()));
    let Some(Ok(challenge)) = challenge else {
        return problem::problem(StatusCode::FORBIDDEN, "forbidden");
    };
    let mut response = problem::unauthenticated("step_up_required");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

impl From<AuthzRejection> for Response {
    fn from(rejection: AuthzRejection) -> Self {
        rejection.into_response()
    }
}

impl From<AuthzUnavailable> for AuthzRejection {
    fn from(error: AuthzUnavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<AuthzError> for AuthzRejection {
    fn from(error: AuthzError) -> Self {
        match error {
            AuthzError::Denied(denied) => Self::Denied(denied),
            AuthzError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<AuthzListError> for AuthzRejection {
    fn from(error: AuthzListError) -> Self {
        match error {
            AuthzListError::Filter(error) => Self::Filter(error),
            AuthzListError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// Returns the wait that a full audit trail asks for, if that is what is at the bottom of `error`.
fn audit_wait(error: &(dyn Error + 'static)) -> Option<Duration> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(audit) = error.downcast_ref::<AuditError>() {
            return audit.retry_after();
        }
        cause = error.source();
    }
    None
}
