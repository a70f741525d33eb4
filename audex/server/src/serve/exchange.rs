//! One request and its answer.

use super::{Host, Slot, large::Room, socket::Turns};
use crate::problem::Problem;
use axum::{body::Body, extract::ConnectInfo, response::IntoResponse};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::Limited;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tower::ServiceExt as _;
use tracing::Instrument as _;

/// What answers the requests of one connection.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) host: Arc<Host>,
    pub(super) peer: SocketAddr,
    pub(super) slot: Slot,
    pub(super) turns: Turns,
    /// Set when an answer was given before the request was read.
    pub(super) unread: Arc<AtomicBool>,
}

impl Exchange {
    pub(super) async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        self.turns.turn();
        // The next request of this connection would begin where the chunks end: two readers may disagree on where.
        let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
        let mut response = match self.check(&request) {
            Ok((most, permit)) => {
                let response = self.run(request, most).await;
                drop(permit);
                response
            }
            Err(problem) => {
                self.unread.store(true, Ordering::Release);
                closed(problem)
            }
        };
        if is_last {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|inner| Answer { inner, turns: self.turns })
    }

    /// Refuses what needs no look at its body; returns how much of one may come.
    fn check(&self, request: &Request<Incoming>) -> Result<(usize, Option<OwnedSemaphorePermit>), Problem> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let has_host = hosts.next().is_some() || request.version() < Version::HTTP_11;
        if !has_host || hosts.next().is_some() {
            // RFC 9112 section 3.2.
            return Err(Problem::invalid("host", "a request names its host, once"));
        }
        let least = request.body().size_hint().lower();
        match self.host.large.room(request, least, self.host.limits.max_body) {
            Room::Bytes(most, _) if least > u64::try_from(most).unwrap_or(u64::MAX) => Err(too_large(most)),
            Room::Bytes(most, permit) => Ok((most, permit)),
            Room::Later => Err(crowded()),
        }
    }

    async fn run(&self, request: Request<Incoming>, most: usize) -> Response<Body> {
        let limits = &self.host.limits;
        let (mut parts, body) = request.into_parts();
        let waits = is_long_poll(&parts);
        let limit = if waits { limits.request_timeout + limits.longest_poll } else { limits.request_timeout };
        let is_read = Arc::new(AtomicBool::new(body.is_end_stream()));
        let (given, until) = oneshot::channel();
        let inner = Limited::new(body, most);
        let body = Upload { inner, is_read: Arc::clone(&is_read), until };
        parts.extensions.insert(ConnectInfo(self.peer));
        let handled = self.handle(Request::from_parts(parts, Body::new(body)));
        let response = tokio::select! {
            outcome = tokio::time::timeout(limit, handled) => match outcome {
                Ok(response) => response,
                Err(_) => late(is_read.load(Ordering::Acquire)),
            },
            () = self.is_halted(), if waits => {
                // Whoever waits is answered now. What its handler has begun, as to mint what was approved at this moment, is
                // finished.
                closed(stopping())
            }
        };
        drop(given);
        if !is_read.load(Ordering::Acquire) {
            self.unread.store(true, Ordering::Release);
        }
        response
    }

    /// Asks the router, in a task of its own: what was begun is not given up half-way when the client goes away. It keeps a
    /// slot until it is done.
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let stay = Arc::clone(&self.slot);
        let routed = self.host.router.clone().oneshot(request);
        let whole = async move {
            let outcome = routed.await;
            drop(stay);
            outcome
        };
        match tokio::spawn(whole.in_current_span()).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(error) => {
                // Not what it said: that may be anything.
                tracing::error!(panicked = error.is_panic(), "a handler did not finish");
                Problem::internal().into_response()
            }
        }
    }

    async fn is_halted(&self) {
        super::last_change(self.host.halted.clone()).await;
    }
}

/// Returns whether a request may wait for something to happen.
fn is_long_poll(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    parts.method == Method::GET && query.split('&').any(|pair| pair.starts_with("wait="))
}

fn closed(problem: Problem) -> Response<Body> {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
        .with_detail(format!("a body has at most {most} bytes"))
        .with("most", most)
}

fn crowded() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_large_bodies")
        .with_detail("too many large messages come at this moment; try again in a moment")
        .with_retry_after(1)
}

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping")
        .with_detail("the server is stopping; ask again in a moment")
        .with_retry_after(1)
}

/// What is answered when the time is over: it was the client's, or ours.
fn late(is_read: bool) -> Response<Body> {
    closed(if is_read {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout")
            .with_detail("the answer took too long; what was asked may still be done")
            .with_retry_after(2)
    } else {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_body").with_detail("the body did not arrive in time")
    })
}

/// The body of a request: bounded, known to have been read, and of no interest once the answer is given.
struct Upload {
    inner: Limited<Incoming>,
    is_read: Arc<AtomicBool>,
    /// Ends with the answer.
    until: oneshot::Receiver<Infallible>,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let outcome = Pin::new(&mut self.inner).poll_frame(cx);
        if outcome.is_pending() && Pin::new(&mut self.until).poll(cx).is_ready() {
            return Poll::Ready(Some(Err("the request was answered already".into())));
        }
        if matches!(outcome, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.is_read.store(true, Ordering::Release);
        }
        outcome
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer. Once it is gone, the next head is waited for.
pub(super) struct Answer {
    inner: Body,
    turns: Turns,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turns.turn();
    }
}
