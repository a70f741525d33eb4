//! WebSockets that notice a logout: a connection outlives the request that opened it, its session may not.
//!
//! 1. [`AuthWebSocketUpgrade`] lets only an authenticated session open a connection.
//! 2. A watcher asks the session store at an interval whether that session is still live.
//! 3. When it is not, a waiting or the next [`recv`](RevocableSocket::recv) or [`send`](RevocableSocket::send) says so and sends
//!    the peer a close frame with code 1008 (RFC 6455 §7.4.1).
//! 4. An application that does neither is stopped 5 seconds later, which closes the connection.

mod socket;
mod upgrade;

pub use socket::{RevocableSocket, SocketRevoked};
pub use upgrade::{AuthWebSocketUpgrade, WebSocketRejection};
