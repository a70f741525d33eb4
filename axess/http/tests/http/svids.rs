//! Tokens of issuers, over their own doors: ours over HTTP, one of another language, and one that is slow.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_identity::{TenantId, WorkloadPrincipal};
use axess_local_idp::{SigningAlgorithm, testing::LocalIdpFixture};
use axess_oauth::{HttpClient, HttpSettings};
use axess_peers::{skip, tools_folder};
use axess_workload::{JwtSvidError, JwtSvidFault, JwtSvidResolver, JwtSvidResolverConfig, PathConvention};
use axum::{Router, routing::get};
use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};
use std::{
    io::Write,
    net::Ipv4Addr,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

const API: &str = "https://api.example.com";
const BILLING: &str = "spiffe://prod.example.com/svc/billing/acme";
const MINT: &str = include_str!("svids.py");
/// Longer than an honest answer takes on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

fn resolver(url: String, patience: Duration, clock: Arc<dyn Clock>) -> JwtSvidResolver {
    let http = HttpClient::new(&HttpSettings { timeout: patience, ..HttpSettings::default() }).unwrap();
    let tenants = PathConvention::new(|slug: String| async move { Ok((slug == "acme").then(acme)) });
    let config = JwtSvidResolverConfig::new("prod.example.com".parse().unwrap(), url, API);
    JwtSvidResolver::new(config, Arc::new(http), Arc::new(tenants), clock).unwrap()
}

fn acme() -> TenantId {
    TenantId::from_parts(0, [1; 10])
}

/// Writes a verdict short: `good`, or the name of the error.
fn said(verdict: &Result<WorkloadPrincipal, JwtSvidError>) -> String {
    let Err(error) = verdict else { return "good".to_owned() };
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, app).await });
}

#[tokio::test]
async fn our_own_issuer_is_believed_before_and_after_a_rotation() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
        let clock = MockClock::new(SystemClock.now());
        let (listener, issuer) = listen().await;
        let idp = LocalIdpFixture::with_algorithm(&issuer, algorithm).with_clock(Arc::new(clock.clone()));
        serve(listener, idp.idp().router());
        let resolver = resolver(format!("{issuer}/jwks.json"), PATIENCE, Arc::new(clock.clone()));
        let billing = BILLING.parse().unwrap();
        let first = idp.mint_jwt_svid(&billing, API, TimeDelta::minutes(5));
        let workload = resolver.resolve(first.token.expose()).await.unwrap();
        assert_eq!((workload.workload_id, workload.tenant_id), (billing.clone(), acme()));
        assert_eq!(workload.attributes["iss"], issuer);

        idp.idp().rotate().await.unwrap();
        clock.advance(Duration::from_secs(5));
        let next = idp.mint_jwt_svid(&billing, API, TimeDelta::minutes(5));
        assert_ne!(first.key_id, next.key_id);
        for token in [&first, &next] {
            assert_eq!(said(&resolver.resolve(token.token.expose()).await), "good");
        }
        let elsewhere = idp.mint_jwt_svid(&billing, "https://other.example", TimeDelta::minutes(5));
        assert_eq!(said(&resolver.resolve(elsewhere.token.expose()).await), "AudienceMismatch");
        clock.advance(Duration::from_secs(330));
        assert_eq!(said(&resolver.resolve(next.token.expose()).await), "Expired");
    }
}

fn python() -> Command {
    let mut python = Command::new("python3");
    if let Some(tools) = tools_folder() {
        python.env("PYTHONPATH", tools.join("pyjwt"));
    }
    python
}

/// PyJWT over OpenSSL signs, and a SPIFFE bundle of its keys is served: another language, another library.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_pyjwt_are_judged_as_they_are_meant() {
    let test = "tokens_of_pyjwt_are_judged_as_they_are_meant";
    let imports = python().args(["-c", "import jwt, cryptography"]).stderr(Stdio::null()).status();
    if !imports.is_ok_and(|status| status.success()) {
        return skip(test, "no PyJWT with cryptography: run `cargo xtask peers install`");
    }
    let task = json!({ "subject": BILLING, "audience": API }).to_string();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = python();
        let mut child =
            command.args(["-c", MINT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(task.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success());
    let minted: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bundle = minted["bundle"].to_string();
    let (listener, base) = listen().await;
    serve(listener, Router::new().route("/bundle", get(async move || bundle.clone())));
    let resolver = resolver(format!("{base}/bundle"), PATIENCE, Arc::new(SystemClock));
    let tokens = minted["tokens"].as_array().unwrap();
    assert!(tokens.len() > 20);
    for row in tokens {
        let (name, meant) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        assert_eq!(said(&resolver.resolve(row[2].as_str().unwrap()).await), meant, "{name}");
    }
}

#[tokio::test]
async fn whoever_keeps_the_keys_back_keeps_nobody_waiting_for_long() {
    let (listener, base) = listen().await;
    let endless = || axum::body::Body::from(vec![b' '; 10_000_000]);
    let app = Router::new()
        .route("/silent", get(async || std::future::pending::<()>().await))
        .route("/large", get(async move || endless()))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/moved", get(async || (StatusCode::FOUND, [("location", "/silent")])));
    serve(listener, app);
    let clock = MockClock::new(SystemClock.now());
    let idp = LocalIdpFixture::with_algorithm("https://id.example.com", SigningAlgorithm::Es256)
        .with_clock(Arc::new(clock.clone()));
    let minted = idp.mint_jwt_svid(&BILLING.parse().unwrap(), API, TimeDelta::minutes(5));
    for path in ["silent", "large", "broken", "moved", "missing"] {
        let url = format!("{base}/{path}");
        let patience = if path == "silent" { Duration::from_millis(200) } else { PATIENCE };
        let resolver = resolver(url, patience, Arc::new(clock.clone()));
        let answer = tokio::time::timeout(PATIENCE, resolver.resolve(minted.token.expose())).await;
        let refused = answer.unwrap().unwrap_err();
        assert_eq!(refused.fault(), JwtSvidFault::Backend, "{path}: {refused:?}");
        assert_eq!(said(&Err(refused)), "KeysUnavailable", "{path}");
    }
}
