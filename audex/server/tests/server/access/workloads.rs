//! Tokens of workloads, from a real issuer that serves its keys.

use super::door::Door;
use crate::{
    requests::agreed,
    site::{approvals, someone},
};
use audex_server::settings::WorkloadIssuer;
use axess::{
    clock::{Clock, MockClock},
    local_idp::{
        LocalIdp, LocalIdpConfig, LocalIdpSigningKey, MemoryLocalIdpKeyStore, MintClaims, SigningAlgorithm,
    },
    rng::SystemRng,
};
use axum::{Router, extract::State, routing::get};
use chrono::{DateTime, TimeDelta};
use reqwest::Method;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

const AUDIENCE: &str = "audex";
const SUBJECT: &str = "repo:team/app:main";

struct Issuer {
    idp: LocalIdp,
    url: String,
    serving: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn noon() -> MockClock {
    MockClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap())
}

impl Issuer {
    async fn new() -> Self {
        Self::signing(SigningAlgorithm::Rs256).await
    }

    async fn signing(algorithm: SigningAlgorithm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = LocalIdpConfig {
            propagation: TimeDelta::zero(),
            algorithm,
            ..LocalIdpConfig::new(url.parse().unwrap())
        };
        let store = Arc::new(MemoryLocalIdpKeyStore::new());
        let clock: Arc<dyn Clock> = Arc::new(noon());
        let idp = LocalIdp::from_key_store(config, store, clock, Arc::new(SystemRng)).await.unwrap();
        let router = idp.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { idp, url, serving }
    }

    fn settings(&self, subjects: &[&str]) -> WorkloadIssuer {
        WorkloadIssuer {
            issuer: self.url.clone(),
            audience: AUDIENCE.to_owned(),
            jwks: format!("{}/jwks.json", self.url),
            subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
            groups: vec!["team:builds".to_owned()],
        }
    }

    async fn token(&self, subject: &str, audience: &str) -> String {
        let claims =
            MintClaims::access_token(subject, "build", TimeDelta::minutes(10)).with_audience(audience);
        self.idp.mint(&claims).await.unwrap().token.expose().to_owned()
    }
}

#[tokio::test]
async fn a_workload_calls_in_its_own_name() {
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
        let issuer = Issuer::signing(algorithm).await;
        let trusted = issuer.settings(&["repo:team/*"]);
        let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
        let me = door.get("/me", &issuer.token(SUBJECT, AUDIENCE).await).await;
        assert_eq!(me.status, 200, "{me:?}");
        assert_eq!(me.body["identity"], format!("{}#{SUBJECT}", issuer.url));
        assert_eq!((&me.body["kind"], &me.body["authenticated_by"]), (&"service".into(), &"workload".into()));
        assert_eq!(me.body["groups"][0], "team:builds");
        assert!(me.body["user_id"].is_null());
        // It has no account, so nothing of one.
        let token = issuer.token(SUBJECT, AUDIENCE).await;
        for path in ["/tokens", "/me/keys", "/people"] {
            assert_eq!(door.get(path, &token).await.status, 403, "{path}");
        }
        let new = serde_json::json!({ "name": "x" });
        assert_eq!(door.program(Method::POST, "/tokens", &token, Some(new)).await.status, 403);
    }
}

#[tokio::test]
async fn whoever_else_comes_is_refused_alike() {
    let (issuer, other) = (Issuer::new().await, Issuer::new().await);
    let trusted = issuer.settings(&["repo:team/*"]);
    let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    let good = issuer.token(SUBJECT, AUDIENCE).await;
    let mut answers = Vec::new();
    let parts: Vec<&str> = good.split('.').collect();
    for token in [
        issuer.token("repo:evil/app", AUDIENCE).await,
        issuer.token(SUBJECT, "somebody-else").await,
        other.token(SUBJECT, AUDIENCE).await,
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}x", parts[0], parts[1], parts[2]),
        format!("{good}.{}", parts[2]),
        "x".repeat(9_000),
    ] {
        let answer = door.get("/me", &token).await;
        assert_eq!(answer.code(), (401, "unauthenticated"), "{token}");
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(door.get("/me", &good).await.status, 200);
    door.clock.jump(TimeDelta::minutes(11));
    assert_eq!(door.get("/me", &good).await.status, 401, "it has ended");
    let trusted = issuer.settings(&["*"]);
    let early = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    early.clock.jump(TimeDelta::minutes(-30));
    assert_eq!(early.get("/me", &good).await.status, 401, "it has not begun");
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_is_kept_while_the_issuer_is_away() {
    let issuer = Issuer::new().await;
    let trusted = issuer.settings(&["*"]);
    let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    let before = issuer.token(SUBJECT, AUDIENCE).await;
    assert_eq!(door.get("/me", &before).await.status, 200);
    let key = LocalIdpSigningKey::generate(SigningAlgorithm::Rs256, &SystemRng).unwrap();
    issuer.idp.rotate_signing_key(key).await.unwrap();
    let after = issuer.token(SUBJECT, AUDIENCE).await;
    assert_eq!(door.get("/me", &after).await.status, 401, "not so soon after the last look");
    door.clock.jump(TimeDelta::seconds(10));
    assert_eq!(door.get("/me", &after).await.status, 200);
    issuer.serving.abort();
    door.clock.jump(TimeDelta::minutes(6));
    assert_eq!(door.get("/me", &after).await.status, 200, "the last good keys hold");
}

#[tokio::test]
async fn strangers_cause_few_reads_and_odd_answers_change_nothing() {
    let issuer = Issuer::new().await;
    let reads = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let keys = serde_json::to_string(&issuer.idp.jwks().await.unwrap()).unwrap();
    let state = (Arc::clone(&reads), keys);
    let router = Router::new().route("/jwks", get(count)).with_state(state);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut trusted = issuer.settings(&["*"]);
    trusted.jwks = format!("http://{address}/jwks");
    let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    assert_eq!(door.get("/me", &issuer.token(SUBJECT, AUDIENCE).await).await.status, 200);
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    let key = LocalIdpSigningKey::generate(SigningAlgorithm::Rs256, &SystemRng).unwrap();
    issuer.idp.rotate_signing_key(key).await.unwrap();
    let unknown = issuer.token(SUBJECT, AUDIENCE).await;
    for _ in 0..20 {
        assert_eq!(door.get("/me", &unknown).await.status, 401);
    }
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    // From now on it answers with too much, then with nonsense.
    door.clock.jump(TimeDelta::minutes(6));
    for read in 2..5 {
        assert_eq!(door.get("/me", &unknown).await.status, 401);
        assert_eq!(reads.load(Ordering::SeqCst), read);
        door.clock.jump(TimeDelta::seconds(11));
    }
    serving.abort();
}

async fn count(State((reads, keys)): State<(Arc<AtomicUsize>, String)>) -> (axum::http::StatusCode, String) {
    match reads.fetch_add(1, Ordering::SeqCst) {
        0 => (axum::http::StatusCode::OK, keys),
        1 => (axum::http::StatusCode::OK, " ".repeat(1 << 20)),
        2 => (axum::http::StatusCode::OK, "nonsense".to_owned()),
        _ => (axum::http::StatusCode::INTERNAL_SERVER_ERROR, keys),
    }
}

#[tokio::test]
async fn a_workload_that_waited_is_looked_at_again() {
    let issuer = Issuer::new().await;
    let trusted = issuer.settings(&["*"]);
    let door = Door::with(|settings| {
        settings.workload_issuers = vec![trusted];
        settings.rules = approvals(1);
    })
    .await;
    let bob = someone(&door.app, "bob@example.com", &[], &["security"]).await;
    let token = issuer.token(SUBJECT, AUDIENCE).await;
    let ask = serde_json::json!({ "provider": "local", "allow": "orders:DeleteOrder", "ttl": "15m" });
    for (minutes, status) in [(9, 200), (2, 401)] {
        let asked = door.program(Method::POST, "/credentials", &token, Some(ask.clone())).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        let id = asked.body["session_id"].as_str().unwrap();
        let decide = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            // Past the end of the token, the second time.
            door.clock.jump(TimeDelta::minutes(minutes));
            door.app.vote(&bob.caller(), id.parse().unwrap(), agreed()).await.unwrap();
        };
        let path = format!("/credentials/{id}?wait=30");
        let (answer, ()) = tokio::join!(door.get(&path, &token), decide);
        assert_eq!(
            (answer.status, answer.body["credentials"].is_object()),
            (status, status == 200),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn without_keys_nothing_can_be_said() {
    let issuer = Issuer::new().await;
    let mut trusted = issuer.settings(&["*"]);
    trusted.jwks = "/no/such/file.json".to_owned();
    let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    let answer = door.get("/me", &issuer.token(SUBJECT, AUDIENCE).await).await;
    assert_eq!(answer.code(), (503, "unavailable"));
}

#[tokio::test]
async fn keys_may_be_in_a_file() {
    let issuer = Issuer::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, serde_json::to_vec(&issuer.idp.jwks().await.unwrap()).unwrap()).unwrap();
    let mut trusted = issuer.settings(&["*"]);
    trusted.jwks = file.display().to_string();
    let door = Door::with(|settings| settings.workload_issuers = vec![trusted]).await;
    assert_eq!(door.get("/me", &issuer.token(SUBJECT, AUDIENCE).await).await.status, 200);
}

#[tokio::test]
async fn keys_come_by_a_way_that_nobody_else_can_write_on() {
    for address in
        ["http://keys.example.com/jwks", "ftp://127.0.0.1/jwks", "https://user:pw@keys.example.com/jwks"]
    {
        let trusted = WorkloadIssuer {
            issuer: "https://builds.example.com".to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks: address.to_owned(),
            subjects: vec!["*".to_owned()],
            groups: Vec::new(),
        };
        let opened = tokio::spawn(Door::with(move |settings| settings.workload_issuers = vec![trusted]));
        assert!(opened.await.is_err(), "{address}");
    }
}
