use super::{FingerprintPolicy, SessionFuture, fingerprint::Browser, layer::Shell};
use crate::{
    ClientIp, RequestId, SessionCookieRead, TraceContext, client_ip::peer_ip, problem, resolve_client_ip,
};
use axess_core::{
    audit::{AuditError, EventContext},
    session::{CookieAction, RequestContext, SessionError, SessionHandle},
    store::Owner,
};
use axess_events::{
    Actor,
    authentication::{Logout, LogoutReason},
    device::PolicyAction,
    shell::SessionFingerprintMismatch,
};
use axess_identity::SessionId;
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Uri, header};
use std::{
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

/// Gives every request a session; made by [`SessionLayer`](super::SessionLayer).
///
/// ```
/// fn is_clone<T: Clone>() {}
/// is_clone::<axess_http::SessionService<axum::Router>>();
/// ```
pub struct SessionService<S> {
    /// What each request's own service is cloned from.
    source: Arc<S>,
    /// The service of the next request, once it was asked whether it is ready.
    next: Option<S>,
    shell: Option<Arc<Shell>>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, shell: Option<Arc<Shell>>) -> Self {
        Self { source: Arc::new(inner), next: None, shell }
    }
}

impl<S> Clone for SessionService<S> {
    /// Shares the service inside: axum clones a route's layers with every request.
    fn clone(&self) -> Self {
        Self { source: Arc::clone(&self.source), next: None, shell: self.shell.clone() }
    }
}

impl<S> std::fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}

impl<S> Service<Request> for SessionService<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Error: Send,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = SessionFuture<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.next.get_or_insert_with(|| S::clone(&self.source)).poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> SessionFuture<S::Error> {
        let inner = self.next.take().unwrap_or_else(|| S::clone(&self.source));
        let Some(shell) = self.shell.clone() else {
            return SessionFuture::new(Box::pin(async { Ok(problem::internal()) }), None);
        };
        let seen = shell.look_at(&mut request);
        let session = seen.session.clone();
        SessionFuture::new(Box::pin(serve(shell, inner, request, seen)), Some(session))
    }
}

/// An `async` block instead of an `async fn`: it keeps one copy of its arguments, where the function would keep two.
fn serve<S>(
    shell: Arc<Shell>,
    mut inner: S,
    mut request: Request,
    seen: Seen,
) -> impl Future<Output = Result<Response, S::Error>>
where
    S: Service<Request>,
    S::Response: IntoResponse,
{
    let Seen { id, reissue, ip, session } = seen;
    async move {
        if let Some(id) = id
            && let Err(error) = session.load(id).await
        {
            return Ok(shell.store_failed(&error));
        }
        match shell.compare(&session, request.headers(), ip) {
            Browser::Same => {}
            Browser::SameByOldKey => session.rebind_fingerprint(),
            // Boxed, so that a request of the right browser does not carry the room for it.
            Browser::Other => {
                if let Some(refusal) = Box::pin(shell.act_on_foreign(&session)).await {
                    return Ok(refusal);
                }
            }
        }
        request.extensions_mut().insert(session.clone());
        let mut response = inner.call(request).await?.into_response();
        match session.finish().await {
            Ok(action) => shell.set_cookie(&mut response, action, reissue, &session),
            Err(error) => {
                // What was rotated before must still reach the browser.
                response = shell.store_failed(&error);
                shell.set_cookie(&mut response, session.cookie_action(), false, &session);
            }
        }
        Ok(response)
    }
}

/// Reads what an authorization server calls itself in a callback (RFC 9207 §2). Said twice, it is nobody's name.
fn issuer_parameter(address: &Uri) -> Option<Arc<str>> {
    let mut said = form_urlencoded::parse(address.query()?.as_bytes()).filter(|(name, _)| name == "iss");
    let (_, issuer) = said.next()?;
    Some(if said.next().is_some() { "".into() } else { issuer.into() })
}

/// What a request says about itself, and its session, which is yet to be loaded.
struct Seen {
    id: Option<SessionId>,
    reissue: bool,
    ip: Option<IpAddr>,
    session: SessionHandle,
}

impl Shell {
    fn look_at(&self, request: &mut Request) -> Seen {
        let headers = request.headers();
        let extensions = request.extensions();
        let resolved = extensions.get::<ClientIp>().copied();
        let client =
            resolved.unwrap_or_else(|| resolve_client_ip(peer_ip(extensions), headers, &self.client_ip));
        let (id, reissue) = match self.cookie.read(headers) {
            SessionCookieRead::Valid { session_id, reissue } => (Some(session_id), reissue),
            SessionCookieRead::Absent => (None, false),
            SessionCookieRead::Refused(why) => {
                tracing::info!(?why, "a session cookie was refused");
                (None, false)
            }
        };
        let browser = self.fingerprinter.recognise(headers, client.ip);
        let context = RequestContext {
            client_ip: client.ip,
            user_agent: browser.user_agent,
            request_id: extensions.get::<RequestId>().map(|id| id.as_str().into()),
            trace_id: extensions
                .get::<TraceContext>()
                .map(|trace| trace.traceparent().trace_id.to_string().into()),
            fingerprint: Some(browser.digest),
            issuer_parameter: issuer_parameter(request.uri()),
            device: self.device_cookie.as_ref().and_then(|cookie| cookie.read(headers)),
        };
        request.extensions_mut().insert(client);
        Seen { id, reissue, ip: client.ip, session: self.sessions.guest(context) }
    }

    /// Compares this request's browser with the one the session is bound to.
    fn compare(&self, session: &SessionHandle, headers: &HeaderMap, ip: Option<IpAddr>) -> Browser {
        match (session.fingerprint(), session.context().fingerprint) {
            (Some(bound), Some(digest)) => self.fingerprinter.compare(&bound, &digest, headers, ip),
            _ => Browser::Same,
        }
    }

    /// Acts by the policy on another browser; returns the refusal when the request must not go on.
    async fn act_on_foreign(&self, session: &SessionHandle) -> Option<Response> {
        // A browser that was updated is reported once, not with every request from now on.
        if self.policy == FingerprintPolicy::Warn && !session.report_foreign() {
            return None;
        }
        self.metrics.fingerprint_mismatch();
        tracing::warn!(session = ?session.session_id(), policy = ?self.policy, "another browser uses a session");
        if let Err(error) = self.record_mismatch(session).await {
            return Some(problem::unavailable(error.retry_after()));
        }
        let before = (session.owner(), session.session_id());
        let acted = match self.policy {
            FingerprintPolicy::Warn => return None,
            FingerprintPolicy::Reauth => session.drop_authentication().await,
            FingerprintPolicy::Revoke => session.clear().await.map(|_| ()),
        };
        match acted {
            Ok(()) | Err(SessionError::Ended) => {
                if let Err(error) = self.record_logout(session, before).await {
                    return Some(problem::unavailable(error.retry_after()));
                }
                let mut refusal = problem::unauthenticated("session_mismatch");
                append(&mut refusal, self.cookie.removal());
                Some(refusal)
            }
            Err(error) => Some(self.store_failed(&error)),
        }
    }

    async fn record_mismatch(&self, session: &SessionHandle) -> Result<(), AuditError> {
        let Some(audit) = &self.audit else { return Ok(()) };
        let event = SessionFingerprintMismatch {
            user_id: session.user_id(),
            session_id: session.session_id(),
            policy_action: match self.policy {
                FingerprintPolicy::Warn => PolicyAction::Warn,
                FingerprintPolicy::Reauth => PolicyAction::Reauth,
                FingerprintPolicy::Revoke => PolicyAction::Revoke,
            },
        };
        // The one who holds the cookie is not known to be the user.
        let context = EventContext { actor: None, ..EventContext::of_session(session) };
        audit.emit(&context, event).await.map(|_| ())
    }

    /// Records that nobody is logged in in the session any more.
    async fn record_logout(
        &self,
        session: &SessionHandle,
        (owner, session_id): (Option<Owner>, SessionId),
    ) -> Result<(), AuditError> {
        let (Some(audit), Some(owner)) = (&self.audit, owner) else { return Ok(()) };
        let (user_id, reason) = (owner.user_id, LogoutReason::CookieFingerprintMismatch);
        let context = EventContext {
            tenant_id: Some(owner.tenant_id),
            actor: Some(Actor::System),
            request: session.context().clone(),
        };
        audit.emit(&context, Logout { user_id, session_id, reason }).await.map(|_| ())
    }

    fn set_cookie(
        &self,
        response: &mut Response,
        action: CookieAction,
        reissue: bool,
        session: &SessionHandle,
    ) {
        match action {
            CookieAction::Issue { id, expires_at } => append(response, self.issue(id, expires_at)),
            CookieAction::Remove => append(response, self.cookie.removal()),
            // Signed by a previous key: the same session under the current one.
            CookieAction::Keep if reissue => {
                if let Some(expires_at) = session.expires_at() {
                    append(response, self.issue(session.session_id(), expires_at));
                }
            }
            CookieAction::Keep => {}
        }
    }

    fn issue(&self, id: SessionId, expires_at: DateTime<Utc>) -> HeaderValue {
        let now = self.sessions.clock().now();
        self.cookie.issue(&id, (expires_at - now).to_std().ok())
    }

    fn store_failed(&self, error: &SessionError) -> Response {
        self.metrics.store_failed();
        tracing::error!(error = error as &dyn std::error::Error, "a session could not be read or written");
        problem::unavailable(None)
    }
}

/// Adds a cookie, and keeps shared caches from keeping the response for others, whatever the handler thought of them.
fn append(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
