use crate::problem;
use axess_core::authn::{AuthnError, Fault};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// Says why a guard refused.
///
/// As a response it is `application/problem+json` with a stable `code`.
///
/// ```
/// use axess_http::GuardRejection;
/// use axum::response::IntoResponse;
/// assert_eq!(GuardRejection::Unauthenticated.into_response().status(), 401);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardRejection {
    /// 401 `authentication_required`: nobody is logged in.
    #[error("log in first")]
    Unauthenticated,
    /// 401 `no_login_in_progress`: no login waits for a credential.
    #[error("no login is in progress")]
    NoLoginInProgress,
    /// 409 `already_authenticated`: the route is for guests.
    #[error("somebody is logged in already")]
    AlreadyAuthenticated,
    /// 401 `step_up_required`: the latest proof is too old.
    #[error("log in again: the login is older than {max_age_secs} s")]
    StepUpRequired {
        /// How old it may be.
        max_age_secs: u64,
    },
    /// 401 `second_factor_required`: only one factor was proved.
    #[error("a second factor is needed")]
    SecondFactorRequired,
    /// 500: the route has no [`SessionLayer`](crate::SessionLayer).
    #[error("this route has no session: add a SessionLayer to the router")]
    NoSessionLayer,
    /// 500: the route asks policies, and there are none.
    #[error("this route asks policies: enable the feature `authz` and add an AuthzLayer to the router")]
    NoAuthzLayer,
    /// 500: the route asks an authenticator, and there is none.
    #[error("this route asks an authenticator: add an AuthenticatorLayer to the router")]
    NoAuthenticator,
    /// 500: the handler takes an accepted caller, and its route has another guard.
    #[error(
        "this handler takes an accepted caller: declare its route with Guard::Accepted, of the same type"
    )]
    NotAccepted,
}

impl IntoResponse for GuardRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => problem::unauthenticated("authentication_required"),
            Self::NoLoginInProgress => problem::unauthenticated("no_login_in_progress"),
            Self::AlreadyAuthenticated => problem::problem(StatusCode::CONFLICT, "already_authenticated"),
            Self::StepUpRequired { max_age_secs } => challenge("step_up_required", Some(max_age_secs)),
            Self::SecondFactorRequired => challenge("second_factor_required", None),
            Self::NoSessionLayer | Self::NoAuthzLayer | Self::NoAuthenticator | Self::NotAccepted => {
                tracing::error!("{self}");
                problem::internal()
            }
        }
    }
}

impl From<GuardRejection> for Response {
    fn from(rejection: GuardRejection) -> Self {
        rejection.into_response()
    }
}

/// A 401 that a step-up cures says so in the words of RFC 9470 §3.
fn challenge(code: &'static str, max_age: Option<u64>) -> Response {
    let mut response = problem::unauthenticated(code);
    let age = max_age.map(|secs| format!(", max_age=\"{secs}\"")).unwrap_or_default();
    let text = format!("Bearer error=\"insufficient_user_authentication\"{age}");
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Turns an [`AuthnError`] into a response, so that handlers can use `?`.
///
/// The caller learns a status and a stable code; the cause goes to the log.
///
/// ```
/// use axess_core::authn::AuthnError;
/// use axess_http::AuthnRejection;
/// use axum::response::IntoResponse;
/// use std::time::Duration;
/// let busy = AuthnRejection::from(AuthnError::Overloaded { retry_after: Duration::from_secs(2) }).into_response();
/// assert_eq!(busy.status(), 503);
/// assert_eq!(busy.headers()["retry-after"], "2");
/// ```
#[derive(Debug)]
pub struct AuthnRejection(pub AuthnError);

impl From<AuthnError> for AuthnRejection {
    fn from(error: AuthnError) -> Self {
        Self(error)
    }
}

impl IntoResponse for AuthnRejection {
    fn into_response(self) -> Response {
        let error = self.0;
        let cause = &error as &dyn std::error::Error;
        let fault = error.fault();
        match fault {
            // A client can bring these about at will; they must not fill the error log.
            Fault::Caller | Fault::Misuse => {
                tracing::debug!(error = cause, "an authentication verb was refused")
            }
            Fault::Overload => tracing::warn!(error = cause, "an authentication verb was refused"),
            Fault::Configuration | Fault::Backend => {
                tracing::error!(error = cause, "an authentication verb failed")
            }
        }
        match error {
            AuthnError::NotAuthenticated => problem::unauthenticated("authentication_required"),
            AuthnError::StepUpRequired => challenge("step_up_required", None),
            AuthnError::SessionEnded => problem::unauthenticated("session_ended"),
            AuthnError::NotAuthenticating => problem::unauthenticated("no_login_in_progress"),
            AuthnError::AlreadyAuthenticated => {
                problem::problem(StatusCode::CONFLICT, "already_authenticated")
            }
            AuthnError::AmbiguousFactor => {
                problem::problem(StatusCode::UNPROCESSABLE_ENTITY, "ambiguous_factor")
            }
            AuthnError::FactorNotOffered(_) => {
                problem::problem(StatusCode::UNPROCESSABLE_ENTITY, "factor_not_offered")
            }
            AuthnError::Signup(_) => problem::problem(StatusCode::UNPROCESSABLE_ENTITY, "signup_refused"),
            AuthnError::NoSuchRecord | AuthnError::UnknownProvider => {
                problem::problem(StatusCode::NOT_FOUND, "not_found")
            }
            AuthnError::Taken => problem::problem(StatusCode::CONFLICT, "taken"),
            AuthnError::Overloaded { retry_after } => problem::unavailable(Some(retry_after)),
            AuthnError::Audit(error) => problem::unavailable(error.retry_after()),
            AuthnError::Store(_) | AuthnError::Session(_) | AuthnError::Delivery(_) => {
                problem::unavailable(None)
            }
            AuthnError::Federation(_) => match fault {
                Fault::Caller => problem::problem(StatusCode::UNPROCESSABLE_ENTITY, "federation_refused"),
                Fault::Backend => problem::unavailable(None),
                _ => problem::internal(),
            },
            AuthnError::UnsupportedFactor(_)
            | AuthnError::NoMethod
            | AuthnError::UnknownMethod
            | AuthnError::NotConfigured(_)
            | AuthnError::Method(_)
            | AuthnError::Otpauth(_)
            | AuthnError::Credential(_) => problem::internal(),
        }
    }
}
