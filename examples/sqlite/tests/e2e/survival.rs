//! What outlives the process: a restart, a kill in the middle of everything, a change of keys.

use crate::{
    browser::{Browser, refused, said, second_factor_required},
    home::{Home, KEY, OTHER_KEY},
    phone, sqlite3,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

const PASSWORD: &str = "four grey herons in a row";
const THIRD_KEY: &str = "3333333333333333333333333333333333333333333333333333333333333333";

#[tokio::test]
async fn a_restart_keeps_accounts_sessions_and_what_is_in_progress() {
    let home = Home::new();
    let mut site = home.start();
    let carol = home.address("carol");
    let (logged_in, half, logged_out) = (Browser::at(&site), Browser::at(&site), Browser::at(&site));
    logged_in.sign_up(&mut site, &carol, PASSWORD).await;
    assert_eq!(half.log_in("bob", "nine lanterns over the harbour").await, second_factor_required());
    let stolen = logged_out.clone();
    logged_out.log_in_as_alice().await;
    assert_eq!(logged_out.post("/logout", json!({})).await.0, 200);
    site.stop();

    let site = home.start();
    assert!(logged_in.again(&site).is_in().await);
    assert!(!stolen.again(&site).is_in().await);
    assert_eq!(Browser::at(&site).log_in(&carol, PASSWORD).await, said("authenticated"));
    if phone::is_there("a_restart_keeps_accounts_sessions_and_what_is_in_progress") {
        let (now, _) = phone::codes(phone::BOBS_SECRET);
        assert_eq!(half.again(&site).code("/login/totp", &now).await, said("authenticated"));
        let again = Browser::at(&site);
        again.log_in("bob", "nine lanterns over the harbour").await;
        assert_eq!(again.code("/login/totp", &now).await, refused(), "spent codes stay spent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let home = Home::new();
    let mut site = home.start();
    let carol = home.address("carol");
    Browser::at(&site).sign_up(&mut site, &carol, PASSWORD).await;

    let (live, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let (live, ended, first) = (Arc::clone(&live), Arc::clone(&ended), Browser::at(&site));
            tokio::spawn(async move {
                for n in 0.. {
                    let browser = first.another();
                    let form = json!({"username": "alice", "password": "purple otters juggle at noon"});
                    if browser.try_post("/login", form).await != Some(200) {
                        return;
                    }
                    if n % 2 == 0 {
                        live.lock().await.push(browser);
                    } else if browser.try_post("/logout", json!({})).await == Some(200) {
                        ended.lock().await.push(browser);
                    }
                }
            })
        })
        .collect();
    for _ in 0..1_000 {
        if live.lock().await.len() >= 6 && ended.lock().await.len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    site.signal("KILL");
    site.ended();
    for task in busy {
        task.await.unwrap();
    }

    let site = home.start();
    let (live, ended) = (live.lock().await, ended.lock().await);
    assert!(live.len() >= 6 && ended.len() >= 3, "{} live, {} ended", live.len(), ended.len());
    for browser in live.iter() {
        assert!(browser.again(&site).is_in().await, "an acknowledged login was lost");
    }
    for browser in ended.iter() {
        assert!(!browser.again(&site).is_in().await, "an acknowledged logout was undone");
    }
    assert_eq!(
        Browser::at(&site).log_in(&carol, PASSWORD).await,
        said("authenticated"),
        "the account is there"
    );
    let trail = std::fs::read_to_string(home.file("audit.jsonl")).unwrap();
    let logins = trail.lines().filter(|line| line.contains("\"LoginCompleted\"")).count();
    assert!(logins > live.len() + ended.len(), "every acknowledged login is on record, and the last");
}

#[tokio::test]
async fn keys_can_be_changed_under_live_sessions() {
    let home = Home::new();
    let site = home.start();
    let (alice, asleep) = (Browser::at(&site), Browser::at(&site));
    alice.log_in_as_alice().await;
    asleep.log_in_as_alice().await;
    site.stop();

    let home = home
        .with("ENVELOPE_KEY", THIRD_KEY)
        .with("ENVELOPE_KEY_PREVIOUS", OTHER_KEY)
        .with("SIGNING_KEY", OTHER_KEY)
        .with("SIGNING_KEY_PREVIOUS", KEY);
    let site = home.start();
    assert!(alice.again(&site).is_in().await, "what was sealed and signed under the old keys is read");
    let bob = Browser::at(&site);
    assert_eq!(bob.log_in("bob", "nine lanterns over the harbour").await, second_factor_required());
    if phone::is_there("keys_can_be_changed_under_live_sessions") {
        let (now, _) = phone::codes(phone::BOBS_SECRET);
        assert_eq!(bob.code("/login/totp", &now).await, said("authenticated"), "and so are secrets");
    }
    site.stop();

    let home = home.without(&["ENVELOPE_KEY_PREVIOUS", "SIGNING_KEY_PREVIOUS"]);
    let site = home.start();
    assert!(alice.again(&site).is_in().await, "a session in use was sealed and signed anew");
    assert!(bob.again(&site).is_in().await);
    assert!(!asleep.again(&site).is_in().await, "one that slept has to log in again");
    assert_eq!(Browser::at(&site).get("/health").await.0, 200);
}

#[tokio::test]
async fn the_database_shows_no_secrets() {
    let home = Home::new();
    let site = home.start();
    let alice = Browser::at(&site);
    alice.log_in_as_alice().await;
    let shown = alice.post("/totp", json!({})).await.1;
    let secret = shown["secret"].as_str().unwrap();
    site.stop();
    if sqlite3::is_there("the_database_shows_no_secrets") {
        let events = std::fs::read_to_string(home.file("audit.jsonl")).unwrap().lines().count();
        let indexed = sqlite3::answer(&home, "SELECT count(*) FROM axess_audit");
        assert_eq!(indexed, events.to_string(), "every event can be searched");
    }
    let mut bytes = Vec::new();
    for file in ["app.db", "app.db-wal", "audit.jsonl"] {
        bytes.extend(std::fs::read(home.file(file)).unwrap_or_default());
    }
    let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let secrets =
        [secret.as_bytes(), &seed, b"12345678901234567890", phone::BOBS_SECRET.as_bytes(), b"purple otters"];
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|at| at == secret);
        assert!(!found, "{} is stored in the clear", String::from_utf8_lossy(secret));
    }
    assert!(bytes.windows(5).any(|at| at == b"alice"), "the files are those of the application");
}
