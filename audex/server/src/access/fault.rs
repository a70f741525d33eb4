use crate::problem::Problem;
use axess::{
    AuthnError,
    federation::{FederationError, FederationFault},
};
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
            federation(fault)
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

/// Says who can do something about a provider that cannot be used: only where it is down, whoever waits.
fn federation(error: &FederationError) -> Problem {
    let unavailable = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "sso_unavailable");
    match (error.fault(), error) {
        (FederationFault::Provider, _) => unavailable.with_retry_after(10).with_detail(
            "the identity provider does not answer: try again in a moment, or tell an administrator of this server",
        ),
        (_, FederationError::Denied { .. }) => unavailable.with_detail(
            "the identity provider refuses this sign-in: ask there, or tell an administrator of this server",
        ),
        (FederationFault::Configuration, _) => {
            unavailable.with_detail("single sign-on is set up wrongly: tell an administrator of this server")
        }
        (FederationFault::Caller, _) => unavailable.with_detail(
            "the identity provider is not as this server expects it: tell an administrator of this server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    #[test]
    fn only_a_provider_that_is_down_is_to_be_tried_again() {
        let weaker = FederationError::WeakerThanConfigured { what: "PKCE" };
        let wrong = FederationError::Configuration { what: "no endpoint".to_owned() };
        for (error, expected, retry_after) in [
            (FederationError::unavailable("discovery", "down"), "does not answer: try again", Some("10")),
            (FederationError::IssuerMismatch, "is not as this server expects", None),
            (weaker, "is not as this server expects", None),
            (FederationError::denied("access_denied"), "refuses this sign-in", None),
            (FederationError::client_rejected("invalid_client"), "is set up wrongly", None),
            (wrong, "is set up wrongly", None),
        ] {
            let what = error.to_string();
            let problem = problem(AuthnError::Federation(error));
            assert_eq!((problem.status().as_u16(), problem.code()), (503, "sso_unavailable"), "{what}");
            let json = problem.json();
            let detail = json["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(expected), "{what}: {detail}");
            assert_eq!(detail.contains("try again"), retry_after.is_some(), "{what}: {detail}");
            let response = problem.into_response();
            let waits = response.headers().get("retry-after").map(|seconds| seconds.as_bytes());
            assert_eq!(waits, retry_after.map(str::as_bytes), "{what}");
        }
    }
}
