//! Access tokens of a real provider, presented to a resource: as they should be, and otherwise.

use axess_clock::{Clock, MockClock, SystemClock};
use axess_factors::federated::{BoxFuture, FederationError, ReplayGuard};
use axess_jose::JoseError;
use axess_oauth::{
    AccessToken, AccessTokenRules, AccessTokenValidator, ClientAuth, DpopKey, PresentedToken,
    SenderConstraint, TokenBinding, TokenRefusal, TokenSource,
};
use axess_peers::OpenIdProvider;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::peer::{self, App, client_key, config, with_auth};

const URL: &str = "https://api.example.com/orders";

#[derive(Default)]
struct Seen(Mutex<HashSet<(String, String)>>);

impl ReplayGuard for Seen {
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        jti: &'a str,
        _: DateTime<Utc>,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, FederationError>> {
        let is_new = self.0.lock().unwrap().insert((issuer.to_owned(), jti.to_owned()));
        Box::pin(async move { Ok(is_new) })
    }
}

fn rules(peer: &OpenIdProvider) -> AccessTokenRules {
    AccessTokenRules::new(peer.issuer(), "urn:api")
}

fn validator(peer: &OpenIdProvider, rules: AccessTokenRules) -> AccessTokenValidator {
    let source = TokenSource::discovered(peer::http(peer, None), peer.issuer(), Arc::new(SystemClock));
    AccessTokenValidator::new(rules, source, Arc::new(Seen::default()))
}

async fn bearer(validator: &AccessTokenValidator, token: &str) -> Result<AccessToken, TokenRefusal> {
    let header = format!("Bearer {token}");
    validator.validate(&PresentedToken::new(&header, "GET", URL).unwrap(), &SystemClock).await
}

async fn dpop(
    validator: &AccessTokenValidator,
    token: &str,
    proofs: &[&str],
    method: &str,
    url: &str,
) -> Result<AccessToken, TokenRefusal> {
    let header = format!("DPoP {token}");
    let presented = PresentedToken::new(&header, method, url).unwrap().with_proofs(proofs);
    validator.validate(&presented, &SystemClock).await
}

#[tokio::test]
async fn a_signed_token_opens_its_resource_and_no_other() {
    let Some(peer) = peer::provider("a_signed_token_opens_its_resource_and_no_other") else { return };
    let app = App::new(&peer, with_auth(&peer, "keyed", client_key(&peer)));
    let tokens = app.provider.client_credentials(&["api:read"], &["urn:api"], None).await.unwrap();
    let token = tokens.access_token.expose();
    let api = validator(&peer, rules(&peer));
    let found = bearer(&api, token).await.unwrap();
    assert_eq!((found.client_id.as_deref(), found.binding.clone()), (Some("keyed"), TokenBinding::None));
    assert!(found.require_scopes(&["api:read"]).is_ok() && found.require_scopes(&["api:write"]).is_err());

    let other = validator(&peer, AccessTokenRules::new(peer.issuer(), "urn:other"));
    let refused = bearer(&other, token).await.unwrap_err();
    assert!(matches!(refused, TokenRefusal::Invalid(JoseError::AudienceMismatch)), "{refused:?}");
    let bound = validator(&peer, AccessTokenRules { must_be_bound: true, ..rules(&peer) });
    assert!(matches!(bearer(&bound, token).await, Err(TokenRefusal::NotTheHolder { .. })));
    let weak =
        validator(&peer, AccessTokenRules { algorithms: vec![axess_jose::Algorithm::Rs256], ..rules(&peer) });
    assert!(matches!(bearer(&weak, token).await, Err(TokenRefusal::Invalid(JoseError::AlgorithmRefused))));

    let header = format!("Bearer {token}");
    let late = &MockClock::new(SystemClock.now() + TimeDelta::minutes(6));
    let refused = api.validate(&PresentedToken::new(&header, "GET", URL).unwrap(), late).await.unwrap_err();
    assert!(matches!(refused, TokenRefusal::Invalid(JoseError::Expired)), "{refused:?}");
    assert!(matches!(dpop(&api, token, &[], "GET", URL).await, Err(TokenRefusal::NotTheHolder { .. })));
    let long = "x".repeat(20_000);
    assert!(matches!(bearer(&api, &long).await, Err(TokenRefusal::Malformed { .. })));
}

#[tokio::test]
async fn an_id_token_opens_nothing() {
    let Some(peer) = peer::provider("an_id_token_opens_nothing") else { return };
    let app = App::new(&peer, config(&peer, "basic"));
    let id_token = app.log_in("alice").await.unwrap().tokens.unwrap().id_token.unwrap();
    let api = validator(&peer, AccessTokenRules::new(peer.issuer(), "basic"));
    let refused = bearer(&api, id_token.expose()).await.unwrap_err();
    assert!(matches!(refused, TokenRefusal::Invalid(JoseError::TypeMismatch)), "{refused:?}");
}

#[tokio::test]
async fn a_token_bound_to_a_key_needs_a_proof_each_time() {
    let Some(peer) = peer::provider("a_token_bound_to_a_key_needs_a_proof_each_time") else { return };
    let app = App::new(&peer, config(&peer, "dpop").with_sender_constraint(SenderConstraint::DPoP));
    let key = DpopKey::generate().unwrap();
    let tokens = app.provider.client_credentials(&["api:read"], &["urn:api"], Some(&key)).await.unwrap();
    let token = tokens.access_token.expose();
    let api = validator(&peer, AccessTokenRules { must_be_bound: true, ..rules(&peer) });
    let proof = |key: &DpopKey, method: &str, url: &str, token: &str| {
        app.provider.generate_dpop_proof(method, url, Some(&token.into()), key).unwrap().proof_jwt
    };
    let good = proof(&key, "GET", URL, token);
    let found = dpop(&api, token, &[&good], "GET", URL).await.unwrap();
    assert_eq!(found.binding, TokenBinding::Key(key.thumbprint()));
    assert!(matches!(dpop(&api, token, &[&good], "GET", URL).await, Err(TokenRefusal::ProofReplayed)));
    assert!(matches!(bearer(&api, token).await, Err(TokenRefusal::NotTheHolder { .. })), "as a bearer token");

    let fresh = || proof(&key, "GET", URL, token);
    let thief = proof(&DpopKey::generate().unwrap(), "GET", URL, token);
    assert!(matches!(dpop(&api, token, &[&thief], "GET", URL).await, Err(TokenRefusal::NotTheHolder { .. })));
    let is_invalid =
        |found: Result<AccessToken, TokenRefusal>| matches!(found, Err(TokenRefusal::ProofInvalid(_)));
    assert!(is_invalid(dpop(&api, token, &[&fresh()], "POST", URL).await), "another method");
    assert!(
        is_invalid(dpop(&api, token, &[&fresh()], "GET", "https://api.example.com/x").await),
        "another address"
    );
    assert!(
        is_invalid(dpop(&api, token, &[&proof(&key, "GET", URL, "other")], "GET", URL).await),
        "another token"
    );
    assert!(is_invalid(dpop(&api, token, &["x"], "GET", URL).await));
    let is_malformed =
        |found: Result<AccessToken, TokenRefusal>| matches!(found, Err(TokenRefusal::Malformed { .. }));
    assert!(is_malformed(dpop(&api, token, &[], "GET", URL).await), "no proof");
    assert!(is_malformed(dpop(&api, token, &[&fresh(), &fresh()], "GET", URL).await), "two proofs");

    // A server that gives out nonces wants to see one.
    let header = format!("DPoP {token}");
    let proofs = [fresh()];
    let proofs = [proofs[0].as_str()];
    let presented = PresentedToken::new(&header, "GET", URL).unwrap().with_proofs(&proofs).with_nonce("n1");
    let refused = api.validate(&presented, &SystemClock).await.unwrap_err();
    assert!(matches!(refused, TokenRefusal::NonceWanted), "{refused:?}");
    app.provider.remember_dpop_nonce(URL, "n1");
    let proofs = [fresh()];
    let proofs = [proofs[0].as_str()];
    assert!(api.validate(&presented.with_proofs(&proofs), &SystemClock).await.is_ok());
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_needs_its_connection() {
    let Some(peer) = peer::provider("a_token_bound_to_a_certificate_needs_its_connection") else { return };
    let config =
        with_auth(&peer, "mtls", ClientAuth::TlsClientAuth).with_sender_constraint(SenderConstraint::Mtls);
    let app = App::with_certificate(&peer, config, Some("client"));
    let tokens = app.provider.client_credentials(&["api:read"], &["urn:api"], None).await.unwrap();
    let header = format!("Bearer {}", tokens.access_token.expose());
    let api = validator(&peer, AccessTokenRules { must_be_bound: true, ..rules(&peer) });
    let der = |name: &str| {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let (pem, _) = peer.client_certificate(name).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        BASE64_STANDARD.decode(body).unwrap()
    };
    let (ours, others) = (der("client"), der("other"));
    let presented = PresentedToken::new(&header, "GET", URL).unwrap();
    let found = api.validate(&presented.with_client_certificate(&ours), &SystemClock).await.unwrap();
    assert_eq!(found.binding, TokenBinding::Certificate(app.certificate_thumbprint().to_owned()));
    for stolen in [presented, presented.with_client_certificate(&others)] {
        let refused = api.validate(&stolen, &SystemClock).await.unwrap_err();
        assert!(matches!(refused, TokenRefusal::NotTheHolder { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn an_opaque_token_is_looked_up_and_remembered_for_a_moment() {
    let Some(peer) = peer::provider("an_opaque_token_is_looked_up_and_remembered_for_a_moment") else {
        return;
    };
    let app = App::new(&peer, config(&peer, "basic"));
    let token = app.log_in("alice").await.unwrap().tokens.unwrap().access_token;
    let clock = axess_clock::MockClock::new(SystemClock.now());
    let make = |rules: AccessTokenRules, age| {
        let source = TokenSource::introspected(app.provider.clone(), age, Arc::new(clock.clone()));
        AccessTokenValidator::new(rules, source, Arc::new(Seen::default()))
    };
    let any = AccessTokenRules { takes_any_audience: true, ..rules(&peer) };
    let remembers = make(any.clone(), Duration::from_secs(3600));
    assert_eq!(bearer(&remembers, token.expose()).await.unwrap().subject.as_deref(), Some("alice"));
    // Nobody said that it is for this resource.
    assert!(matches!(
        bearer(&make(rules(&peer), Duration::ZERO), token.expose()).await,
        Err(TokenRefusal::NotForUs { .. })
    ));
    let elsewhere = AccessTokenRules { issuer: "https://other.example".to_owned(), ..any.clone() };
    assert!(matches!(
        bearer(&make(elsewhere, Duration::ZERO), token.expose()).await,
        Err(TokenRefusal::NotForUs { .. })
    ));

    app.provider.revoke_token(&token, None).await.unwrap();
    assert!(bearer(&remembers, token.expose()).await.is_ok(), "for a minute at most");
    assert!(matches!(
        bearer(&make(any, Duration::ZERO), token.expose()).await,
        Err(TokenRefusal::NotGood { .. })
    ));
    clock.advance(Duration::from_secs(60));
    assert!(matches!(bearer(&remembers, token.expose()).await, Err(TokenRefusal::NotGood { .. })));
}
