use crate::session::RequestContext;
use axess_events::AuditText;

/// Who asks for an operator's verb, why, and in which request; all of it goes into the audit trail.
///
/// ```
/// use axess_core::{service::Operator, session::RequestContext};
/// let request = RequestContext { request_id: Some("req-1".into()), ..RequestContext::default() };
/// let operator = Operator::new("ops@example.com", "ticket 4711").in_request(&request);
/// assert_eq!((operator.reason.as_str(), operator.request), ("ticket 4711", request));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The request it is asked for in; empty for tools.
    pub request: RequestContext,
}

impl Operator {
    /// Names an operator and their reason.
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), request: RequestContext::default() }
    }

    /// Sets the request it is asked for in: [`SessionHandle::context`](crate::session::SessionHandle::context).
    #[must_use]
    pub fn in_request(mut self, request: &RequestContext) -> Self {
        self.request = request.clone();
        self
    }

    pub(super) fn principal(&self) -> AuditText {
        self.name.as_str().into()
    }

    pub(super) fn why(&self) -> AuditText {
        self.reason.as_str().into()
    }
}
