//! Tokens that are taken once.

use super::ground::{Ground, at, said};
use axess_factors::federated::{BoxFuture, FederationError, ReplayGuard};
use axess_workload::JwtSvidFault;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Remembers for as long as it is told, and is down when the test says so.
#[derive(Default)]
struct Store {
    used: Mutex<HashMap<(String, String), DateTime<Utc>>>,
    is_down: Mutex<bool>,
}

impl ReplayGuard for Store {
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        Box::pin(async move {
            if *self.is_down.lock().unwrap() {
                return Err(FederationError::unavailable("the replay store", "connection refused"));
            }
            tokio::task::yield_now().await;
            let mut used = self.used.lock().unwrap();
            let name = (issuer.to_owned(), id.to_owned());
            if used.get(&name).is_some_and(|until| *until > now) {
                return Ok(false);
            }
            used.insert(name, until);
            Ok(true)
        })
    }
}

fn ground(store: &Arc<Store>) -> Ground {
    let guard: Arc<dyn ReplayGuard> = store.clone();
    let short =
        |config: &mut axess_workload::JwtSvidResolverConfig| config.max_token_age = Duration::from_secs(600);
    Ground::with(short, |resolver| resolver.with_replay_guard(guard))
}

#[tokio::test]
async fn a_token_is_taken_once_whoever_else_was_refused() {
    let store = Arc::new(Store::default());
    let ground = ground(&store);
    let token = ground.good();
    assert_eq!(said(&ground.resolve(&token).await), "good");
    assert_eq!(said(&ground.resolve(&token).await), "Replayed");
    assert_eq!(ground.verdict(json!({ "exp": ground.now() + 299 })).await, "Replayed", "another with its id");
    assert_eq!(ground.verdict(json!({ "jti": "2" })).await, "good");
    for changes in [json!({ "jti": null }), json!({ "jti": "" })] {
        assert_eq!(ground.verdict(changes).await, "MissingClaim");
    }
    assert_eq!(ground.verdict(json!({ "jti": 7 })).await, "Malformed");
    // Whatever was refused for another reason is not used up.
    for changes in [
        json!({ "jti": "3", "aud": "https://other.example" }),
        json!({ "jti": "3", "exp": 1 }),
        json!({ "jti": "3", "sub": "spiffe://prod.example.com/svc/billing/globex" }),
    ] {
        assert_ne!(ground.verdict(changes).await, "good");
    }
    assert_eq!(ground.verdict(json!({ "jti": "3" })).await, "good");
    assert_eq!(store.used.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    let store = Arc::new(Store::default());
    let ground = ground(&store);
    for round in 0..50 {
        let token = ground.token(&ground.claims_but(json!({ "jti": format!("race-{round}") })));
        let (one, two) = tokio::join!(ground.resolve(&token), ground.resolve(&token));
        let mut verdicts = [said(&one), said(&two)];
        verdicts.sort();
        assert_eq!(verdicts, ["Replayed", "good"], "round {round}");
    }
}

/// As long as a token could be presented, it is remembered: also in its very last moment.
#[tokio::test]
async fn a_use_is_remembered_for_as_long_as_the_token_is_good() {
    let store = Arc::new(Store::default());
    let ground = ground(&store);
    let now = ground.now();
    for (row, changes, until) in [
        ("its end, and the skew", json!({ "jti": "a", "exp": now + 300 }), now + 331),
        ("its age, and the skew", json!({ "jti": "b", "exp": now + 9_999_999 }), now + 631),
    ] {
        let jti = changes["jti"].as_str().unwrap().to_owned();
        assert_eq!(ground.verdict(changes).await, "good", "{row}");
        let kept = store.used.lock().unwrap()[&("jwt-svid:prod.example.com".to_owned(), jti)];
        assert_eq!(kept, at(until), "{row}");
    }
    let last = ground.token(&ground.claims_but(json!({ "jti": "c", "iat": now - 630, "exp": now + 9_999 })));
    assert_eq!(said(&ground.resolve(&last).await), "good");
    assert_eq!(said(&ground.resolve(&last).await), "Replayed");
    ground.later(1);
    assert_eq!(said(&ground.resolve(&last).await), "TooOld");
}

#[tokio::test]
async fn a_store_that_is_down_lets_nobody_in() {
    let store = Arc::new(Store::default());
    let ground = ground(&store);
    *store.is_down.lock().unwrap() = true;
    let error = ground.resolve(&ground.good()).await.unwrap_err();
    assert_eq!(
        (error.fault(), error.to_string()),
        (JwtSvidFault::Backend, "the replay store cannot be asked".to_owned())
    );
    *store.is_down.lock().unwrap() = false;
    assert_eq!(said(&ground.resolve(&ground.good()).await), "good", "it was not used up");
}

#[tokio::test]
async fn without_a_guard_a_token_is_good_until_it_ends() {
    let ground = Ground::new();
    let token = ground.token(&ground.claims_but(json!({ "jti": null })));
    for _ in 0..3 {
        assert_eq!(said(&ground.resolve(&token).await), "good");
    }
}
