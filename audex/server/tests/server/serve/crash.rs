//! The whole server in a process of its own, killed in the middle of what it does.

use crate::site::{approvals, open, someone};
use audex_server::serve::serve;
use axess::clock::SystemClock;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinSet};

/// The folder that the process is to serve.
const SERVES: &str = "AUDEX_TEST_SERVES";
const ISSUES: &str = "serve::crash::what_was_acknowledged_is_there_after_a_kill_and_nothing_is_issued_twice";
const APPROVES: &str = "serve::crash::votes_outlive_a_kill_and_an_approval_is_used_once";

/// A server in a process of its own.
struct Killable {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Killable {
    /// Starts this program once more, in the branch of the test that serves.
    fn start(test: &str, folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(SERVES, folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.strip_prefix("serves ").map(str::to_owned)).unwrap();
        // Whatever else it prints must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { child, url, client }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn get(&self, bearer: &str, path: &str) -> (u16, Value) {
        answer(self.client.get(format!("{}{path}", self.url)).bearer_auth(bearer)).await.unwrap()
    }

    async fn post(&self, bearer: &str, path: &str, body: Value) -> (u16, Value) {
        answer(self.client.post(format!("{}{path}", self.url)).bearer_auth(bearer).body(body.to_string()))
            .await
            .unwrap()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// In the process that serves: serves until it is killed.
async fn serve_if_asked() {
    let Some(folder) = std::env::var_os(SERVES) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = open(Path::new(&folder), Arc::new(SystemClock), |settings| {
        settings.public_url = url.clone();
        settings.rules = approvals(2);
    })
    .await;
    println!("\nserves {url}");
    serve(app, listener, None, std::future::pending()).await.unwrap();
}

fn read() -> Value {
    json!({ "allow": "orders:Read", "ttl": "15m", "provider": "local" })
}

/// Makes the accounts, before anybody serves.
async fn accounts(folder: &Path) -> [String; 4] {
    let app = open(folder, Arc::new(SystemClock), |_| {}).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill_and_nothing_is_issued_twice() {
    serve_if_asked().await;
    let folder = tempfile::tempdir().unwrap();
    let [alice, .., root] = accounts(folder.path()).await;
    // Which session each key was answered with.
    let acknowledged = Arc::new(Mutex::new(BTreeMap::<String, String>::new()));
    let mut asked = BTreeSet::new();
    for life in 0..4 {
        let server = Killable::start(ISSUES, folder.path());
        let mut clients = JoinSet::new();
        for client in 0..8 {
            // Half of what was asked in the life before is asked again.
            let keys: Vec<String> =
                (0..400).map(|number| format!("{}-{client}-{number}", (life + number % 2) / 2)).collect();
            asked.extend(keys.iter().cloned());
            let (http, url, alice) = (server.client.clone(), server.url.clone(), alice.clone());
            let acknowledged = Arc::clone(&acknowledged);
            clients.spawn(async move {
                for key in keys {
                    let request = http.post(format!("{url}/credentials")).bearer_auth(&alice);
                    let request = request.header("Idempotency-Key", &key).body(read().to_string());
                    match answer(request).await {
                        Ok((200, body)) => {
                            let session = body["session_id"].as_str().unwrap().to_owned();
                            let mut acknowledged = acknowledged.lock().unwrap();
                            let first = acknowledged.entry(key).or_insert_with(|| session.clone());
                            assert_eq!(*first, session, "one key, two sessions");
                        }
                        // The one that was under way when it was killed is found out about first.
                        Ok((409 | 503, _)) => {}
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => return,
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(700 + life * 150)).await;
        server.kill();
        while let Some(outcome) = clients.join_next().await {
            outcome.unwrap();
        }
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let server = Killable::start(ISSUES, folder.path());
    let listed = sessions(&server, &root).await;
    for (key, session) in &acknowledged {
        assert_eq!(listed.get(session).map(String::as_str), Some("active"), "{key} {session}");
    }
    // A key that was asked and not answered made one session, or none.
    let active = listed.values().filter(|status| *status == "active").count();
    assert!(active >= acknowledged.len() && active <= asked.len(), "{active} of {}", asked.len());
    server.kill();
}

/// All sessions with their status.
async fn sessions(server: &Killable, bearer: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut path = "/sessions".to_owned();
    loop {
        let (status, page) = server.get(bearer, &path).await;
        assert_eq!(status, 200, "{page}");
        for item in page["items"].as_array().unwrap() {
            let text = |name: &str| item[name].as_str().unwrap().to_owned();
            all.insert(text("session_id"), text("status"));
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/sessions?after={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_outlive_a_kill_and_an_approval_is_used_once() {
    serve_if_asked().await;
    let folder = tempfile::tempdir().unwrap();
    let [alice, bob, carol, _] = accounts(folder.path()).await;
    let sensitive =
        json!({ "allow": "orders:Delete", "ttl": "15m", "provider": "local", "reason": "cleaning up" });
    let agreed = json!({ "comment": "agreed" });

    let server = Killable::start(APPROVES, folder.path());
    let (status, asked) = server.post(&alice, "/credentials", sensitive).await;
    assert_eq!((status, &asked["status"]), (202, &json!("pending_approval")), "{asked}");
    let id = asked["session_id"].as_str().unwrap().to_owned();
    server.kill();

    let server = Killable::start(APPROVES, folder.path());
    let approve = format!("/approvals/{id}/approve");
    assert_eq!(server.post(&bob, &approve, agreed.clone()).await.0, 200);
    server.kill();

    let server = Killable::start(APPROVES, folder.path());
    assert_eq!(server.post(&bob, &approve, agreed.clone()).await.0, 409, "a vote was lost");
    assert_eq!(server.post(&carol, &approve, agreed.clone()).await.0, 200);
    server.kill();

    // Killed while it is being picked up, again and again.
    let path = format!("/credentials/{id}");
    let mut seen = BTreeSet::new();
    for wait in [0, 3, 10, 30, 60] {
        let server = Killable::start(APPROVES, folder.path());
        let picked =
            tokio::spawn(answer(server.client.get(format!("{}{path}", server.url)).bearer_auth(&alice)));
        tokio::time::sleep(Duration::from_millis(wait)).await;
        server.kill();
        if let Ok((200, body)) = picked.await.unwrap() {
            seen.extend(body["credentials"]["audex_token"].as_str().map(str::to_owned));
        }
    }
    let server = Killable::start(APPROVES, folder.path());
    let (status, last) = server.get(&alice, &path).await;
    assert_eq!(status, 200, "{last}");
    seen.extend(last["credentials"]["audex_token"].as_str().map(str::to_owned));
    assert_eq!(seen.len(), 1, "one approval, one credential: {last}");
    let (_, listed) = server.get(&alice, "/sessions").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    server.kill();
}
