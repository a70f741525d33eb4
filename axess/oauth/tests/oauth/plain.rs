//! Authorization servers that know plain OAuth 2.0 alone: their metadata are where RFC 8414 puts them.

use axess_clock::Clock;
use axess_factors::federated::{
    Assurance, CallbackMethod, CallbackResponse, FederatedProof, FederationContext, FederationError,
    FederationOptions, FederationProvider, ProviderNetwork,
};
use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, HttpClient, HttpSettings, MAX_ANSWER_BYTES, OAuth2Config,
    OAuth2Provider, OAuthProviderConfig, PresentedToken, TokenRefusal, TokenSource,
};
use axess_rng::MockRng;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

use crate::{
    hostile::{CALLBACK, CLIENT, Hostile, Login, Reply},
    strangers::Nothing,
};

const OPENID: &str = "/tenants/1/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server/tenants/1";

fn issuer(server: &Hostile) -> String {
    format!("{}/tenants/1", server.base)
}

/// What such a server says of itself: that it has no logins, and signs nothing.
fn metadata(server: &Hostile) -> Value {
    let base = &server.base;
    json!({ "issuer": issuer(server), "token_endpoint": format!("{base}/token"),
        "introspection_endpoint": format!("{base}/introspect") })
}

fn config(server: &Hostile) -> OAuthProviderConfig {
    OAuthProviderConfig::discover(&issuer(server), CLIENT, "secret", CALLBACK)
}

/// Presents an opaque token to a resource that asks the server about it.
async fn ask(server: &Hostile) -> Result<(), TokenRefusal> {
    server.reply("/introspect", Reply::json(&json!({ "active": true, "aud": "urn:api", "sub": "alice" })));
    let provider = Arc::new(server.client(config(server)));
    let clock = Arc::new(server.clock.clone());
    let source = TokenSource::introspected(provider, Duration::ZERO, clock);
    let rules = AccessTokenRules::new(issuer(server), "urn:api");
    let api = AccessTokenValidator::new(rules, source, Arc::new(Nothing));
    let presented = PresentedToken::new("Bearer opaque", "GET", "https://api.example.com/").unwrap();
    api.validate(&presented, &server.clock).await.map(drop)
}

#[tokio::test]
async fn opaque_tokens_are_asked_about_where_there_is_no_openid_provider() {
    let server = Hostile::start().await;
    server.reply(OAUTH, Reply::json(&metadata(&server)));
    ask(&server).await.unwrap();
    assert_eq!((server.seen(OPENID).len(), server.seen(OAUTH).len()), (1, 1));
}

#[tokio::test]
async fn signed_tokens_are_taken_of_a_server_with_keys() {
    let server = Hostile::start().await;
    let now = server.clock.now().timestamp();
    let claims = json!({ "iss": issuer(&server), "aud": "urn:api", "sub": "alice", "client_id": "c", "jti": "j",
        "iat": now, "exp": now + 60 });
    let header = format!("Bearer {}", server.key.sign("at+jwt", &claims).unwrap());
    let presented = PresentedToken::new(&header, "GET", "https://api.example.com/").unwrap();
    for has_keys in [true, false] {
        let mut document = metadata(&server);
        if has_keys {
            document["jwks_uri"] = json!(format!("{}/jwks", server.base));
        }
        server.reply(OAUTH, Reply::json(&document));
        let clock = Arc::new(server.clock.clone());
        let http = HttpClient::new(&HttpSettings::default()).unwrap();
        let source = TokenSource::discovered(http, &issuer(&server), clock);
        let rules = AccessTokenRules::new(issuer(&server), "urn:api");
        let api = AccessTokenValidator::new(rules, source, Arc::new(Nothing));
        let verdict = api.validate(&presented, &server.clock).await;
        match has_keys {
            true => assert!(verdict.is_ok(), "{verdict:?}"),
            false => assert!(matches!(verdict, Err(TokenRefusal::Unavailable(_))), "{verdict:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_logs_in_where_there_are_no_logins() {
    let server = Hostile::start().await;
    server.reply(OAUTH, Reply::json(&metadata(&server)));
    let begun = Login::begin_with(&server, config(&server), &FederationOptions::default()).await;
    let Err(FederationError::Configuration { what }) = begun else { panic!("it begins") };
    assert!(what.contains("authorization endpoint"), "{what}");
}

#[tokio::test]
async fn its_metadata_are_held_to_the_same() {
    let server = Hostile::start().await;
    let mut other = metadata(&server);
    other["issuer"] = json!(server.base);
    let mut far = metadata(&server);
    far["introspection_endpoint"] = json!("http://login.example.com/introspect");
    let mut large = metadata(&server);
    large["filler"] = json!("x".repeat(2 * MAX_ANSWER_BYTES));
    let elsewhere = format!("{}/elsewhere", server.base);
    server.reply("/elsewhere", Reply::json(&metadata(&server)));
    for (row, reply) in [
        ("another issuer's", Reply::json(&other)),
        ("an address that is not safe", Reply::json(&far)),
        ("too large", Reply::json(&large)),
        ("a redirection", Reply::redirect(302, elsewhere)),
        ("none", Reply::new(404, "text/plain", "")),
    ] {
        server.reply(OAUTH, reply);
        let refused = server.client(config(&server)).check_metadata().await;
        assert!(refused.is_err(), "{row}");
    }
    // A provider that is there and fails is not asked elsewhere, and neither is one whose document is
    // bad: an OpenID Provider has logins and keys.
    server.reply(OAUTH, Reply::json(&metadata(&server)));
    let before = server.seen(OAUTH).len();
    for reply in [
        Reply::new(503, "text/plain", ""),
        Reply::new(403, "text/plain", ""),
        Reply::json(&other),
        Reply::json(&metadata(&server)),
    ] {
        server.reply(OPENID, reply);
        assert!(server.client(config(&server)).check_metadata().await.is_err());
    }
    assert_eq!(server.seen(OAUTH).len(), before);
}

#[tokio::test]
async fn a_login_at_what_a_tenant_has_stored_is_as_weak_as_any_of_plain_oauth() {
    let server = Hostile::start().await;
    let base = &server.base;
    server.reply("/token", Reply::json(&json!({ "access_token": "t", "token_type": "bearer" })));
    server.reply("/user", Reply::json(&json!({ "id": 7, "mail": "a@example.test", "is_verified": true })));
    let settings = json!({ "client_id": CLIENT, "redirect_uri": CALLBACK,
        "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "user_endpoints": [format!("{base}/user")],
        "user": { "subject": "/0/id", "email": "/0/mail", "email_verified": "/0/is_verified" } });
    let config =
        OAuth2Config::from_settings(base, &settings, Some("secret".into()), ProviderNetwork::Any).unwrap();
    let http = HttpClient::new(&HttpSettings::default()).unwrap();
    let provider = OAuth2Provider::new(config, http).unwrap();
    let (name, rng) = ("git".parse().unwrap(), MockRng::new(1));
    let context = || FederationContext { provider: &name, now: server.clock.now(), rng: &rng };
    let begun = provider.begin(&FederationOptions::default(), context()).await.unwrap();
    let state = begun.pending.private["state"].as_str().unwrap();
    let back = CallbackResponse::new(CallbackMethod::Get, [("code", "c"), ("state", state)]).unwrap();
    let proof = FederatedProof::complete(&provider, &begun.pending, &back, context()).await.unwrap();
    let user = proof.identity();
    assert_eq!((user.issuer.as_str(), user.subject.as_str()), (base.as_str(), "7"));
    assert_eq!((user.assurance, user.email_verified), (Assurance::OAuth2Only, true));
}
