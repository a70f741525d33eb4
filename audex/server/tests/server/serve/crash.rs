//! The whole server, killed in the middle of what it does.

use super::{
    killable::{Killable, accounts, answer, serve_if_asked},
    until,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinSet;

const ISSUES: &str = "serve::crash::what_was_acknowledged_is_there_after_a_kill_and_nothing_is_issued_twice";
const APPROVES: &str = "serve::crash::votes_outlive_a_kill_and_an_approval_is_used_once";

fn read() -> Value {
    json!({ "allow": "orders:Read", "ttl": "15m", "provider": "local" })
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
        // So many as there may be at least, on whatever machine.
        until(|| acknowledged.lock().unwrap().len() > 6 * (life + 1)).await;
        tokio::time::sleep(Duration::from_millis(200 + life as u64 * 150)).await;
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
