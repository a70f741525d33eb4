//! A login by way of the browser of this machine (RFC 8252): it brings a code to an address that listens here, and what only this
//! program knows makes a token of it (RFC 7636).

use crate::{
    exit::{Exit, Failure},
    remote::ServerAddress,
};
use axess_rng::{SecureRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{io, net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

/// Where the browser comes back to.
const PATH: &str = "/login";
/// How long somebody has at the browser.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long a browser may take to say what it wants, and how much it may say, in bytes.
const HEAD_TIME: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 16 * 1_024;
/// How many connections are looked at at once.
const MAX_WAITING: usize = 16;

/// What the browser came back with.
enum Came {
    Code(String),
    Refused,
}

/// A login that waits for the browser.
pub(super) struct Loopback {
    listener: TcpListener,
    pub(super) redirect_uri: String,
    state: String,
    pub(super) verifier: String,
}

impl Loopback {
    /// Listens on a free port of this machine.
    pub(super) async fn begin(rng: &dyn SecureRng) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let redirect_uri = format!("http://{}{PATH}", listener.local_addr()?);
        let drawn = || URL_SAFE_NO_PAD.encode(random_array::<32>(rng));
        Ok(Self { listener, redirect_uri, state: drawn(), verifier: drawn() })
    }

    /// Returns the page to open.
    pub(super) fn page(
        &self,
        server: &ServerAddress,
        name: &str,
        scope: &str,
        jwk: Option<&Value>,
    ) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        let jwk = jwk.map(Value::to_string);
        let mut pairs = vec![
            ("redirect_uri", self.redirect_uri.as_str()),
            ("state", &self.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("client", name),
            ("scope", scope),
        ];
        pairs.extend(jwk.as_deref().map(|jwk| ("jwk", jwk)));
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("{server}/login/program?{}", pairs.join("&"))
    }

    /// Waits for the code.
    pub(super) async fn code(&self) -> Result<String, Failure> {
        let over = || {
            Failure::new(Exit::Denied, "nobody confirmed the login in time")
                .with_help("run the same command again, or with --device")
        };
        match timeout(PATIENCE, self.came()).await.map_err(|_| over())? {
            Came::Code(code) => Ok(code),
            Came::Refused => Err(Failure::new(Exit::Denied, "the login was refused in the browser")),
        }
    }

    /// Browsers open connections that they say nothing on: one does not keep the others waiting.
    async fn came(&self) -> Came {
        let (tell, mut told) = mpsc::channel(1);
        let mut waiting = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Some(came) = told.recv() => {
                    // The page is still on its way.
                    let _ = timeout(Duration::from_secs(1), waiting.join_next()).await;
                    return came;
                }
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    while waiting.len() >= MAX_WAITING {
                        waiting.join_next().await;
                    }
                    let (tell, state) = (tell.clone(), self.state.clone());
                    waiting.spawn(async move { drop(timeout(HEAD_TIME, answer(stream, &state, tell)).await) });
                }
            }
        }
    }
}

async fn answer(mut stream: TcpStream, state: &str, tell: mpsc::Sender<Came>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1_024];
        let read = stream.read(&mut part).await?;
        if read == 0 || head.len() + read > MAX_HEAD {
            return Ok(());
        }
        head.extend(part.iter().take(read));
    }
    let head = String::from_utf8_lossy(&head);
    let came = said(head.lines().next().unwrap_or_default(), state);
    let (status, text) = match &came {
        Some(Came::Code(_)) => ("200 OK", "You can close this page: the program goes on."),
        Some(Came::Refused) => {
            ("200 OK", "It was denied. The program gets nothing. You can close this page.")
        }
        None => ("404 Not Found", "There is nothing here."),
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>tryaudex</title><p>{text}</p></html>\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    if let Some(came) = came {
        let _ = tell.send(came).await;
    }
    Ok(())
}

/// Reads what the browser brings; nothing where it is not what this login waits for.
fn said(line: &str, state: &str) -> Option<Came> {
    let target = line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    let value = |name: &str| {
        let mut values =
            query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
        // Twice is not what the server sends.
        values.next().map(|(_, value)| value).filter(|_| values.next().is_none())
    };
    if value("state") != Some(state) {
        return None;
    }
    let is_plain = |code: &str| {
        !code.is_empty()
            && code.len() <= 128
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match (value("code").filter(|code| is_plain(code)), value("error")) {
        (Some(code), None) => Some(Came::Code(code.to_owned())),
        (None, Some(_)) => Some(Came::Refused),
        _ => None,
    }
}

/// Writes a value for a query (RFC 3986 section 2.1).
fn encoded(value: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    #[test]
    fn only_what_this_login_waits_for_is_taken() {
        let code = |line: &str| match said(line, "s") {
            Some(Came::Code(code)) => Some(code),
            _ => None,
        };
        assert_eq!(code("GET /login?code=abc-_1&state=s HTTP/1.1").as_deref(), Some("abc-_1"));
        for other in [
            "GET /login?code=abc&state=t HTTP/1.1",
            "GET /login?code=abc HTTP/1.1",
            "GET /login?code=abc&state=s&state=s HTTP/1.1",
            "GET /login?code=a&code=b&state=s HTTP/1.1",
            "GET /login?code=a%20b&state=s HTTP/1.1",
            "GET /login?code=a&error=b&state=s HTTP/1.1",
            "POST /login?code=abc&state=s HTTP/1.1",
            "GET /?code=abc&state=s HTTP/1.1",
            "GET /favicon.ico HTTP/1.1",
            "",
        ] {
            assert_eq!(code(other), None, "{other}");
        }
        assert!(matches!(said("GET /login?error=access_denied&state=s HTTP/1.1", "s"), Some(Came::Refused)));
    }

    #[tokio::test]
    async fn the_browser_brings_a_code_among_other_visitors() {
        let loopback = Loopback::begin(&MockRng::new(3)).await.unwrap();
        let server = "http://127.0.0.1:8080".parse().unwrap();
        let page = loopback.page(
            &server,
            "tryaudex on x",
            "request read",
            Some(&serde_json::json!({ "kty": "OKP" })),
        );
        assert!(
            page.starts_with("http://127.0.0.1:8080/login/program?redirect_uri=http%3A%2F%2F127.0.0.1%3A"),
            "{page}"
        );
        assert!(page.contains("&client=tryaudex%20on%20x&scope=request%20read&jwk=%7B%22kty%22"), "{page}");
        let address = loopback.listener.local_addr().unwrap();
        // It says nothing, and keeps nobody waiting.
        let _silent = TcpStream::connect(address).await.unwrap();
        let visit = async |target: String| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            text
        };
        let visits = async {
            assert!(visit("/login?code=forged&state=x".to_owned()).await.starts_with("HTTP/1.1 404"));
            let done = visit(format!("/login?code=abc&state={}", loopback.state)).await;
            assert!(done.contains("You can close this page"), "{done}");
        };
        let (code, ()) = tokio::join!(loopback.code(), visits);
        assert_eq!(code.unwrap(), "abc");
    }
}
