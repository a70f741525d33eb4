use std::{net::IpAddr, sync::Arc};

/// What is known about the request a session is used in.
///
/// It feeds lockout and the audit trail.
///
/// ```
/// use axess_core::session::RequestContext;
/// let context = RequestContext { client_ip: Some("192.0.2.1".parse().unwrap()), ..RequestContext::default() };
/// assert!(context.user_agent.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestContext {
    /// Where the request comes from, as far as the proxies in front are trusted.
    pub client_ip: Option<IpAddr>,
    /// The user agent, as sent.
    pub user_agent: Option<Arc<str>>,
    /// The request's id.
    pub request_id: Option<Arc<str>>,
    /// The trace the request belongs to.
    pub trace_id: Option<Arc<str>>,
    /// A keyed digest of the browser's features, bound to the session when it is created or rotated.
    pub fingerprint: Option<[u8; 32]>,
}
