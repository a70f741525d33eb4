use axess_events::AuthEvent;
use axess_identity::Principal;
use std::{error::Error, future::Future, pin::Pin};

/// What [`AuthzEventSink::record`] returns.
///
/// ```
/// use axess_authz::{AuthzSinkError, AuthzSinkFuture};
/// let refused: AuthzSinkFuture<'static> = Box::pin(async { Err(AuthzSinkError::new("disk full")) });
/// # drop(refused);
/// ```
pub type AuthzSinkFuture<'a> = Pin<Box<dyn Future<Output = Result<(), AuthzSinkError>> + Send + 'a>>;

/// Takes the event of every decision before the decision is returned.
///
/// It gets the principal for the envelope and the event for the payload. A closure that needs not wait is a sink.
///
/// ```
/// use axess_authz::{AuthzEventSink, AuthzSinkError};
/// use axess_events::AuthEvent;
/// use axess_identity::Principal;
/// use std::sync::{Arc, mpsc};
/// let (sender, receiver) = mpsc::channel();
/// let sink: Arc<dyn AuthzEventSink> =
///     Arc::new(move |_: &Principal, event: AuthEvent| sender.send(event).map_err(AuthzSinkError::new));
/// # drop((sink, receiver));
/// ```
pub trait AuthzEventSink: Send + Sync + 'static {
    /// Records one event.
    ///
    /// # Errors
    ///
    /// [`AuthzSinkError`] when the event is not safely recorded: the request is then refused as unavailable.
    fn record<'a>(&'a self, principal: &'a Principal, event: AuthEvent) -> AuthzSinkFuture<'a>;
}

/// Says that the event of a decision was not recorded.
///
/// ```
/// use axess_authz::AuthzSinkError;
/// assert_eq!(AuthzSinkError::new("disk full").to_string(), "the event of a decision was not recorded");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the event of a decision was not recorded")]
pub struct AuthzSinkError {
    source: Box<dyn Error + Send + Sync>,
}

/// A sink that forgets everything: for tools and tests.
///
/// ```
/// use axess_authz::{AuthzStore, DropEvents, PolicyStore};
/// let store = AuthzStore::new(PolicyStore::base().unwrap()).with_sink(std::sync::Arc::new(DropEvents));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DropEvents;

impl AuthzSinkError {
    /// Wraps the cause.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl AuthzEventSink for DropEvents {
    fn record<'a>(&'a self, _: &'a Principal, _: AuthEvent) -> AuthzSinkFuture<'a> {
        Box::pin(async { Ok(()) })
    }
}

impl<F> AuthzEventSink for F
where
    F: Fn(&Principal, AuthEvent) -> Result<(), AuthzSinkError> + Send + Sync + 'static,
{
    fn record<'a>(&'a self, principal: &'a Principal, event: AuthEvent) -> AuthzSinkFuture<'a> {
        Box::pin(std::future::ready(self(principal, event)))
    }
}
