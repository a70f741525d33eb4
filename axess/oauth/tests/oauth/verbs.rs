//! What a client does without a browser, at a real provider.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_factors::federated::{
    Assurance, DeviceProof, FederatedProof, FederationContext, FederationError, FederationOptions,
    FederationProvider, PendingFederation,
};
use axess_oauth::{ClientAuth, DpopKey, OAuthProviderConfig, OidcProvider, TokenTypeHint};
use axess_peers::OpenIdProvider;
use axess_rng::SystemRng;
use serde_json::json;
use std::{sync::Arc, time::Duration};

use crate::{
    browser::{Browser, hidden},
    hostile::{CALLBACK, CLIENT, Hostile, Reply},
    peer::{self, App, client_key, config, with_auth},
};

#[tokio::test]
async fn an_application_gets_tokens_of_its_own() {
    let Some(peer) = peer::provider("an_application_gets_tokens_of_its_own") else { return };
    let app = App::new(&peer, with_auth(&peer, "keyed", client_key(&peer)));
    let tokens = app.provider.client_credentials(&["api:read"], &["urn:api"], None).await.unwrap();
    assert_eq!(tokens.scope.as_deref(), Some("api:read"));
    assert!(tokens.id_token.is_none() && tokens.expires_at.unwrap() > SystemClock.now());

    let public = App::new(&peer, with_auth(&peer, "public", ClientAuth::None));
    let refused = public.provider.client_credentials(&[], &[], None).await.unwrap_err();
    assert!(matches!(refused, FederationError::Configuration { .. }), "{refused}");
    let wrong = app.provider.client_credentials(&["a b"], &[], None).await.unwrap_err();
    assert!(matches!(wrong, FederationError::Configuration { .. }), "{wrong}");
}

#[tokio::test]
async fn a_key_that_nothing_would_be_bound_to_is_refused() {
    let hostile = Hostile::start().await;
    hostile.reply("/token", Reply::json(&json!({ "access_token": "t", "token_type": "Bearer" })));
    let config = OAuthProviderConfig::discover(&hostile.base, CLIENT, "hush", CALLBACK);
    let key = DpopKey::generate().unwrap();
    let refused = hostile.client(config).client_credentials(&[], &[], Some(&key)).await.unwrap_err();
    assert!(matches!(refused, FederationError::Configuration { .. }), "{refused}");
    assert!(hostile.seen("/token").is_empty(), "nothing was asked for");
}

#[tokio::test]
async fn a_secret_goes_where_the_provider_wants_it() {
    for (methods, in_form) in
        [(json!(["client_secret_post"]), true), (json!(["client_secret_post", "client_secret_basic"]), false)]
    {
        let hostile = Hostile::start().await;
        hostile.describe(|metadata| metadata["token_endpoint_auth_methods_supported"] = methods.clone());
        hostile.reply("/token", Reply::json(&json!({ "access_token": "t", "token_type": "Bearer" })));
        let auth = ClientAuth::Secret("hush".into());
        let config = OAuthProviderConfig::discover(&hostile.base, CLIENT, auth, CALLBACK);
        hostile.client(config).client_credentials(&[], &[], None).await.unwrap();
        assert_eq!(hostile.seen("/token")[0].contains("client_secret=hush"), in_form, "{methods}");
    }
}

#[tokio::test]
async fn a_token_is_looked_up_and_revoked() {
    let Some(peer) = peer::provider("a_token_is_looked_up_and_revoked") else { return };
    let app = App::new(&peer, config(&peer, "basic").with_scopes(["openid", "offline_access"]));
    let tokens = app.log_in("alice").await.unwrap().tokens.unwrap();
    let (access, refresh) = (tokens.access_token.clone(), tokens.refresh_token.clone().unwrap());
    let found = app.provider.introspect(&access, Some(TokenTypeHint::AccessToken)).await.unwrap();
    assert!(found.is_active);
    assert_eq!(found.claims["sub"], "alice");

    app.provider.revoke_token(&refresh, Some(TokenTypeHint::RefreshToken)).await.unwrap();
    let found = app.provider.introspect(&refresh, None).await.unwrap();
    assert!(!found.is_active && found.claims.is_empty());
    let refused = app.provider.refresh(&tokens, "alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::GrantRefused { .. }), "{refused}");
    // A token that nobody knows is revoked as well.
    app.provider.revoke_token(&"unknown".into(), None).await.unwrap();
    assert!(!app.provider.introspect(&"unknown".into(), None).await.unwrap().is_active);
}

/// A client whose clock the test sets, beginning with the real time.
fn client(peer: &OpenIdProvider) -> (OidcProvider, MockClock) {
    let clock = MockClock::new(SystemClock.now());
    let config = config(peer, "basic");
    let http = peer::http(peer, None);
    (OidcProvider::new(config, http, Arc::new(clock.clone()), Arc::new(SystemRng)).unwrap(), clock)
}

/// Types the code in, as a user does, and agrees or not.
async fn answer(peer: &OpenIdProvider, uri: &str, code: &str, agrees: bool) {
    let browser = Browser::new(&peer.authority().unwrap());
    let (here, page) = browser.read(uri).await;
    let xsrf = hidden(&page, "xsrf");
    let decision = if agrees { ("confirm", "yes") } else { ("abort", "yes") };
    browser.submit(here.as_str(), &[("xsrf", &xsrf), ("user_code", code), decision], "nowhere:").await;
}

#[tokio::test]
async fn a_session_waits_for_a_device() {
    let Some(peer) = peer::provider("a_session_waits_for_a_device") else { return };
    let (provider, clock) = client(&peer);
    let name = "peer".parse().unwrap();
    let context = || FederationContext { provider: &name, now: clock.now(), rng: &SystemRng };
    let begun = provider.begin_device(&FederationOptions::default(), context()).await.unwrap();
    assert!(begun.verification_uri.starts_with(peer.issuer()) && !begun.user_code.is_empty());
    assert_eq!(begun.interval, Duration::from_secs(5));
    let poll = async |pending: &PendingFederation| {
        FederatedProof::poll(&provider, pending, begun.interval, context()).await
    };
    assert!(
        matches!(poll(&begun.pending).await.unwrap(), DeviceProof::Pending { interval } if interval == begun.interval)
    );
    answer(&peer, &begun.verification_uri, &begun.user_code, true).await;
    let DeviceProof::Proved(proof) = poll(&begun.pending).await.unwrap() else { panic!("not proved") };
    let alice = proof.identity();
    assert_eq!((alice.subject.as_str(), alice.assurance), ("alice", Assurance::IdToken));
    assert!(alice.tokens.is_some());
    assert!(poll(&begun.pending).await.is_err(), "a code is good once");

    let refused = provider.begin_device(&FederationOptions::default(), context()).await.unwrap();
    answer(&peer, &refused.verification_uri, &refused.user_code, false).await;
    let denied = poll(&refused.pending).await.unwrap_err();
    assert!(matches!(&denied, FederationError::Denied { code } if code == "access_denied"), "{denied}");
    let forced = FederationOptions { force: true, ..FederationOptions::default() };
    assert!(provider.begin_device(&forced, context()).await.is_err());
    let late = provider.begin_device(&FederationOptions::default(), context()).await.unwrap();
    clock.advance((late.pending.expires_at - clock.now()).to_std().unwrap());
    assert!(matches!(poll(&late.pending).await, Err(FederationError::Expired)));
}
