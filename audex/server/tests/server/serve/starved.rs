//! The whole server with too little of what it needs.

use super::killable::{Killable, accounts, serve_if_asked};
use serde_json::json;
use std::{net::TcpStream, path::Path, time::Duration};

const DISK: &str = "serve::starved::a_full_disk_issues_nothing_and_is_reported";
const FILES: &str = "serve::starved::without_descriptors_nobody_is_answered_and_with_them_everybody";

fn read() -> serde_json::Value {
    json!({ "allow": "orders:Read", "ttl": "15m", "provider": "local" })
}

fn size(folder: &Path) -> u64 {
    let of = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    of("audex.db").max(of("audex.db-wal"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_issues_nothing_and_is_reported() {
    serve_if_asked().await;
    let folder = tempfile::tempdir().unwrap();
    let [alice, .., root] = accounts(folder.path()).await;
    // In blocks of 512 bytes: room for a little more than there is.
    let limit = format!("-f {}", (size(folder.path()) + 600 * 1_024) / 512);
    let server = Killable::start_with_little(&limit, DISK, folder.path());
    assert_eq!(server.get("", "/readyz").await.0, 200);
    let mut issued = Vec::new();
    let mut refused = 0;
    for _ in 0..20_000 {
        let (status, body) = server.post(&alice, "/credentials", read()).await;
        if status == 200 {
            issued.push(body["session_id"].as_str().unwrap().to_owned());
            // What was written ahead may have been moved: there was room once more.
            refused = 0;
            continue;
        }
        assert_eq!((status, body["code"].as_str()), (503, Some("unavailable")), "after {}", issued.len());
        refused += 1;
        if refused == 30 {
            break;
        }
        // Long enough for what was written ahead to be moved, if there is room for it.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(refused, 30, "the disk is never full");
    assert!(!issued.is_empty());
    // It is alive, answers what it has, and says that it should not be sent anybody.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(server.get("", "/healthz").await.0, 200);
    assert_eq!(server.get("", "/readyz").await.0, 503);
    let last = issued.last().unwrap();
    assert_eq!(server.get(&root, &format!("/sessions/{last}")).await.1["status"], "active");
    server.kill();
    // With room again, everything that was given is there, and it goes on.
    let server = Killable::start(DISK, folder.path());
    for id in [issued.first().unwrap(), last] {
        assert_eq!(server.get(&root, &format!("/sessions/{id}")).await.1["status"], "active", "{id}");
    }
    assert_eq!(server.post(&alice, "/credentials", read()).await.0, 200);
    assert_eq!(server.get("", "/readyz").await.0, 200);
    server.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_nobody_is_answered_and_with_them_everybody() {
    serve_if_asked().await;
    let folder = tempfile::tempdir().unwrap();
    let [alice, ..] = accounts(folder.path()).await;
    let server = Killable::start_with_little("-n 96", FILES, folder.path());
    assert_eq!(server.post(&alice, "/credentials", read()).await.0, 200);
    let address = server.url.strip_prefix("http://").unwrap();
    let held: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(held);
    // Those that were waiting are taken and found ended; then there is room.
    let mut status = 0;
    for _ in 0..300 {
        if let Ok(response) = server.client.get(format!("{}/healthz", server.url)).send().await {
            status = response.status().as_u16();
            if status == 200 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(status, 200);
    assert_eq!(server.post(&alice, "/credentials", read()).await.0, 200);
    server.kill();
}
