//! The spans below that of the request. Each has the target `audex_server::telemetry::span`, which is what traces are made of.
//!
//! | Name | Around | Attributes |
//! |---|---|---|
//! | `http.request` | a request; its parent is the caller's, where there is a `traceparent` | `http.request.method`, `http.route`, `http.response.status_code` |
//! | `session.create` | policy, limits, the record and its evidence | `audex.provider`, `audex.session_id` |
//! | `credential.issue` | the provider minting, also for a refresh | `audex.provider` |
//! | `approval.request`, `approval.vote`, `approval.withdraw`, `approval.pickup` | one step of an approval | `audex.session_id` |
//! | `db.operation` | one call of the store | `db.operation.name` |

use audex_core::session::SessionId;
use audex_policy::Provider;
use tracing::{Span, field};

/// A step of an approval.
///
/// ```
/// use audex_server::telemetry::span::{ApprovalStep, approval};
/// let id = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
/// let span: tracing::Span = approval(ApprovalStep::Vote, id);
/// # let _ = span;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStep {
    /// It is asked for.
    Request,
    /// Somebody agrees or does not.
    Vote,
    /// Whoever asked does not want it any more.
    Withdraw,
    /// What was approved is issued.
    Pickup,
}

/// Begins the span of a session that is created.
pub fn session(provider: Provider, id: SessionId) -> Span {
    tracing::info_span!("session.create", audex.provider = provider.name(), audex.session_id = %id)
}

/// Begins the span of a credential that is minted.
pub fn issuance(provider: Provider) -> Span {
    tracing::info_span!("credential.issue", audex.provider = provider.name())
}

/// Begins the span of a step of an approval.
pub fn approval(step: ApprovalStep, id: SessionId) -> Span {
    match step {
        ApprovalStep::Request => tracing::info_span!("approval.request", audex.session_id = %id),
        ApprovalStep::Vote => tracing::info_span!("approval.vote", audex.session_id = %id),
        ApprovalStep::Withdraw => tracing::info_span!("approval.withdraw", audex.session_id = %id),
        ApprovalStep::Pickup => tracing::info_span!("approval.pickup", audex.session_id = %id),
    }
}

/// Begins the span of a call of the store: `operation` is the verb, as in `begin_session`.
pub fn database(operation: &'static str) -> Span {
    tracing::info_span!("db.operation", otel.kind = "client", db.operation.name = operation)
}

/// Begins the span of a request.
pub(super) fn request(method: &str, route: Option<&str>) -> Span {
    let route = route.unwrap_or("none");
    tracing::info_span!(
        "http.request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        otel.status_code = field::Empty
    )
}
