//! Real connections: a server on a free loopback port, and what to do when a program is missing.

use axum::Router;
use std::{
    future::Future,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How long a test waits for what must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; dropping it stops it.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `app`; its handlers can ask for the peer's address.
    pub(super) async fn start(app: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { addr, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks again and again until the answer is yes.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let waiting = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never happened: {what}");
}

/// Finds a program. A missing one is reported, and is a failure in CI.
pub(super) fn find_program(test: &str, program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are often outside the path of a user.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let line = format!("{test}: {program} is not installed");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
        eprintln!("SKIPPED {line}");
        if let Some(path) = std::env::var_os("AXESS_SKIP_FILE") {
            let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
            writeln!(file, "{line}").unwrap();
        }
    }
    found
}
