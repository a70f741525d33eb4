//! The whole server, killed between a change and the delivery of what tells of it.

use super::receiver::{Receiver, away};
use crate::{
    api::delete_order,
    serve::killable::{Killable, accounts_with, serve_with_if_asked},
    store::place::new_database,
};
use audex_server::settings::ServerSettings;
use axess_peers::{Kind, shared, skip};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

const IN_THE_MIDDLE: &str = "notify::killed::a_notice_outlives_a_kill_in_the_middle_of_its_delivery";
const AWAY: &str = "notify::killed::notices_outlive_a_kill_while_their_destinations_are_away";
const KEY: &str = "a key that both sides know";

/// Reads what a test left in the folder for the process that serves.
fn told(folder: &Path, settings: &mut ServerSettings) {
    settings.notifications.webhooks = vec![fs::read_to_string(folder.join("webhook")).unwrap()];
    settings.notifications.webhook_key = Some(KEY.to_owned());
    settings.database = fs::read_to_string(folder.join("database")).ok();
}

/// Reads a request as far as its head goes, and returns one of its headers.
async fn header(stream: &mut TcpStream, name: &str) -> String {
    let mut read = Vec::new();
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut more = [0; 4_096];
        let count = stream.read(&mut more).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&more[..count]);
    }
    let text = String::from_utf8(read).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
    found.unwrap_or_else(|| panic!("{text}"))
}

/// Waits until it is written down that everybody was told.
async fn nobody_waits(folder: &Path) {
    let pool =
        sqlx::SqlitePool::connect(&format!("sqlite:{}", folder.join("audex.db").display())).await.unwrap();
    for _ in 0..3_000 {
        let waiting: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM audex_notices").fetch_one(&pool).await.unwrap();
        if waiting == 0 {
            return pool.close().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what was taken is still to be told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_outlives_a_kill_in_the_middle_of_its_delivery() {
    serve_with_if_asked(told).await;
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    fs::write(folder.path().join("webhook"), format!("http://{address}/hook?token=hooksecret")).unwrap();
    let [alice, ..] = accounts_with(folder.path(), told).await;

    let server = Killable::start(IN_THE_MIDDLE, folder.path());
    let (status, asked) = server.post(&alice, "/credentials", delete_order()).await;
    assert_eq!(status, 202, "{asked}");
    // It is on its way, and never taken.
    let (mut stream, _) = silent.accept().await.unwrap();
    let id = header(&mut stream, "x-audex-id").await;
    server.kill();
    for name in ["audex.db", "audex.db-wal"] {
        let kept = fs::read(folder.path().join(name)).unwrap();
        for secret in [KEY, "hooksecret", "request.pending_approval"] {
            assert!(
                !kept.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{secret} in {name}"
            );
        }
    }
    drop(stream);

    let receiver = Receiver::on(silent);
    let server = Killable::start(IN_THE_MIDDLE, folder.path());
    let got = receiver.wait_for(1).await;
    assert_eq!(got[0].header("x-audex-id"), id, "a receiver knows a repetition");
    let body = got[0].json();
    assert_eq!((&body["event"], &body["id"]), (&json!("request.pending_approval"), &json!(id)));
    assert_eq!(body["session_id"], asked["session_id"]);
    nobody_waits(folder.path()).await;
    server.kill();

    // What was taken is not sent again.
    let server = Killable::start(IN_THE_MIDDLE, folder.path());
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.kill();
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_outlive_a_kill_while_their_destinations_are_away() {
    serve_with_if_asked(told).await;
    let Some(url) = shared(Kind::Postgres).and_then(|urls| urls.into_iter().next()) else {
        return skip(AWAY, "no PostgreSQL: run `cargo xtask test`");
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("database"), new_database(&url).await).unwrap();
    // Nobody is there.
    let (away, address) = away();
    fs::write(folder.path().join("webhook"), format!("http://{address}/hook")).unwrap();
    let [alice, bob, carol, _] = accounts_with(folder.path(), told).await;

    let server = Killable::start(AWAY, folder.path());
    let mut ask = delete_order();
    ask["callback"] = json!(format!("http://{address}/callback"));
    let (status, asked) = server.post(&alice, "/credentials", ask).await;
    assert_eq!(status, 202, "{asked}");
    let id = asked["session_id"].as_str().unwrap();
    for bearer in [bob, carol] {
        let (status, voted) =
            server.post(&bearer, &format!("/approvals/{id}/approve"), json!({"comment": "agreed"})).await;
        assert_eq!(status, 200, "{voted}");
    }
    server.kill();

    let receiver = Receiver::on(away.listen(128).unwrap());
    let server = Killable::start(AWAY, folder.path());
    // One that was just being tried is held by nobody after a minute.
    let got = receiver.wait_long_for(3, Duration::from_secs(150)).await;
    let mut told: Vec<(String, Value)> =
        got.iter().map(|one| (one.path.clone(), one.json()["event"].clone())).collect();
    told.sort_unstable_by_key(|(path, event)| (path.clone(), event.to_string()));
    let event = |path: &str, name: &str| (path.to_owned(), json!(name));
    let expected = [
        event("/callback", "request.approved"),
        event("/hook", "request.approved"),
        event("/hook", "request.pending_approval"),
    ];
    assert_eq!(told, expected);
    let callback = got.iter().find(|one| one.path == "/callback").unwrap();
    let (key, seconds) = (asked["callback_key"].as_str().unwrap(), callback.header("x-audex-timestamp"));
    let signed = audex_server::notify::signature(key.as_bytes(), seconds.parse().unwrap(), &callback.body);
    assert_eq!(callback.header("x-audex-signature"), signed);
    server.kill();
}
