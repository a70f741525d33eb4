use axess_core::session::SessionHandle;
use axum::response::Response;
use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
    time::Duration,
};

/// How long a request whose client has gone may go on to finish what it began to write.
const GRACE: Duration = Duration::from_secs(10);
/// How many such requests may go on at once.
const MAX_DETACHED: usize = 1_024;

static DETACHED: AtomicUsize = AtomicUsize::new(0);

type Inner<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

/// Resolves to the response of one request.
///
/// Dropping it before that (the client went away) stops a request that has written nothing, and lets one that has go on
/// in the background for up to 10 seconds: a rotated id is never left half-done, a dirty session is never lost.
///
/// ```
/// fn is_send<T: Send>() {}
/// is_send::<axess_http::SessionFuture<std::convert::Infallible>>();
/// ```
pub struct SessionFuture<E: Send + 'static> {
    inner: Option<Inner<E>>,
    session: Option<SessionHandle>,
}

impl<E: Send + 'static> SessionFuture<E> {
    pub(super) fn new(inner: Inner<E>, session: Option<SessionHandle>) -> Self {
        Self { inner: Some(inner), session }
    }
}

impl<E: Send + 'static> Future for SessionFuture<E> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Put back only when it goes on: a handler that panicked must not be finished in the background.
        let Some(mut inner) = self.inner.take() else {
            // Polled after completion, which the contract of `Future` leaves open.
            return Poll::Pending;
        };
        let polled = inner.as_mut().poll(context);
        if polled.is_pending() {
            self.inner = Some(inner);
        }
        polled
    }
}

impl<E: Send + 'static> Drop for SessionFuture<E> {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        let Some(session) = self.session.take().filter(SessionHandle::is_touched) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if DETACHED.fetch_add(1, Ordering::AcqRel) >= MAX_DETACHED {
            DETACHED.fetch_sub(1, Ordering::AcqRel);
            tracing::warn!("too many abandoned requests are still writing; dropped one");
            return;
        }
        runtime.spawn(async move {
            let _slot = Slot;
            if tokio::time::timeout(GRACE, inner).await.is_ok() {
                return;
            }
            match tokio::time::timeout(GRACE, session.finish()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "an abandoned request's session could not be written")
                }
                Err(_) => tracing::warn!("an abandoned request's session was not written in time"),
            }
        });
    }
}

struct Slot;

impl Drop for Slot {
    fn drop(&mut self) {
        DETACHED.fetch_sub(1, Ordering::AcqRel);
    }
}
