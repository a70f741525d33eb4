//! Clients that ask again as soon as they are answered, each on one connection that is kept (HTTP/1.1).

use crate::Fault;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;

/// What every client asks, and what an answer has to contain.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The whole request.
    pub(crate) request: Vec<u8>,
    /// Something that only a good answer has.
    pub(crate) expected: &'static str,
}

/// How long to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// Not counted.
    pub(crate) warm_up: Duration,
    pub(crate) counted: Duration,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// How long each answer took, in milliseconds.
    pub(crate) times: Vec<f64>,
}

impl Target {
    /// Asks for something with a body of JSON.
    pub(crate) fn post(
        address: SocketAddr,
        path: &str,
        auth: &str,
        body: &str,
        expected: &'static str,
    ) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\n{auth}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self { address, request: format!("{head}{body}").into_bytes(), expected }
    }

    /// Asks with so many clients at once. One wrong answer ends it.
    pub(crate) fn load(&self, clients: usize, span: Span) -> Result<Measured, Fault> {
        // One thread: the cores are for those who are measured.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let begins = Instant::now() + span.warm_up;
            let mut running = JoinSet::new();
            for _ in 0..clients {
                running.spawn(client(self.clone(), begins, begins + span.counted));
            }
            let mut times = Vec::new();
            while let Some(one) = running.join_next().await {
                times.extend(one??);
            }
            Ok(Measured { per_second: times.len() as f64 / span.counted.as_secs_f64(), times })
        })
    }
}

async fn client(target: Target, begins: Instant, ends: Instant) -> Result<Vec<f64>, Fault> {
    let mut stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut answer = Vec::new();
    loop {
        let began = Instant::now();
        stream.write_all(&target.request).await?;
        read(&mut stream, &mut answer).await?;
        let ended = Instant::now();
        if !answer.windows(target.expected.len()).any(|window| window == target.expected.as_bytes()) {
            return Err(format!("not what was expected: {}", String::from_utf8_lossy(&answer)).into());
        }
        if ended >= ends {
            return Ok(times);
        }
        if began >= begins {
            times.push((ended - began).as_secs_f64() * 1_000.0);
        }
    }
}

/// Reads one answer.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), Fault> {
    answer.clear();
    while !is_whole(answer) {
        if stream.read_buf(answer).await? == 0 {
            return Err(format!("the connection ended: {}", String::from_utf8_lossy(answer)).into());
        }
        if answer.len() > MAX_ANSWER {
            return Err("an answer does not end".into());
        }
    }
    Ok(())
}

/// Returns whether an answer is all there: as long as it says, or with its last chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.map_or_else(|| body.ends_with(b"0\r\n\r\n"), |length: usize| body.len() >= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_it_says_so() {
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
    }
}
