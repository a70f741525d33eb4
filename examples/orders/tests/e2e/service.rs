//! A running program, with the keys of an issuer in a file.

use axess_local_idp::LocalIdp;
use reqwest::{Client, Method, Response};
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

pub(crate) struct Service {
    child: Child,
    base: String,
    client: Client,
    folder: TempDir,
}

impl Service {
    /// Starts the program; `keys` is what its setting says, instead of a file.
    pub(crate) fn start(issuer: &str, keys: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_example-orders"));
        command.env_clear().env("BIND", "127.0.0.1:0").env("ISSUER", issuer);
        command.env("KEYS", keys.map_or(file, PathBuf::from));
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening address=")).unwrap();
        // Whoever stops reading would stop the program.
        std::thread::spawn(move || lines.for_each(drop));
        let (_, address) = line.rsplit_once("address=").unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { child, base: format!("http://{address}"), client, folder }
    }

    /// Starts the program with the keys of an issuer.
    pub(crate) async fn of(issuer: &LocalIdp, url: &str) -> Self {
        let service = Self::start(url, None);
        service.publish(issuer).await;
        service
    }

    /// Writes the keys that are published now.
    pub(crate) async fn publish(&self, issuer: &LocalIdp) {
        let keys = serde_json::to_vec(&issuer.jwks().await.unwrap()).unwrap();
        std::fs::write(self.folder.path().join("jwks.json"), keys).unwrap();
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, authorization: Option<&str>) -> Response {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        if method == Method::PUT {
            request = request.json(&json!({"item": "otters", "count": 3}));
        }
        request.send().await.unwrap()
    }

    /// The status of what a bearer of a token asks.
    pub(crate) async fn status(&self, token: &str, method: Method, path: &str) -> u16 {
        self.ask(method, path, Some(&format!("Bearer {token}"))).await.status().as_u16()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
