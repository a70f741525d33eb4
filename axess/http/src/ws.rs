//! WebSockets that notice a logout: a connection outlives the request that opened it, its session may not.
//!
//! 1. [`AuthWebSocketUpgrade`] lets only an authenticated session open a connection.
//! 2. A watcher asks the session store at an interval whether that session is still live.
//! 3. When it is not, the peer gets a close frame with code 1008 (RFC 6455 §7.4.1), and the application's next
//!    [`recv`](RevocableSocket::recv) or [`send`](RevocableSocket::send) says so.

mod socket;
mod upgrade;

pub use socket::{RevocableSocket, SocketRevoked};
pub use upgrade::{AuthWebSocketUpgrade, WebSocketRejection};
