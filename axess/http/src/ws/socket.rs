use axess_core::session::Sessions;
use axess_identity::SessionId;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle};

/// How many store failures in a row a connection survives: after that nobody knows whether its session is live.
const MAX_FAILURES: u32 = 3;

/// A WebSocket that closes itself when its session ends or changes its id.
///
/// See [`AuthWebSocketUpgrade`](super::AuthWebSocketUpgrade) for an example.
///
/// ```
/// fn is_send<T: Send>() {}
/// is_send::<axess_http::RevocableSocket>();
/// ```
#[derive(Debug)]
pub struct RevocableSocket {
    socket: WebSocket,
    revoked: watch::Receiver<bool>,
    watcher: JoinHandle<()>,
    closed: bool,
}

/// Says that a message was not sent.
///
/// ```
/// use axess_http::SocketRevoked;
/// assert_eq!(SocketRevoked::SessionEnded.to_string(), "the session of this connection ended");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SocketRevoked {
    /// The session ended; the connection is closed.
    #[error("the session of this connection ended")]
    SessionEnded,
    /// The connection broke.
    #[error("the connection broke")]
    Connection(#[source] axum::Error),
}

impl RevocableSocket {
    pub(super) fn new(socket: WebSocket, sessions: Sessions, id: SessionId, interval: Duration) -> Self {
        let (tell, revoked) = watch::channel(false);
        let watcher = tokio::spawn(async move {
            let mut failures = 0;
            loop {
                tokio::time::sleep(interval).await;
                failures = match sessions.is_live(id).await {
                    Ok(true) => 0,
                    Ok(false) => break,
                    Err(_) => failures + 1,
                };
                if failures >= MAX_FAILURES {
                    break;
                }
            }
            tell.send_replace(true);
        });
        Self { socket, revoked, watcher, closed: false }
    }

    /// Receives the next message; `None` when the connection or its session is over.
    pub async fn recv(&mut self) -> Option<Result<Message, axum::Error>> {
        if self.closed {
            return None;
        }
        let message = tokio::select! {
            biased;
            // Resolves when the watcher says so, and also when the watcher is gone: nobody would notice a logout then.
            _ = self.revoked.wait_for(|revoked| *revoked) => None,
            message = self.socket.recv() => Some(message),
        };
        match message {
            Some(message) => message,
            None => {
                self.close().await;
                None
            }
        }
    }

    /// Sends a message, unless the session has ended.
    ///
    /// # Errors
    ///
    /// [`SocketRevoked`].
    pub async fn send(&mut self, message: Message) -> Result<(), SocketRevoked> {
        if self.closed || *self.revoked.borrow() {
            self.close().await;
            return Err(SocketRevoked::SessionEnded);
        }
        self.socket.send(message).await.map_err(SocketRevoked::Connection)
    }

    async fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let frame = CloseFrame { code: close_code::POLICY, reason: "session ended".into() };
        // The peer may be gone already, which is as closed as can be.
        let _ = self.socket.send(Message::Close(Some(frame))).await;
    }
}

impl Drop for RevocableSocket {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}
