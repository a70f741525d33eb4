//! Starts a program, talks to it like a browser or with `curl`, and ends it. Shared by the examples.

use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often, 20 ms apart, a starting program's port is tried: a minute in all.
const LOOKS: u32 = 3_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The port is fixed, so the tests of one process take turns. `.config/nextest.toml` does the same between processes.
static TURN: Mutex<()> = Mutex::new(());

/// A program that listens on its port, until it is dropped.
pub(crate) struct Program {
    path: &'static str,
    port: u16,
    child: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Program {
    pub(crate) fn start(path: &'static str, port: u16) -> Self {
        Self::start_logging(path, port, Stdio::inherit())
    }

    /// Starts it with its log somewhere else.
    pub(crate) fn start_logging(path: &'static str, port: u16, log: Stdio) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = TcpListener::bind(("127.0.0.1", port)) {
            panic!(
                "port {port} is taken ({error}); end what listens there (`ss -ltnp` shows it) and try again"
            );
        }
        let child =
            Command::new(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut program = Self { path, port, child, _turn: turn };
        program.wait_until_it_listens();
        program
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn wait_until_it_listens(&mut self) {
        for _ in 0..LOOKS {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended before it listened on port {} ({status})", self.path, self.port);
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("{} does not listen on port {}", self.path, self.port);
    }
}

impl Drop for Program {
    /// Ends the program the hard way (SIGKILL): nothing in it can tidy up.
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client without cookies, and without whatever proxy the environment names.
pub(crate) fn client() -> ClientBuilder {
    Client::builder().no_proxy()
}

pub(crate) async fn log_in(client: &Client, program: &Program, username: &str, password: &str) -> Response {
    let form = json!({"username": username, "password": password});
    client.post(program.url("/login")).json(&form).send().await.unwrap()
}

pub(crate) async fn status_of(client: &Client, url: String, cookie: &str) -> StatusCode {
    client.get(url).header("cookie", cookie).send().await.unwrap().status()
}

/// Returns the session cookie a response sets, as `name=value`.
pub(crate) fn session_cookie(response: &Response) -> String {
    let cookie = response.cookies().find(|cookie| cookie.name() == "session").unwrap();
    format!("session={}", cookie.value())
}

/// Returns what the caller can see of a response apart from the names it was given: status, header names, body.
pub(crate) async fn seen(response: Response) -> (StatusCode, Vec<String>, Value) {
    let status = response.status();
    let mut headers: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
    headers.sort();
    let text = response.text().await.unwrap();
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Types a command line into `sh` and returns what it prints.
pub(crate) fn sh(folder: &Path, line: &str) -> String {
    let mut command = Command::new("sh");
    let output =
        command.args(["-c", line]).current_dir(folder).env("NO_PROXY", "127.0.0.1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Tells whether every program is there. A missing one is reported, and is a failure in CI.
pub(crate) fn installed(test: &str, programs: &[&str]) -> bool {
    let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
    let Some(program) = programs.iter().find(missing) else {
        return true;
    };
    let line = format!("{test}: {program} is not installed");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    eprintln!("SKIPPED {line}");
    if let Some(path) = std::env::var_os("AXESS_SKIP_FILE") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    false
}
