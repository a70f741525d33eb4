//! Tokens verified by others, from a server on loopback: nothing of ours but what it serves.

use axess_clock::{Clock, SystemClock};
use axess_local_idp::{
    Actor, Confirmation, IntrospectionCaller, LocalIdp, LocalIdpConfig, MemoryLocalIdpKeyStore, MintClaims,
    SigningAlgorithm, TokenType,
};
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

const API: &str = "https://api.example.com";
const SCRIPT: &str = include_str!("verify.py");

/// An issuer at its own address.
struct Served {
    idp: LocalIdp,
    issuer: String,
}

async fn serve(algorithm: SigningAlgorithm, path: &str) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}{path}", listener.local_addr().unwrap());
    let config = LocalIdpConfig { algorithm, ..LocalIdpConfig::new(issuer.parse().unwrap()) };
    let store = Arc::new(MemoryLocalIdpKeyStore::new());
    let idp =
        LocalIdp::from_key_store(config, store, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
    idp.rotate().await.unwrap();
    let guard = |request: &http::request::Parts| {
        let caller =
            request.headers.get("authorization").is_some_and(|value| value == "Bearer resource-server");
        caller.then(IntrospectionCaller::for_any_audience)
    };
    let app = axum::Router::new().merge(idp.router_with_introspection(guard));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Served { idp, issuer }
}

async fn minted(idp: &LocalIdp) -> Vec<(TokenType, String)> {
    let workload = "spiffe://prod.example.com/svc/billing".parse().unwrap();
    let minute = TimeDelta::minutes(1);
    let access = MintClaims::access_token("alice", "cli", minute)
        .with_audience(API)
        .with_audiences(["https://other.example.com"])
        .with_not_before(SystemClock.now())
        .with_scope("read write")
        .with_confirmation(Confirmation::CertificateSha256([9; 32]))
        .with_actor(Actor::new("agent"))
        .with_authorization_details(json!([{ "type": "aws", "actions": ["s3:GetObject"] }]))
        .with_custom_claim("name", "Zoë \"quoted\" \u{1f511}");
    let mut tokens = Vec::new();
    for (kind, claims) in [
        (TokenType::Jwt, MintClaims::jwt_svid(&workload, minute).with_audience(API)),
        (TokenType::AccessToken, access),
    ] {
        tokens.push((kind, idp.mint(&claims).await.unwrap().token.expose().to_owned()));
    }
    tokens
}

#[tokio::test]
async fn the_crate_that_rust_services_use_verifies_our_tokens() {
    for algorithm in SigningAlgorithm::ALL {
        let Served { idp, issuer } = serve(algorithm, "").await;
        let get = |url: String| async { reqwest::get(url).await.unwrap().error_for_status().unwrap() };
        let found: Value =
            get(format!("{issuer}/.well-known/openid-configuration")).await.json().await.unwrap();
        assert_eq!(found["issuer"], issuer);
        let keys: JwkSet = get(found["jwks_uri"].as_str().unwrap().to_owned()).await.json().await.unwrap();
        for key in &keys.keys {
            let thumbprint = key.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
            assert_eq!(key.common.key_id.as_deref(), Some(&*thumbprint));
        }
        for (kind, token) in minted(&idp).await {
            let header = decode_header(&token).unwrap();
            assert_eq!(header.typ.as_deref(), Some(kind.as_str()));
            let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
            let mut rules = Validation::new(algorithm.as_str().parse::<Algorithm>().unwrap());
            rules.set_audience(&[API]);
            rules.set_issuer(&[&issuer]);
            rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
            (rules.validate_nbf, rules.leeway) = (true, 0);
            let claims = decode::<Value>(&token, &key, &rules).unwrap().claims;
            assert!(claims["jti"].is_string(), "{claims}");
            let tampered = token.replacen("eyJ", "eyK", 1);
            assert!(decode::<Value>(&tampered, &key, &rules).is_err());
        }
    }
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
    let test = "pyjwt_verifies_our_tokens";
    let imports = python().args(["-c", "import jwt, cryptography"]).stderr(Stdio::null()).status();
    if !imports.is_ok_and(|status| status.success()) {
        return skip(test, "no PyJWT with cryptography: run `cargo xtask peers install`");
    }
    for (algorithm, path) in SigningAlgorithm::ALL.into_iter().zip(["", "/idp", "", "/a/b", ""]) {
        let Served { idp, issuer } = serve(algorithm, path).await;
        let tokens: Vec<Value> =
            minted(&idp).await.into_iter().map(|(kind, token)| json!([kind.as_str(), token])).collect();
        let revoked =
            idp.mint(&MintClaims::new("gone", TimeDelta::minutes(1)).with_audience(API)).await.unwrap();
        idp.revoke(&revoked.jwt_id).await.unwrap();
        let task = json!({
            "issuer": issuer, "path": path, "audience": API, "algorithm": algorithm.as_str(), "keys": 2,
            "tokens": tokens, "revoked": revoked.token.expose(), "credential": "resource-server",
        });
        let output = tokio::task::spawn_blocking(move || {
            let mut command = python();
            let mut child =
                command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        assert!(output.status.success(), "{algorithm}");
        let said: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said.len(), 2);
        assert_eq!(said[0]["sub"], "spiffe://prod.example.com/svc/billing");
        assert_eq!(said[1]["name"], "Zoë \"quoted\" \u{1f511}");
        assert_eq!(said[1]["authorization_details"][0]["type"], "aws");
        assert_eq!(said[1]["aud"], json!([API, "https://other.example.com"]));
    }
}
