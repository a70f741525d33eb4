//! Closing a connection so that its client still reads what it was told.

use crate::problem::Problem;
use axum::http::StatusCode;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The most refusals that are written at once.
pub(super) const AT_ONCE: usize = 128;

/// How long a client has to read its answer.
const LINGER: Duration = Duration::from_secs(2);
/// How much of what it still sends is thrown away.
const MOST_IGNORED: usize = 1_024 * 1_024;

/// Says that there are too many connections.
pub(super) async fn refuse(mut stream: TcpStream) {
    const SECONDS: u64 = 1;
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections").with_detail(
        "the server has as many connections as it takes, in all or from one address; try again in a moment",
    );
    let body = problem.json().to_string();
    let text = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: {SECONDS}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Whoever is gone needs no answer. It fits into the buffer of a fresh connection.
    if stream.write_all(text.as_bytes()).await.is_ok() {
        linger(stream).await;
    }
}

/// Ends our side, and ignores what the other still sends, until it ends its own.
///
/// A socket that is closed with something unread in it is reset, and the client may lose the answer.
pub(super) async fn linger(mut stream: TcpStream) {
    let ignore = async {
        stream.shutdown().await?;
        let mut ignored = 0;
        let mut buffer = [0; 8_192];
        while ignored < MOST_IGNORED {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => ignored += count,
            }
        }
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, ignore).await;
}
