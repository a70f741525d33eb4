//! Going to the provider, and coming back.

use super::{NAME, off};
use crate::{
    access::{
        Access,
        fault::problem,
        front::FRESH_FOR,
        login::{proved, safe_next},
        open::TENANT,
    },
    problem::Problem,
};
use axess::{
    AuthSession, FactorStep, FederatedOutcome,
    federation::{CallbackResponse, FederationError, FederationOptions, Redirection},
};
use http::StatusCode;
use std::time::Duration;

/// What a login page may offer.
///
/// ```
/// use audex_server::access::sso::Offer;
/// assert!(Offer { sso: true, local: false }.sso);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// To sign in at the provider.
    pub sso: bool,
    /// A password and a code.
    pub local: bool,
}

/// What a login at the provider began with.
pub(in crate::access) enum Begun {
    /// The browser goes there.
    There(Redirection),
    /// Nothing is to be proved.
    Already,
}

impl Access {
    /// Returns what a login page may offer.
    pub fn offer(&self) -> Offer {
        Offer { sso: self.sso.is_some(), local: self.sso.as_ref().is_none_or(|sso| sso.is_local_login) }
    }

    /// Tells whether a session rests on a login at the provider, so that it is proved again there.
    pub(crate) fn is_by_sso(&self, session: &AuthSession) -> bool {
        let kind = self.sso.as_ref().map(|sso| sso.kind());
        kind.is_some_and(|kind| session.is_authenticated() && session.factors_completed().contains(kind))
    }

    /// Refuses a password where people sign in at their provider alone.
    pub(in crate::access) fn require_local_login(&self) -> Result<(), Problem> {
        if self.offer().local {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "local_login_off")
            .with_detail("people sign in with their company's account here"))
    }
}

/// Begins a login at the provider, or has somebody prove again there who is logged in.
///
/// # Errors
///
/// 404 `sso_off`; 503 `sso_unavailable` when the provider does not answer; 503.
pub(in crate::access) async fn begin(
    access: &Access,
    session: &AuthSession,
    next: &str,
) -> Result<Begun, Problem> {
    let sso = access.sso.as_ref().ok_or_else(off)?;
    let mut options = FederationOptions { return_to: Some(safe_next(next).to_owned()), ..Default::default() };
    if session.is_authenticated() {
        match proved(access, session) {
            Ok(info) if info.require_fresh(FRESH_FOR, access.clock.now()).is_ok() => {
                return Ok(Begun::Already);
            }
            Ok(_) => {
                let step = FactorStep::Required(sso.kind().clone());
                access.service.require_step_up(session, vec![step]).await.map_err(problem)?;
                options.max_age = Some(Duration::ZERO);
                options.force = true;
            }
            // A password alone: an enrolment that was broken off.
            Err(_) => access.service.logout(session).await.map(drop).map_err(problem)?,
        }
    }
    let begun = access.service.begin_federated_login(session, TENANT, NAME, options).await;
    begun.map(Begun::There).map_err(problem)
}

/// Takes what the browser came back with, and says where it goes on.
///
/// # Errors
///
/// 403 `sso_refused`, which says what to do; 404 `sso_off`; 503 `sso_unavailable`; 503.
pub(in crate::access) async fn complete(
    access: &Access,
    session: &AuthSession,
    response: CallbackResponse,
) -> Result<String, Problem> {
    access.sso.as_ref().ok_or_else(off)?;
    let done = access.service.complete_federated_login(session, NAME, response).await.map_err(problem)?;
    let next = safe_next(done.return_to.as_deref().unwrap_or_default()).to_owned();
    let why = match &done.outcome {
        FederatedOutcome::Authenticated => return Ok(next),
        FederatedOutcome::NotLinked | FederatedOutcome::NotAllowed | FederatedOutcome::LinkedElsewhere => {
            "your company's account opens none here: ask an administrator of this server to invite its address \
             (which your company has to have verified), or to enable the account"
        }
        FederatedOutcome::Locked { .. } => {
            "that has been tried too often: wait some minutes and sign in again"
        }
        FederatedOutcome::Refused(error) => refusal(error),
        // Nothing here asks for it: the login is begun again.
        FederatedOutcome::FactorRequired(_) | FederatedOutcome::Linked => "sign in again",
    };
    tracing::info!(outcome = ?done.outcome, "a login at the identity provider was refused");
    Err(Problem::new(StatusCode::FORBIDDEN, "sso_refused").with_detail(why))
}

/// Says what to do, and no more than that.
fn refusal(error: &FederationError) -> &'static str {
    match error {
        FederationError::Denied { .. } => "your identity provider said no: sign in again, or ask there",
        FederationError::StateMismatch | FederationError::Expired | FederationError::Replayed => {
            "this sign-in is over, took too long or was begun in another browser: sign in again"
        }
        FederationError::AcrNotMet | FederationError::AuthenticationTooOld => {
            "your identity provider did not ask for as much as this server wants: sign in again, with a second factor"
        }
        _ => {
            "what your identity provider answered cannot be used: sign in again, and tell an administrator if it stays"
        }
    }
}
