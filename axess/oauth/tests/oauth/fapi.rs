//! FAPI 2.0 with a real provider: pushed requests, bound tokens, signed answers; and what is weaker is refused.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_factors::federated::{
    FederatedTokens, FederationContext, FederationError, FederationOptions, FederationProvider,
};
use axess_jose::{
    dpop::{DpopExpectations, verify_proof},
    s256,
};
use axess_oauth::{ClientAuth, DpopKeyScope, FapiConfig, OAuthProviderConfig, SenderConstraint};
use axess_peers::OpenIdProvider;
use axess_rng::SystemRng;

use crate::peer::{self, App, as_user, client_key, config, with_auth};

fn dpop(peer: &OpenIdProvider) -> OAuthProviderConfig {
    let fapi = FapiConfig { require_jarm: true, ..FapiConfig::new(SenderConstraint::DPoP) };
    with_auth(peer, "fapi-dpop", client_key(peer)).with_fapi(fapi)
}

fn mtls(peer: &OpenIdProvider, client: &str, auth: ClientAuth) -> OAuthProviderConfig {
    with_auth(peer, client, auth).with_fapi(FapiConfig::new(SenderConstraint::Mtls))
}

#[tokio::test]
async fn a_login_with_proofs_nonces_and_a_signed_answer() {
    let variables = [("DPOP_NONCE", "1"), ("REQUIRE_PAR", "1")];
    let Some((_server, peer)) = peer::private("a_login_with_proofs", &variables) else { return };
    let config = dpop(&peer).with_scopes(["openid", "email", "offline_access"]);
    let app = App::new(&peer, config);
    let begun = app.provider.begin(&as_user("alice"), app.context()).await.unwrap();
    let query = begun.redirection.url().split_once('?').unwrap().1;
    let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    assert_eq!(names, ["client_id", "request_uri"], "nothing else goes through the browser");

    let (pending, back) = app.go(&as_user("alice")).await.unwrap();
    let alice = app.provider.complete_login(&pending, &back, app.context()).await.unwrap();
    assert_eq!(alice.subject, "alice");
    assert_eq!(alice.email.as_ref().unwrap().as_str(), "alice@example.test", "the userinfo took a proof");
    let tokens = alice.tokens.unwrap();
    assert_eq!(tokens.token_type, "DPoP");

    // The key of the login refreshes; no other does.
    let refresh = tokens.refresh_token.clone().unwrap();
    let next = app.provider.refresh(&tokens, "alice").await.unwrap();
    assert!(next.binding_key.is_some(), "the next refresh needs it");
    assert!(next.refresh_token.unwrap().ct_eq(refresh.expose()), "the profile advises against rotation");
    let said = app.provider.userinfo(&tokens, "alice").await.unwrap().unwrap();
    assert_eq!(said["email"], "alice@example.test", "with a proof of the login's key");
    let keyless = FederatedTokens { binding_key: None, ..tokens };
    let missing = app.provider.userinfo(&keyless, "alice").await.unwrap_err();
    assert!(matches!(missing, FederationError::Configuration { .. }), "{missing}");
    let missing = app.provider.refresh(&keyless, "alice").await.unwrap_err();
    assert!(matches!(missing, FederationError::Configuration { .. }), "{missing}");
}

#[tokio::test]
async fn a_key_may_be_one_for_all_logins() {
    let Some(peer) = peer::provider("a_key_may_be_one_for_all_logins") else { return };
    let config =
        dpop(&peer).with_dpop_key_scope(DpopKeyScope::Instance).with_scopes(["openid", "offline_access"]);
    let app = App::new(&peer, config);
    let tokens = app.log_in("alice").await.unwrap().tokens.unwrap();
    assert!(app.provider.refresh(&tokens, "alice").await.is_ok());
    let proof = app
        .provider
        .generate_dpop_proof(
            "GET",
            "https://api.example/x?y",
            Some(&tokens.access_token),
            app.provider.instance_key().unwrap(),
        )
        .unwrap();
    let expected = DpopExpectations {
        access_token: Some(tokens.access_token.expose()),
        ..DpopExpectations::new("GET", "https://api.example/x")
    };
    let checked = verify_proof(&proof.proof_jwt, &expected, app.context().now).unwrap();
    assert_eq!(checked.thumbprint, app.provider.instance_key().unwrap().thumbprint());
}

#[tokio::test]
async fn a_login_with_tokens_bound_to_the_certificate() {
    let Some(peer) = peer::provider("a_login_with_tokens_bound_to_the_certificate") else { return };
    let ways = [
        ("mtls", ClientAuth::TlsClientAuth),
        ("self-signed", ClientAuth::SelfSignedTls),
        ("fapi-mtls", client_key(&peer)),
    ];
    for (client, auth) in ways {
        let config =
            mtls(&peer, client, auth).with_resources(["urn:api"]).with_scopes(["openid", "api:read"]);
        // A token for another resource does not open the userinfo endpoint.
        let app = App::with_certificate(&peer, config.with_userinfo(false), Some("client"));
        let alice = app.log_in("alice").await.unwrap_or_else(|error| panic!("{client}: {error:?}"));
        let token = alice.tokens.unwrap().access_token;
        let claims = axess_jose::Jws::parse(token.expose(), axess_jose::Limits::default()).unwrap();
        let claims = claims.unverified_claims().unwrap();
        assert_eq!(claims["cnf"]["x5t#S256"], app.certificate_thumbprint(), "{client}");
    }
    // The userinfo endpoint wants to see the certificate, too.
    let config = mtls(&peer, "mtls", ClientAuth::TlsClientAuth);
    let app = App::with_certificate(&peer, config.clone(), Some("client"));
    assert!(app.log_in("alice").await.unwrap().email.is_some());
    // A certificate of somebody else.
    let stranger = App::with_certificate(&peer, config, Some("other"));
    let refused = stranger.log_in("alice").await.unwrap_err();
    assert!(matches!(refused, FederationError::ClientRejected { .. }), "{refused}");
}

#[tokio::test]
async fn a_provider_that_offers_less_is_refused() {
    let Some(peer) = peer::provider("a_provider_that_offers_less_is_refused") else { return };
    // The provider would bind the token to the key, had the client been registered so; this one was not.
    let config =
        with_auth(&peer, "keyed", client_key(&peer)).with_fapi(FapiConfig::new(SenderConstraint::DPoP));
    let refused = App::new(&peer, config).log_in("alice").await;
    // It signs with RS256, which the profile does not take.
    assert!(matches!(refused, Err(FederationError::AlgorithmRefused)), "{refused:?}");
    // Its ID tokens live for five minutes.
    let short = FapiConfig { max_id_token_lifetime_secs: 60, ..FapiConfig::new(SenderConstraint::DPoP) };
    let config = with_auth(&peer, "fapi-dpop", client_key(&peer)).with_fapi(short);
    let refused = App::new(&peer, config).log_in("alice").await;
    assert!(matches!(refused, Err(FederationError::WeakerThanConfigured { .. })), "{refused:?}");
    // A device can be anybody's.
    let app = App::new(&peer, dpop(&peer));
    let (name, now) = ("peer".parse().unwrap(), SystemClock.now());
    let context = FederationContext { provider: &name, now, rng: &SystemRng };
    let refused = app.provider.begin_device(&FederationOptions::default(), context).await;
    assert!(matches!(refused, Err(FederationError::WeakerThanConfigured { .. })));
}

#[tokio::test]
async fn tokens_can_be_bound_without_the_profile() {
    let Some(peer) = peer::provider("tokens_can_be_bound_without_the_profile") else { return };
    let bound = config(&peer, "dpop").with_sender_constraint(SenderConstraint::DPoP);
    let alice = App::new(&peer, bound).log_in("alice").await.unwrap();
    assert_eq!(alice.tokens.unwrap().token_type, "DPoP");
    // A client without a key does not take what a client with one would get.
    let unbound = App::new(&peer, config(&peer, "dpop")).log_in("alice").await;
    assert!(unbound.is_err());
}

#[tokio::test]
async fn a_proof_is_of_the_injected_time() {
    let Some(peer) = peer::provider("a_proof_is_of_the_injected_time") else { return };
    let clock = MockClock::default();
    let provider = axess_oauth::OidcProvider::new(
        dpop(&peer),
        peer::http(&peer, None),
        std::sync::Arc::new(clock.clone()),
        std::sync::Arc::new(axess_rng::SystemRng),
    )
    .unwrap();
    let key = axess_oauth::DpopKey::generate().unwrap();
    let token = "abc".into();
    let proof = provider.generate_dpop_proof("POST", "https://a.example/x", Some(&token), &key).unwrap();
    let claims = axess_jose::Jws::parse(&proof.proof_jwt, axess_jose::Limits::default()).unwrap();
    let claims = claims.unverified_claims().unwrap();
    assert_eq!(claims["iat"], clock.now().timestamp());
    assert_eq!((&claims["htm"], &claims["ath"]), (&"POST".into(), &s256(b"abc").into()));
}
