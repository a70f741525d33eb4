use super::GuardRejection;
use axess_core::{
    authn::FactorStep,
    session::{AuthState, SessionHandle},
};
use axess_identity::{FactorKind, SessionId, TenantId, UserId};
use axess_strings::SharedStr;
use chrono::{DateTime, TimeDelta, Utc};

/// A proved identity, as it was when the guard looked.
///
/// ```
/// use axess_http::{AuthnInfo, AuthSession};
/// use axum::response::{IntoResponse, Response};
/// async fn me(session: AuthSession) -> Response {
///     let info: AuthnInfo = axess_macros::require_authn!(session);
///     info.user_id.to_string().into_response()
/// }
/// # let _: axum::Router = axum::Router::new().route("/me", axum::routing::get(me));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnInfo {
    /// The user.
    pub user_id: UserId,
    /// Their tenant.
    pub tenant_id: TenantId,
    /// The session.
    pub session_id: SessionId,
    /// When the latest proof was given.
    pub authn_time: DateTime<Utc>,
    /// Every factor proved in the session.
    pub factors_completed: Vec<FactorKind>,
}

/// A login in progress, as it was when the guard looked.
///
/// The user is claimed, not proved.
///
/// ```
/// use axess_http::{AuthSession, PartialInfo};
/// use axum::response::{IntoResponse, Response};
/// async fn prompt(session: AuthSession) -> Response {
///     let login: PartialInfo = axess_macros::require_partial_authn!(session);
///     format!("{:?}", login.next_step).into_response()
/// }
/// # let _: axum::Router = axum::Router::new().route("/login/second", axum::routing::get(prompt));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialInfo {
    /// The method in progress.
    pub method_name: SharedStr,
    /// The factors proved so far.
    pub completed: Vec<FactorKind>,
    /// The step that waits for a credential.
    pub next_step: FactorStep,
}

impl AuthnInfo {
    /// Reads the identity of a session.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::Unauthenticated`].
    pub fn of(session: &SessionHandle) -> Result<Self, GuardRejection> {
        session.with_state(|state| match state {
            AuthState::Authenticated { user_id, tenant_id, authn_time, factors_completed, .. } => Ok(Self {
                user_id: *user_id,
                tenant_id: *tenant_id,
                session_id: session.session_id(),
                authn_time: *authn_time,
                factors_completed: factors_completed.clone(),
            }),
            _ => Err(GuardRejection::Unauthenticated),
        })
    }

    /// Refuses unless the latest proof is at most `max_age` old at `now`.
    ///
    /// A proof from the future (the clock was set back) counts as fresh no longer than one from now.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::StepUpRequired`].
    pub fn require_fresh(&self, max_age: TimeDelta, now: DateTime<Utc>) -> Result<(), GuardRejection> {
        let age = (now - self.authn_time).abs();
        if age > max_age {
            return Err(GuardRejection::StepUpRequired {
                max_age_secs: max_age.num_seconds().unsigned_abs(),
            });
        }
        Ok(())
    }

    /// Refuses unless two kinds of factor were proved, something known and something held ([`FactorKind::are_two`]).
    ///
    /// A password is known, and so is a login at an identity provider; a code and a passkey are held.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::SecondFactorRequired`].
    pub fn require_mfa(&self) -> Result<(), GuardRejection> {
        match FactorKind::are_two(&self.factors_completed) {
            true => Ok(()),
            false => Err(GuardRejection::SecondFactorRequired),
        }
    }
}

impl PartialInfo {
    /// Reads the login in progress of a session.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::NoLoginInProgress`].
    pub fn of(session: &SessionHandle) -> Result<Self, GuardRejection> {
        session.with_state(|state| match state {
            AuthState::Authenticating { method_name, remaining, completed, .. } => {
                let next_step = remaining.first().cloned().ok_or(GuardRejection::NoLoginInProgress)?;
                Ok(Self { method_name: method_name.clone(), completed: completed.clone(), next_step })
            }
            _ => Err(GuardRejection::NoLoginInProgress),
        })
    }
}
