use super::RevocableSocket;
use crate::{AuthnInfo, GuardRejection};
use axess_core::session::SessionHandle;
use axum::{
    extract::{
        FromRequestParts,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use http::request::Parts;
use std::time::Duration;

/// How often a connection's session is looked at when nothing else is said.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// The most often it can be.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// How long an application may go on with a connection whose session has ended.
const CLOSING: Duration = Duration::from_secs(5);
/// The largest message that is accepted when nothing else is said.
const DEFAULT_MESSAGE: usize = 64 * 1024;

/// A WebSocket handshake by an authenticated session.
///
/// The browser sends no `Sec-Fetch-Site` guarantee with it: check the origin with the CSRF layer or compare the
/// `Origin` header, as for any state-changing request.
///
/// ```
/// use axess_http::{AuthWebSocketUpgrade, RevocableSocket};
/// use axum::response::Response;
/// async fn feed(upgrade: AuthWebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(|mut socket: RevocableSocket| async move {
///         while let Some(Ok(message)) = socket.recv().await {
///             if socket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
/// # let _: axum::Router = axum::Router::new().route("/feed", axum::routing::any(feed));
/// ```
#[derive(Debug)]
pub struct AuthWebSocketUpgrade {
    upgrade: WebSocketUpgrade,
    session: SessionHandle,
    info: AuthnInfo,
    interval: Duration,
}

/// Says why a handshake was refused.
///
/// ```
/// use axess_http::{GuardRejection, WebSocketRejection};
/// use axum::response::IntoResponse;
/// let refused = WebSocketRejection::Guard(GuardRejection::Unauthenticated);
/// assert_eq!(refused.into_response().status(), 401);
/// ```
#[derive(Debug)]
pub enum WebSocketRejection {
    /// The session may not open a connection.
    Guard(GuardRejection),
    /// The request is no WebSocket handshake.
    Handshake(WebSocketUpgradeRejection),
}

impl AuthWebSocketUpgrade {
    /// Returns who opens the connection.
    #[must_use]
    pub fn info(&self) -> &AuthnInfo {
        &self.info
    }

    /// Sets how often the session is looked at: the longest a revoked connection stays open.
    ///
    /// Default: 5 seconds.
    #[must_use]
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(MIN_INTERVAL);
        self
    }

    /// Sets the largest message that is accepted, in bytes.
    ///
    /// Default: 64 KiB.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.upgrade = limited(self.upgrade, bytes);
        self
    }

    /// Completes the handshake and runs `serve` on the connection.
    pub fn on_upgrade<C, F>(self, serve: C) -> Response
    where
        C: FnOnce(RevocableSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, session, info, interval } = self;
        let sessions = session.sessions().clone();
        upgrade.on_upgrade(move |socket| async move {
            let socket = RevocableSocket::new(socket, sessions, info.session_id, interval);
            let ended = socket.ended();
            // An application that waits for something else gets a moment to notice, then the connection is dropped.
            tokio::select! {
                () = serve(socket) => {}
                () = async { ended.await; tokio::time::sleep(CLOSING).await } => {}
            }
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuthWebSocketUpgrade {
    type Rejection = WebSocketRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebSocketRejection> {
        let session = parts.extensions.get::<SessionHandle>().cloned();
        let session = session.ok_or(WebSocketRejection::Guard(GuardRejection::NoSessionLayer))?;
        let info = AuthnInfo::of(&session).map_err(WebSocketRejection::Guard)?;
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state)
            .await
            .map_err(WebSocketRejection::Handshake)?;
        let upgrade = limited(upgrade, DEFAULT_MESSAGE);
        Ok(Self { upgrade, session, info, interval: DEFAULT_INTERVAL })
    }
}

/// Limits messages, and frames with them: a frame is buffered whole before its message is measured.
fn limited(upgrade: WebSocketUpgrade, bytes: usize) -> WebSocketUpgrade {
    upgrade.max_message_size(bytes).max_frame_size(bytes)
}

impl IntoResponse for WebSocketRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Guard(rejection) => rejection.into_response(),
            Self::Handshake(rejection) => rejection.into_response(),
        }
    }
}
