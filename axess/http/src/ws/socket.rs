use axess_core::session::Sessions;
use axess_identity::SessionId;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle};

/// How many store failures in a row a connection survives: after that nobody knows whether its session is live.
const MAX_FAILURES: u32 = 3;
/// How long one look at the store may take.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the close frame may take to a peer that does not read.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

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
                // A store that hangs knows as little as one that fails.
                failures = match tokio::time::timeout(STORE_TIMEOUT, sessions.is_live(id)).await {
                    Ok(Ok(true)) => 0,
                    Ok(Ok(false)) => break,
                    Ok(Err(_)) | Err(_) => failures + 1,
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
        let sent = tokio::select! {
            biased;
            _ = self.revoked.wait_for(|revoked| *revoked), if !self.closed => None,
            sent = self.socket.send(message), if !self.closed => Some(sent),
            else => None,
        };
        match sent {
            Some(sent) => sent.map_err(SocketRevoked::Connection),
            None => {
                self.close().await;
                Err(SocketRevoked::SessionEnded)
            }
        }
    }

    /// Resolves when the session has ended.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut revoked = self.revoked.clone();
        async move {
            let _ = revoked.wait_for(|revoked| *revoked).await;
        }
    }

    async fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let frame = CloseFrame { code: close_code::POLICY, reason: "session ended".into() };
        // The peer may be gone already, which is as closed as can be.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.send(Message::Close(Some(frame)))).await;
    }
}

impl Drop for RevocableSocket {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}
