//! What a refused or failed verb looks like from outside.

use axess_core::{
    audit::AuditError,
    authn::{AuthnError, MethodError},
    delivery::DeliveryError,
    session::SessionError,
    store::{StoreError, StoreErrorKind},
};
use axess_factors::{OtpauthError, PasswordError, federated::FederationError};
use axess_http::{AuthnRejection, GuardRejection, MissingSessionLayer};
use axess_identity::FactorKind;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Stands in for what must not be told.
const SECRET: &str = "db-7.internal: relation users does not exist";

fn store() -> StoreError {
    StoreError::new(StoreErrorKind::Backend, SECRET)
}

/// Every error of the service with the answer it becomes.
fn table() -> Vec<(AuthnError, u16, &'static str)> {
    use AuthnError::*;
    vec![
        (NotAuthenticated, 401, "authentication_required"),
        (StepUpRequired, 401, "step_up_required"),
        (SessionEnded, 401, "session_ended"),
        (NotAuthenticating, 401, "no_login_in_progress"),
        (AlreadyAuthenticated, 409, "already_authenticated"),
        (AmbiguousFactor, 422, "ambiguous_factor"),
        (FactorNotOffered(FactorKind::Totp), 422, "factor_not_offered"),
        (Signup(SECRET.into()), 422, "signup_refused"),
        (NoSuchRecord, 404, "not_found"),
        (UnknownProvider, 404, "not_found"),
        (Federation(FederationError::MixUp), 422, "federation_refused"),
        (Federation(FederationError::unavailable(SECRET, SECRET)), 503, "unavailable"),
        (Federation(FederationError::Configuration { what: SECRET.into() }), 500, "internal_error"),
        (Taken, 409, "taken"),
        (Overloaded { retry_after: Duration::from_millis(2_500) }, 503, "unavailable"),
        (Overloaded { retry_after: Duration::ZERO }, 503, "unavailable"),
        (Store(store()), 503, "unavailable"),
        (Session(SessionError::Store(store())), 503, "unavailable"),
        (Session(SessionError::Contended), 503, "unavailable"),
        (Audit(AuditError::new(SECRET)), 503, "unavailable"),
        (Audit(AuditError::full(Duration::from_secs(7))), 503, "unavailable"),
        (Delivery(DeliveryError::new(SECRET)), 503, "unavailable"),
        (UnsupportedFactor(FactorKind::Fido2), 500, "internal_error"),
        (NotConfigured(SECRET), 500, "internal_error"),
        (NoMethod, 500, "internal_error"),
        (UnknownMethod, 500, "internal_error"),
        (Method(MethodError::NoSteps), 500, "internal_error"),
        (Otpauth(OtpauthError::InvalidIssuer), 500, "internal_error"),
        (Credential(PasswordError::CorruptRecord), 500, "internal_error"),
    ]
}

async fn read(response: Response) -> (u16, http::HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 4_096).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_error_has_a_status_and_a_code_and_says_no_more() {
    for (error, status, code) in table() {
        let name = format!("{error:?}");
        let wait = match &error {
            AuthnError::Overloaded { retry_after } => Some(retry_after.as_secs().max(1).to_string()),
            AuthnError::Audit(error) => error.retry_after().map(|wait| wait.as_secs().to_string()),
            _ => None,
        };
        let (got, headers, body) = read(AuthnRejection::from(error).into_response()).await;
        assert_eq!(got, status, "{name}");
        let title = http::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap();
        let wanted = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"code\":\"{code}\"}}"
        );
        assert_eq!(body, wanted, "{name}");
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text("content-type").as_deref(), Some("application/problem+json"), "{name}");
        assert_eq!(text("cache-control").as_deref(), Some("no-store"), "{name}");
        assert_eq!(text("retry-after"), wait, "{name}");
        let challenge =
            (code == "step_up_required").then_some("Bearer error=\"insufficient_user_authentication\"");
        assert_eq!(text("www-authenticate").as_deref(), challenge, "{name}");
    }
}

#[test]
fn the_table_has_every_error() {
    // A new variant stops this from compiling until it has a row.
    let row = |error: &AuthnError| match error {
        AuthnError::NotAuthenticating => 0,
        AuthnError::AlreadyAuthenticated => 1,
        AuthnError::NotAuthenticated => 2,
        AuthnError::StepUpRequired => 3,
        AuthnError::SessionEnded => 4,
        AuthnError::AmbiguousFactor => 5,
        AuthnError::FactorNotOffered(_) => 6,
        AuthnError::UnsupportedFactor(_) => 7,
        AuthnError::NoMethod => 8,
        AuthnError::UnknownMethod => 9,
        AuthnError::Method(_) => 10,
        AuthnError::Signup(_) => 11,
        AuthnError::NoSuchRecord => 12,
        AuthnError::Taken => 13,
        AuthnError::Overloaded { .. } => 14,
        AuthnError::Credential(_) => 15,
        AuthnError::Otpauth(_) => 16,
        AuthnError::Delivery(_) => 17,
        AuthnError::Session(_) => 18,
        AuthnError::Store(_) => 19,
        AuthnError::Audit(_) => 20,
        AuthnError::NotConfigured(_) => 21,
        AuthnError::UnknownProvider => 22,
        AuthnError::Federation(_) => 23,
    };
    let mut rows: Vec<u32> = table().iter().map(|(error, ..)| row(error)).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows, (0..24).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_refusal_of_a_guard_has_a_status_and_a_code() {
    for (rejection, status, code) in [
        (GuardRejection::Unauthenticated, 401, "authentication_required"),
        (GuardRejection::NoLoginInProgress, 401, "no_login_in_progress"),
        (GuardRejection::AlreadyAuthenticated, 409, "already_authenticated"),
        (GuardRejection::StepUpRequired { max_age_secs: 5 }, 401, "step_up_required"),
        (GuardRejection::SecondFactorRequired, 401, "second_factor_required"),
        (GuardRejection::NoSessionLayer, 500, "internal_error"),
        (GuardRejection::NoAuthzLayer, 500, "internal_error"),
        (GuardRejection::NoAuthenticator, 500, "internal_error"),
        (GuardRejection::NotAccepted, 500, "internal_error"),
    ] {
        let (got, _, body) = read(Response::from(rejection)).await;
        assert_eq!(got, status, "{rejection:?}");
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{rejection:?}: {body}");
        assert!(!body.contains(&rejection.to_string()), "{rejection:?}: {body}");
    }
    assert_eq!(read(MissingSessionLayer.into_response()).await.0, 500);
}
