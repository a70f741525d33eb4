//! A connection that loses patience: with a head that does not arrive, and with a client that does not read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// How long nothing may be taken of an answer that is being written.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// Counts beginnings and ends of requests: it is odd while one is being answered, and then no head is waited for.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<AtomicUsize>);

impl Turns {
    /// Says that a request begins, or has been answered.
    pub(super) fn turn(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP stream with its patience.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    turns: Turns,
    /// How many turns there were when it was last read.
    seen: usize,
    head_timeout: Duration,
    /// Runs from the first byte of a head on, and, at the beginning, from the connection on.
    head: Option<Pin<Box<Sleep>>>,
    /// Runs while nothing can be written.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, turns: Turns, head_timeout: Duration) -> Self {
        let head = Some(Box::pin(tokio::time::sleep(head_timeout)));
        Self { stream, turns, seen: 0, head_timeout, head, stall: None }
    }

    /// Gives up the patience.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Passes on how a write went, unless it has not gone on for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turns = self.turns.count();
        if turns != self.seen {
            (self.seen, self.head) = (turns, None);
        }
        if turns % 2 == 1 {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if outcome.is_ready() && buffer.filled().len() > before && self.head.is_none() {
            self.head = Some(Box::pin(tokio::time::sleep(self.head_timeout)));
        }
        if outcome.is_pending()
            && let Some(head) = &mut self.head
        {
            ready!(head.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        outcome
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
