//! A browser that remembers one cookie, for requests that need no network.

use axess_http::PeerAddr;
use axum::{Router, body::Body};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use std::net::IpAddr;
use tower::ServiceExt;

/// The largest body a test looks at.
const MAX_BODY: usize = 64 * 1024;

/// Sends requests to a router and keeps the session cookie as a browser does. A clone is another tab with its own jar.
#[derive(Clone)]
pub(super) struct Browser {
    app: Router,
    /// The cookie as it is sent: `name=value`.
    pub(super) cookie: Option<String>,
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Browser {
    pub(super) fn new(app: Router) -> Self {
        Self { app, cookie: None, headers: HeaderMap::new(), peer: None }
    }

    /// Sends `name: value` with every request, beside what was added before.
    pub(super) fn with_header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Sends `name: value` in place of what was added before.
    pub(super) fn replace_header(&mut self, name: &'static str, value: &'static str) {
        self.headers.insert(name, HeaderValue::from_static(value));
    }

    /// Connects from `peer`.
    pub(super) fn connecting_from(mut self, peer: &str) -> Self {
        self.peer = Some(peer.parse().unwrap());
        self
    }

    /// Presents `cookie` from now on.
    pub(super) fn with_cookie(mut self, cookie: impl Into<String>) -> Self {
        self.cookie = Some(cookie.into());
        self
    }

    /// Talks to another router from now on.
    pub(super) fn at(mut self, app: Router) -> Self {
        self.app = app;
        self
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path).await
    }

    pub(super) async fn post(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path).await
    }

    pub(super) async fn send(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        *request.headers_mut() = self.headers.clone();
        if let Some(cookie) = &self.cookie {
            request.headers_mut().append(header::COOKIE, cookie.parse().unwrap());
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(PeerAddr(peer));
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MAX_BODY).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        if let Some(set) = reply.session_cookie() {
            let kept = !set.contains("; Max-Age=0;");
            self.cookie = kept.then(|| set.split(';').next().unwrap().to_owned());
        }
        reply
    }

    /// The value of the cookie, without its name.
    pub(super) fn cookie_value(&self) -> &str {
        self.cookie.as_deref().unwrap().split_once('=').unwrap().1
    }
}

impl Reply {
    /// The one `Set-Cookie` that speaks of the session.
    pub(super) fn session_cookie(&self) -> Option<&str> {
        let all = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let mut sessions =
            all.filter(|set| set.starts_with("__Host-session=") || set.starts_with("session="));
        let first = sessions.next();
        assert_eq!(sessions.next(), None, "one response sets the session cookie twice");
        first
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `code` of a problem document.
    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16(), "{self:?}");
        problem["code"].as_str().unwrap().to_owned()
    }
}
