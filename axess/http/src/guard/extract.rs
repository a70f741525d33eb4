use super::{AuthnInfo, GuardRejection, PartialInfo};
use crate::AuthSession;
use axess_core::session::SessionHandle;
use axum::extract::FromRequestParts;
use chrono::TimeDelta;
use http::request::Parts;
use std::ops::Deref;

/// A session in which every step of a login was proved.
///
/// A handler that takes it is never reached by anybody else.
///
/// ```
/// use axess_http::Authenticated;
/// async fn dashboard(user: Authenticated) -> String {
///     format!("welcome {}", user.user_id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/dashboard", axum::routing::get(dashboard));
/// ```
#[derive(Debug, Clone)]
pub struct Authenticated {
    info: AuthnInfo,
    session: AuthSession,
}

/// A session in which a login waits for its next credential.
///
/// It is no [`Authenticated`], and cannot become one.
///
/// ```
/// use axess_http::Partial;
/// async fn second_step(login: Partial) -> String {
///     format!("next: {:?}", login.next_step)
/// }
/// # let _: axum::Router = axum::Router::new().route("/login/second", axum::routing::get(second_step));
/// ```
#[derive(Debug, Clone)]
pub struct Partial {
    info: PartialInfo,
    session: AuthSession,
}

/// An [`Authenticated`] session whose latest proof is at most `MAX_AGE_SECS` old.
///
/// ```
/// use axess_http::Fresh;
/// async fn close_account(user: Fresh<300>) -> String {
///     format!("goodbye {}", user.user_id)
/// }
/// # let _: axum::Router = axum::Router::new().route("/close", axum::routing::post(close_account));
/// ```
#[derive(Debug, Clone)]
pub struct Fresh<const MAX_AGE_SECS: u64>(Authenticated);

impl Authenticated {
    /// Returns the session, for the verbs of the service.
    #[must_use]
    pub fn session(&self) -> &AuthSession {
        &self.session
    }
}

impl Partial {
    /// Returns the session, for the verbs of the service.
    #[must_use]
    pub fn session(&self) -> &AuthSession {
        &self.session
    }
}

impl<const MAX_AGE_SECS: u64> Fresh<MAX_AGE_SECS> {
    /// Returns the session, for the verbs of the service.
    #[must_use]
    pub fn session(&self) -> &AuthSession {
        self.0.session()
    }
}

impl Deref for Authenticated {
    type Target = AuthnInfo;

    fn deref(&self) -> &AuthnInfo {
        &self.info
    }
}

impl Deref for Partial {
    type Target = PartialInfo;

    fn deref(&self) -> &PartialInfo {
        &self.info
    }
}

impl<const MAX_AGE_SECS: u64> Deref for Fresh<MAX_AGE_SECS> {
    type Target = AuthnInfo;

    fn deref(&self) -> &AuthnInfo {
        &self.0.info
    }
}

fn session(parts: &Parts) -> Result<SessionHandle, GuardRejection> {
    parts.extensions.get::<SessionHandle>().cloned().ok_or(GuardRejection::NoSessionLayer)
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        let session = session(parts)?;
        Ok(Self { info: AuthnInfo::of(&session)?, session: AuthSession(session) })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Partial {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        let session = session(parts)?;
        Ok(Self { info: PartialInfo::of(&session)?, session: AuthSession(session) })
    }
}

impl<S: Send + Sync, const MAX_AGE_SECS: u64> FromRequestParts<S> for Fresh<MAX_AGE_SECS> {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, GuardRejection> {
        let authenticated = Authenticated::from_request_parts(parts, state).await?;
        let now = authenticated.session.sessions().clock().now();
        let max_age =
            i64::try_from(MAX_AGE_SECS).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
        authenticated.info.require_fresh(max_age, now)?;
        Ok(Self(authenticated))
    }
}
