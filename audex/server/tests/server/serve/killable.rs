//! The whole server in a process of its own.

use crate::site::{approvals, open, someone};
use audex_server::{serve::serve, settings::ServerSettings};
use axess::clock::SystemClock;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// The folder that the process is to serve.
const SERVES: &str = "AUDEX_TEST_SERVES";
/// A server in a process of its own.
pub(crate) struct Killable {
    child: Child,
    pub(crate) url: String,
    pub(super) client: reqwest::Client,
}

impl Killable {
    /// Starts this program once more, in the branch of the test that serves.
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        Self::begin(Command::new(std::env::current_exe().unwrap()), test, folder)
    }

    /// Starts it with less of something: what a shell's `ulimit` says.
    pub(super) fn start_with_little(limit: &str, test: &str, folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        // A file that grows too large is a failure, not a signal.
        shell.args(["-c", &format!("trap '' XFSZ; ulimit {limit} && exec \"$@\""), "sh"]);
        shell.arg(std::env::current_exe().unwrap());
        Self::begin(shell, test, folder)
    }

    fn begin(mut command: Command, test: &str, folder: &Path) -> Self {
        command.args(["--exact", test, "--nocapture"]).env(SERVES, folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.strip_prefix("serves ").map(str::to_owned)).unwrap();
        // Whatever else it prints must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self { child, url, client }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn get(&self, bearer: &str, path: &str) -> (u16, Value) {
        answer(self.client.get(format!("{}{path}", self.url)).bearer_auth(bearer)).await.unwrap()
    }

    pub(crate) async fn post(&self, bearer: &str, path: &str, body: Value) -> (u16, Value) {
        answer(self.client.post(format!("{}{path}", self.url)).bearer_auth(bearer).body(body.to_string()))
            .await
            .unwrap()
    }
}

pub(super) async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// In the process that serves: serves until it is killed.
pub(super) async fn serve_if_asked() {
    serve_with_if_asked(|_, _| {}).await;
}

/// As above, with settings of the test's own.
pub(crate) async fn serve_with_if_asked(change: impl FnOnce(&Path, &mut ServerSettings)) {
    let Some(folder) = std::env::var_os(SERVES) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = open(Path::new(&folder), Arc::new(SystemClock), |settings| {
        settings.public_url = url.clone();
        settings.rules = approvals(2);
        change(Path::new(&folder), settings);
    })
    .await;
    println!("\nserves {url}");
    serve(app, listener, None, std::future::pending()).await.unwrap();
}

/// Makes the accounts, before anybody serves.
pub(super) async fn accounts(folder: &Path) -> [String; 4] {
    accounts_with(folder, |_, _| {}).await
}

/// As above, with settings of the test's own.
pub(crate) async fn accounts_with(
    folder: &Path,
    change: impl FnOnce(&Path, &mut ServerSettings),
) -> [String; 4] {
    let app = open(folder, Arc::new(SystemClock), |settings| change(folder, settings)).await;
    let mut bearers = Vec::new();
    for (email, roles) in [
        ("alice@example.com", &[][..]),
        ("bob@example.com", &["security"]),
        ("carol@example.com", &["compliance"]),
        ("root@example.com", &["admin"]),
    ] {
        bearers.push(someone(&app, email, &[], roles).await.bearer);
    }
    app.close().await;
    bearers.try_into().unwrap()
}
