use crate::problem::Problem;
use axess::{AuthnError, federation::FederationFault};
use http::StatusCode;

/// Tells the caller what the login's failure means for them; the cause goes to the log.
pub(super) fn problem(error: impl Into<AuthnError>) -> Problem {
    let error = error.into();
    let cause = &error as &dyn std::error::Error;
    let unauthenticated = |code| Problem::new(StatusCode::UNAUTHORIZED, code);
    match &error {
        AuthnError::NotAuthenticated => Problem::unauthenticated(),
        AuthnError::StepUpRequired => unauthenticated("step_up_required")
            .with_detail("prove the second factor again: it was too long ago"),
        AuthnError::SessionEnded => unauthenticated("session_ended").with_detail("log in again"),
        AuthnError::NotAuthenticating => {
            unauthenticated("no_login_in_progress").with_detail("begin with the password")
        }
        AuthnError::AlreadyAuthenticated => Problem::new(StatusCode::CONFLICT, "already_authenticated"),
        AuthnError::FactorNotOffered(_) | AuthnError::AmbiguousFactor => {
            Problem::new(StatusCode::CONFLICT, "factor_not_offered")
        }
        AuthnError::NoSuchRecord => Problem::not_found(),
        AuthnError::Taken => Problem::new(StatusCode::CONFLICT, "conflict"),
        AuthnError::Federation(fault) => {
            tracing::error!(error = cause, "the identity provider cannot be used");
            let detail = match fault.fault() {
                FederationFault::Configuration => {
                    "single sign-on is set up wrongly: tell an administrator of this server"
                }
                _ => {
                    "the identity provider does not answer: try again in a moment, or tell an administrator of this server"
                }
            };
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "sso_unavailable")
                .with_detail(detail)
                .with_retry_after(10)
        }
        AuthnError::Overloaded { retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            tracing::warn!(error = cause, "too many passwords wait to be checked");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded").with_retry_after(seconds)
        }
        AuthnError::Audit(_) | AuthnError::Store(_) | AuthnError::Session(_) | AuthnError::Delivery(_) => {
            tracing::error!(error = cause, "the login failed");
            Problem::unavailable()
        }
        _ => {
            tracing::error!(error = cause, "the login failed");
            Problem::internal()
        }
    }
}
