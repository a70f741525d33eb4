//! Logging out there when somebody logs out here, and the other way round.

use super::{NAME, off};
use crate::{
    access::{Access, fault::problem, open::TENANT},
    problem::Problem,
};
use axess::{
    AuthSession, FederatedLogoutOptions, ProviderLogoutOutcome,
    federation::{CallbackResponse, Redirection},
};
use http::StatusCode;

/// What came of a logout message of the provider's.
pub(in crate::access) enum Told {
    /// The browser takes this back.
    Answer(Redirection),
    /// Nothing is to be answered.
    Done,
}

/// Ends the session, and says where its person can be logged out at the provider too.
///
/// # Errors
///
/// 503 while the session is not over.
pub(in crate::access) async fn out(
    access: &Access,
    session: &AuthSession,
) -> Result<Option<Redirection>, Problem> {
    if access.sso.is_none() {
        access.service.logout(session).await.map_err(problem)?;
        return Ok(None);
    }
    let options = FederatedLogoutOptions::default();
    match access.service.begin_federated_logout(session, options).await {
        Ok(there) => Ok(there),
        // It is over here; there, it is not known.
        Err(error @ (axess::AuthnError::Federation(_) | axess::AuthnError::UnknownProvider)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "nobody is logged out at the provider");
            Ok(None)
        }
        Err(error) => Err(problem(error)),
    }
}

/// Obeys a logout token that the provider posted (OpenID Connect Back-Channel Logout 1.0).
///
/// # Errors
///
/// 400 `logout_refused`; 404 `sso_off`; 503.
pub(in crate::access) async fn obey(
    access: &Access,
    session: &AuthSession,
    message: CallbackResponse,
) -> Result<(), Problem> {
    access.sso.as_ref().filter(|sso| !sso.is_saml).ok_or_else(off)?;
    tell(access, session, message).await.map(drop)
}

/// Takes a logout message of SAML: obeys a request, and takes note of an answer.
///
/// # Errors
///
/// 400 `logout_refused`; 404 `sso_off`; 503.
pub(in crate::access) async fn single_logout(
    access: &Access,
    session: &AuthSession,
    message: CallbackResponse,
) -> Result<Told, Problem> {
    access.sso.as_ref().filter(|sso| sso.is_saml).ok_or_else(off)?;
    tell(access, session, message).await
}

/// Describes us to a provider that speaks SAML.
///
/// # Errors
///
/// 404 `sso_off`; 500.
pub(in crate::access) fn metadata(access: &Access) -> Result<Vec<u8>, Problem> {
    let saml = access.sso.as_ref().and_then(|sso| sso.saml.as_ref()).ok_or_else(off)?;
    saml.metadata(&*access.rng).map_err(|error| problem(axess::AuthnError::Federation(error)))
}

async fn tell(access: &Access, session: &AuthSession, message: CallbackResponse) -> Result<Told, Problem> {
    let told = access.service.complete_backchannel_logout(session, TENANT, NAME, message).await;
    match told.map_err(problem)? {
        ProviderLogoutOutcome::Ended { answer: Some(answer), .. } => Ok(Told::Answer(answer)),
        ProviderLogoutOutcome::Ended { answer: None, .. } => Ok(Told::Done),
        ProviderLogoutOutcome::Refused(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "a logout was refused");
            Err(Problem::new(StatusCode::BAD_REQUEST, "logout_refused")
                .with("error", "invalid_request")
                .with_detail(
                    "the message cannot be used: it is malformed, too old, used, or not of the provider",
                ))
        }
    }
}
