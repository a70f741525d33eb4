//! A callback's handler that passes two parameters on, as most do, at a real provider that also names itself (RFC 9207).

use super::{
    browser::{Browser, Reply},
    device_login::{World, server},
    site::KEY,
};
use axess_core::{
    memory::{InMemoryBackend, InMemorySessionStore},
    service::{AuthnService, FederatedOutcome, OAuthLoginOptions},
};
use axess_factors::federated::FederationOptions;
use axess_http::{AuthSession, AuthnRejection, SessionLayer};
use axess_peers::OpenIdProvider;
use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use reqwest::{Certificate, Client, Url, redirect::Policy};
use serde::Deserialize;
use std::sync::Arc;

type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;

async fn login(session: AuthSession, State(service): State<Service>) -> Result<String, AuthnRejection> {
    let login_hint = Some("alice".to_owned());
    let federation = FederationOptions { login_hint, ..FederationOptions::default() };
    let options = OAuthLoginOptions { federation, ..OAuthLoginOptions::default() };
    Ok(service.begin_oauth_login(&session, "peer", options).await?)
}

#[derive(Deserialize)]
struct CallbackQuery {
    code: String,
    state: String,
}

async fn callback(
    session: AuthSession,
    State(service): State<Service>,
    Query(query): Query<CallbackQuery>,
) -> Result<String, AuthnRejection> {
    let done = service.finish_oauth_login(&session, "peer", &query.code, &query.state).await?;
    Ok(match done.outcome {
        FederatedOutcome::Authenticated => "in".to_owned(),
        FederatedOutcome::Refused(error) => error.to_string(),
        other => format!("{other:?}"),
    })
}

/// Follows the provider's redirects to the one that leads back to the application.
async fn sent_back(peer: &OpenIdProvider, url: String) -> Url {
    let authority = Certificate::from_pem_bundle(peer.authority().unwrap().as_bytes()).unwrap();
    let client = Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy();
    let client = client.tls_certs_merge(authority).build().unwrap();
    let mut here: Url = url.parse().unwrap();
    for _ in 0..12 {
        if here.as_str().starts_with(OpenIdProvider::REDIRECT_URI) {
            return here;
        }
        let answer = client.get(here.clone()).send().await.unwrap();
        let there = answer.headers().get("location").unwrap_or_else(|| panic!("stuck at {here}"));
        here = here.join(there.to_str().unwrap()).unwrap();
    }
    panic!("too many redirects")
}

/// Logs in up to the callback, whose query `change` may change.
async fn come_back(app: &Router, peer: &OpenIdProvider, change: impl FnOnce(String) -> String) -> Reply {
    let mut browser = Browser::new(app.clone());
    let url = browser.get("/login").await.body;
    let back = sent_back(peer, url).await;
    let query = change(back.query().unwrap().to_owned());
    browser.get(&format!("/callback?{query}")).await
}

#[tokio::test]
async fn a_provider_that_names_itself_is_held_to_it() {
    let Some((_server, peer)) = server("a_provider_that_names_itself_is_held_to_it") else { return };
    let World { peer, service, .. } = World::new(peer);
    let app = Router::new()
        .route("/login", get(login))
        .route("/callback", get(callback))
        .layer(SessionLayer::new(InMemorySessionStore::new(), KEY))
        .with_state(Arc::new(service));

    assert_eq!(come_back(&app, &peer, |query| query).await.body, "in");
    let named = |query: &str| {
        let (rest, issuer) = query.split_once("&iss=").expect("the provider names itself");
        (rest.to_owned(), issuer.split('&').next().unwrap().to_owned())
    };
    let mixed_up = "the answer came from another provider";
    for (row, reply) in [
        ("nobody", come_back(&app, &peer, |query| named(&query).0).await),
        (
            "somebody else",
            come_back(&app, &peer, |query| named(&query).0 + "&iss=https://evil.example").await,
        ),
        ("twice", come_back(&app, &peer, |query| format!("{query}&iss={}", named(&query).1)).await),
    ] {
        assert_eq!(reply.body, mixed_up, "{row}");
    }
    let flood = come_back(&app, &peer, |query| format!("{query}&code={}", "x".repeat(100))).await;
    assert_eq!(flood.status, 400, "two codes are nobody's: {}", flood.body);
}
