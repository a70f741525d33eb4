//! Servers that are away, silent, full or forgetful.

use super::super::ground::{KINDS, at, connect, owner, token};
use axess_core::{
    ratelimit::{Admission, BucketKey, RateQuota},
    store::{
        RateLimitBuckets, RefreshTokenStore, SaveOutcome, SessionRow, SessionStore, StoreError,
        StoreErrorKind,
    },
};
use axess_identity::SessionId;
use axess_peers::{Kind, Server, skip};
use axess_valkey::{Valkey, ValkeyBuckets, ValkeyOptions, ValkeyRefreshTokenStore, ValkeySessionStore};
use chrono::TimeDelta;
use std::time::Duration;

const RESPONSE: Duration = Duration::from_millis(1_500);
/// How long a client may take to find a server that is back.
const RECOVERY: Duration = Duration::from_secs(60);

/// Starts a server of its own for this test, unless the machine cannot.
fn start(test: &str, kind: Kind) -> Option<Server> {
    match kind.missing() {
        Some(reason) => {
            skip(test, &reason);
            None
        }
        None => Some(Server::start(kind).unwrap()),
    }
}

async fn impatient(kind: Kind, server: &Server) -> Valkey {
    let options =
        ValkeyOptions { response_timeout: RESPONSE, connect_timeout: RESPONSE, ..Default::default() };
    connect(kind, &server.urls(), options).await
}

fn row(n: u8) -> SessionRow {
    let id = SessionId::from_bytes([n; 16]);
    SessionRow {
        id,
        lineage: id,
        version: 1,
        owner: Some(owner(1, 1)),
        payload: vec![n; 1_000].into(),
        created_at: at(0),
        expires_at: at(1_000),
    }
}

/// Repeats a call until it succeeds, and demands that every failure before that says that the server is away.
async fn recovers<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let work = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => assert!(error.kind().is_transient(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(RECOVERY, work).await.expect("the client does not find the server again")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_found_again() {
    for kind in KINDS {
        let Some(mut server) = start("a_server_that_was_killed_is_found_again", kind) else { continue };
        let store = ValkeySessionStore::new(&impatient(kind, &server).await);
        assert_eq!(store.insert(row(1)).await.unwrap(), SaveOutcome::Saved);
        server.kill().unwrap();
        for n in 1..4 {
            let call = tokio::time::timeout(RECOVERY, store.load(row(n).id, at(1)));
            let error = call.await.expect("a call ends in time").unwrap_err();
            let expect = [StoreErrorKind::Unavailable, StoreErrorKind::Timeout];
            assert!(expect.contains(&error.kind()), "{}: {error:?}", kind.name());
        }
        server.restart().unwrap();
        assert_eq!(recovers(async || store.load(row(1).id, at(1)).await).await, None, "it kept nothing");
        for n in 2..40 {
            let _ = recovers(async || store.insert(row(n)).await).await;
        }
        assert_eq!(recovers(async || store.load(row(20).id, at(1)).await).await, Some(row(20)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_a_timeout_and_nothing_is_done_twice() {
    for kind in KINDS {
        let test = "a_silent_server_is_a_timeout_and_nothing_is_done_twice";
        let Some(mut server) = start(test, kind) else { continue };
        let valkey = impatient(kind, &server).await;
        let (buckets, sessions) = (ValkeyBuckets::new(&valkey), ValkeySessionStore::new(&valkey));
        let (key, quota) = (BucketKey::new("a", "b"), RateQuota::new(10, Duration::from_secs(60)));
        for n in 1..20 {
            assert_eq!(sessions.insert(row(n)).await.unwrap(), SaveOutcome::Saved);
        }
        assert_eq!(buckets.admit(key, quota, at(0)).await.unwrap(), Admission::Admitted);
        server.pause();
        for _ in 0..2 {
            let error = buckets.admit(key, quota, at(0)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Timeout, "{}: {error:?}", kind.name());
        }
        server.resume();
        // Each answer belongs to its question, also those that come after the late ones.
        for n in 1..20 {
            let read = recovers(async || sessions.load(row(n).id, at(1)).await).await;
            assert_eq!(read, Some(row(n)), "{}", kind.name());
        }
        let mut admitted = 0;
        while buckets.admit(key, quota, at(0)).await.unwrap() == Admission::Admitted {
            admitted += 1;
        }
        // The two calls without an answer may have been done: once each, not more.
        assert!((7..=9).contains(&admitted), "{}: {admitted}", kind.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_writes_whole_and_still_ends_things() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let test = "a_full_server_refuses_writes_whole_and_still_ends_things";
        let Some(server) = start(test, kind) else { continue };
        let valkey = connect(kind, &server.urls(), ValkeyOptions::default()).await;
        let (sessions, tokens) = (ValkeySessionStore::new(&valkey), ValkeyRefreshTokenStore::new(&valkey));
        for n in [1, 2] {
            assert_eq!(sessions.insert(row(n)).await.unwrap(), SaveOutcome::Saved);
        }
        let _ = tokens.issue_with_eviction(token(1), 5).await.unwrap();
        set(&server, "maxmemory", "1").await;
        let now = at(1);
        let refused = [
            sessions.insert(row(3)).await.map(drop),
            sessions.save(SessionRow { version: 2, ..row(1) }).await.map(drop),
            sessions.cycle(row(1).id, 1, row(4), now).await.map(drop),
            tokens.issue_with_eviction(token(2), 1).await.map(drop),
            tokens.rotate_token(token(1).id, token(3), "sealed".into()).await.map(drop),
        ];
        for (number, refused) in refused.into_iter().enumerate() {
            assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Full, "{number}");
        }
        assert_eq!(sessions.load(row(1).id, now).await.unwrap(), Some(row(1)), "as it was");
        assert_eq!(tokens.find_tokens_for_user(owner(1, 1), now, 9).await.unwrap(), [token(1)], "as it was");
        assert_eq!(tokens.revoke_for_user(owner(1, 1), now).await.unwrap().tokens, 1);
        assert_eq!(sessions.end(row(1).id, now).await.unwrap(), 1);
        assert_eq!(sessions.end_for_user(owner(1, 1), None).await.unwrap(), 1);
        set(&server, "maxmemory", "0").await;
        assert!(tokens.find_tokens_for_user(owner(1, 1), now, 9).await.unwrap().is_empty());
        assert_eq!(sessions.insert(row(3)).await.unwrap(), SaveOutcome::Saved);
    }
}

async fn set(server: &Server, name: &str, value: &str) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    let mut cmd = redis::cmd("CONFIG");
    cmd.arg("SET").arg(name).arg(value).exec_async(&mut link).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_the_scripts_learns_them_again() {
    for kind in KINDS {
        let test = "a_server_that_forgot_the_scripts_learns_them_again";
        let Some(server) = start(test, kind) else { continue };
        let store = ValkeySessionStore::new(&connect(kind, &server.urls(), ValkeyOptions::default()).await);
        for n in 1..30 {
            assert_eq!(store.insert(row(n)).await.unwrap(), SaveOutcome::Saved);
            if n % 5 == 0 {
                for url in server.urls() {
                    let client = redis::Client::open(url).unwrap();
                    let mut link = client.get_multiplexed_async_connection().await.unwrap();
                    redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut link).await.unwrap();
                }
            }
        }
        assert_eq!(store.end_for_tenant(owner(1, 1).tenant_id).await.unwrap(), 29);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_connected_to_says_why() {
    let bad = Valkey::connect("http://127.0.0.1").await.unwrap_err();
    assert_eq!(bad.kind(), StoreErrorKind::Misuse);
    // Port 1 on loopback: nobody listens there.
    for error in [
        Valkey::connect("redis://127.0.0.1:1").await.unwrap_err(),
        Valkey::connect("rediss://127.0.0.1:1").await.unwrap_err(),
        Valkey::connect_cluster(["redis://127.0.0.1:1"]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    let Some(server) = start("what_cannot_be_connected_to_says_why", Kind::Redis) else { return };
    set(&server, "requirepass", "example").await;
    let error = Valkey::connect(&server.url()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Backend, "{error:?}");
    let url = server.url().replace("redis://", "redis://:example@");
    let valkey = Valkey::connect(&url).await.unwrap();
    valkey.ping().await.unwrap();
    assert!(!format!("{valkey:?}").contains("example"), "{valkey:?}");
    let client = redis::Client::open(url).unwrap();
    Valkey::from_client(client).await.unwrap().ping().await.unwrap();
    // TLS is spoken to a server that does not: the handshake fails, and nothing panics for want of a provider.
    let tls = server.url().replace("redis://", "rediss://");
    let options = ValkeyOptions { connect_timeout: RESPONSE, ..Default::default() };
    assert!(options.connect(&tls).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_clock_of_the_application_does_not_lose_rows() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let test = "a_slow_clock_of_the_application_does_not_lose_rows";
        let Some(server) = start(test, kind) else { continue };
        let store = ValkeySessionStore::new(&connect(kind, &server.urls(), ValkeyOptions::default()).await);
        let year = |n: i64| TimeDelta::days(365 * n);
        for (n, shift) in [(1, year(-40)), (2, year(0)), (3, year(40))] {
            let shifted = SessionRow { created_at: at(0) + shift, expires_at: at(1) + shift, ..row(n) };
            assert_eq!(store.insert(shifted.clone()).await.unwrap(), SaveOutcome::Saved);
            assert_eq!(store.load(shifted.id, at(0) + shift).await.unwrap(), Some(shifted));
        }
    }
}
