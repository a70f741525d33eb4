use audex_core::{CredentialProvider, MintOrder, Requester, RevokeOrder, session::SessionId};
use audex_policy::{Provider, Request, Rules, narrow};
use audex_providers::local::{LocalProvider, LocalProviderConfig, TOKEN_VARIABLE};
use axess_clock::SystemClock;
use axess_peers::{skip, tools_folder};
use axess_rng::SystemRng;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};
use tokio::net::TcpListener;

const AUDIENCE: &str = "https://orders.example.com";

/// An issuer at its own address.
struct Served {
    provider: LocalProvider,
    issuer: String,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let config = LocalProviderConfig {
        issuer: issuer.parse().unwrap(),
        audience: AUDIENCE.into(),
        ..LocalProviderConfig::new(folder.path().join("issuer"))
    };
    let provider = LocalProvider::new(config, Arc::new(SystemClock), Arc::new(SystemRng));
    let router = provider.router().await.unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { provider, issuer, _folder: folder }
}

/// Mints a token; returns it, and what ends it.
async fn minted(provider: &LocalProvider) -> (String, RevokeOrder) {
    let request = Request::parse(Provider::Local, "orders:Read=eu/*", &[]).unwrap();
    let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
    let shape = provider.shape(&grant, None, &[]).unwrap();
    let requester = Requester::LocalUser { uid: 1000, name: None };
    let session_id = SessionId::generate(&SystemRng);
    let order = MintOrder { session_id, requester, grant, shape, lifetime: TimeDelta::minutes(15) };
    let credential = provider.mint(&order).await.unwrap().credential;
    let end = RevokeOrder {
        session_id,
        target: None,
        grant: order.grant.clone(),
        credential_ids: vec![credential.id().to_owned()],
        expires_at: credential.expires_at(),
    };
    (credential.part(TOKEN_VARIABLE).unwrap().expose().to_owned(), end)
}

#[tokio::test]
async fn the_crate_that_rust_services_use_verifies_our_tokens() {
    let Served { provider, issuer, .. } = served().await;
    let (token, _) = minted(&provider).await;
    let keys: JwkSet =
        serde_json::from_value(serde_json::to_value(provider.jwks().await.unwrap()).unwrap()).unwrap();
    let header = decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[AUDIENCE]);
    rules.set_issuer(&[&issuer]);
    rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    let claims = decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("uid:1000"), &json!("tryaudex")));
    let expected = json!([{ "type": "audex", "actions": ["orders:Read"], "locations": ["eu/*"] }]);
    assert_eq!(claims["authorization_details"], expected);
    rules.set_audience(&["https://else.example.com"]);
    assert!(decode::<Value>(&token, &key, &rules).is_err());
}

fn python() -> Command {
    let mut python = Command::new("python3");
    if let Some(tools) = tools_folder() {
        python.env("PYTHONPATH", tools.join("pyjwt"));
    }
    python
}

/// PyJWT over OpenSSL: another language, another parser, another library for the mathematics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyjwt_verifies_our_tokens() {
    let imports = python().args(["-c", "import jwt, cryptography"]).stderr(Stdio::null()).status();
    if !imports.is_ok_and(|status| status.success()) {
        let reason = "no PyJWT with cryptography: run `cargo xtask peers install`";
        return skip("audex-providers local::pyjwt_verifies_our_tokens", reason);
    }
    let (own, stranger) = (served().await, served().await);
    let (good, _) = minted(&own.provider).await;
    let (revoked, end) = minted(&own.provider).await;
    own.provider.revoke(&end).await.unwrap();
    let (foreign, _) = minted(&stranger.provider).await;
    let secret = own.provider.introspection_secret().await.unwrap();
    let task = json!({
        "issuer": own.issuer, "audience": AUDIENCE, "secret": secret.expose(),
        "good": good, "revoked": revoked, "foreign": foreign,
    });
    let output = tokio::task::spawn_blocking(move || {
        let mut command = python();
        command.args(["-c", include_str!("verify.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success());
    let claims: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(claims["authorization_details"][0]["locations"], json!(["eu/*"]));
    assert!(claims["audex_session"].is_string());
}
