use axess_clock::MockClock;
use axess_local_idp::{
    Expiry, LocalIdpSigningKey, MintClaims, SigningAlgorithm, VerifyError,
    testing::{LocalIdpFixture, MockIssuanceListener},
};
use axess_rng::MockRng;
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

const API: &str = "https://api.example.com";

fn key(seed: u64) -> LocalIdpSigningKey {
    LocalIdpSigningKey::generate(SigningAlgorithm::Es256, &MockRng::new(seed)).unwrap()
}

#[tokio::test]
async fn a_fixture_is_the_issuer_of_production_without_its_surroundings() {
    let listener = MockIssuanceListener::default();
    let idp = LocalIdpFixture::with_signing_key("https://id.example.com", key(1))
        .with_issuance_listener(listener.clone());
    let handle = idp.jwks_handle();
    let before = idp.mint(&MintClaims::new("alice", Expiry::Default).with_audience(API));
    idp.rotate_signing_key(key(2));
    let after = idp.mint(&MintClaims::new("alice", Expiry::Default).with_audience(API));
    assert_eq!((&*before.key_id, &*after.key_id), (key(1).key_id(), key(2).key_id()), "rotated at once");
    let published: Vec<_> = handle.read().unwrap().keys.iter().map(|key| key.kid.clone()).collect();
    assert_eq!(published, [before.key_id.clone(), after.key_id.clone()], "the handle follows");
    for minted in [&before, &after] {
        assert_eq!(idp.verifier(API).verify(minted.token.expose()).await.unwrap().subject(), "alice");
    }
    assert_eq!(listener.events().len(), 2);
    assert_eq!(idp.verifier_algorithms(), [SigningAlgorithm::Es256]);
}

#[tokio::test]
async fn time_and_lifetime_are_the_tests_own() {
    let clock = MockClock::default();
    let idp = LocalIdpFixture::with_algorithm("https://id.example.com", SigningAlgorithm::EdDsa)
        .with_clock(Arc::new(clock.clone()))
        .with_max_ttl(TimeDelta::minutes(1));
    let workload = "spiffe://test.example.com/acme/worker".parse().unwrap();
    let svid = idp.mint_jwt_svid(&workload, "sts.amazonaws.com", TimeDelta::minutes(1));
    let verifier = idp.verifier("sts.amazonaws.com");
    assert_eq!(verifier.verify(svid.token.expose()).await.unwrap().subject(), workload.as_str());
    clock.advance(Duration::from_secs(60));
    assert!(matches!(verifier.verify(svid.token.expose()).await, Err(VerifyError::Expired)));
    let too_long = std::panic::catch_unwind(|| {
        LocalIdpFixture::with_signing_key("https://id.example.com", key(1))
            .with_max_ttl(TimeDelta::minutes(1))
            .mint(&MintClaims::new("a", TimeDelta::minutes(2)).with_audience(API))
    });
    assert!(too_long.is_err(), "misuse ends the test");
    assert!(std::panic::catch_unwind(|| LocalIdpFixture::new("ftp://id.example.com")).is_err());
}

#[test]
fn a_new_fixture_signs_like_most_issuers() {
    let idp = LocalIdpFixture::new("https://id.example.com");
    assert_eq!(idp.verifier_algorithms(), [SigningAlgorithm::Rs256]);
    assert_ne!(idp.jwks(), LocalIdpFixture::new("https://id.example.com").jwks(), "a key of its own");
}
