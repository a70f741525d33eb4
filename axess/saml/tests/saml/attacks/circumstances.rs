//! Genuine responses at the wrong place, at the wrong time, or to somebody else's question.

use super::{Genuine, Refusal, refusal, refused};
use crate::parties::{
    ISSUER, NAME, NOW, REQUEST, certificate, config, form, judge, judge_with, pending, vector,
};
use axess_factors::federated::{CallbackMethod, CallbackResponse, FederationError};
use axess_saml::{IdpSource, SamlConfig, SamlProvider};
use chrono::TimeDelta;

fn provider() -> SamlProvider {
    crate::parties::provider()
}

fn expect(name: &str, judged: Result<impl Sized, FederationError>, expected: Refusal) {
    let Err(error) = judged else { panic!("{name} is accepted") };
    assert_eq!(refusal(&error), Some(expected), "{name}: {error}");
}

fn genuine_form() -> CallbackResponse {
    form("SAMLResponse", vector("genuine/both.xml").as_bytes(), "a-relay-state")
}

#[test]
fn a_response_is_for_one_service_provider() {
    let genuine = vector("genuine/both.xml");
    judge(&provider(), &genuine).unwrap();
    let other = |change: fn(SamlConfig) -> SamlConfig| SamlProvider::new(change(config())).unwrap();
    let entity = other(|config| SamlConfig { entity_id: "https://other.example.test".into(), ..config });
    expect("audience", judge(&entity, &genuine), Refusal::Audience);
    let longer = other(|config| SamlConfig { entity_id: format!("{}x", config.entity_id), ..config });
    expect("a longer audience", judge(&longer, &genuine), Refusal::Audience);
    for url in ["https://sp.example.test/acs/", "https://sp.example.test/acs?x", "https://evil.example/acs"] {
        let changed = SamlConfig { acs_url: url.into(), ..config() };
        expect(url, judge(&SamlProvider::new(changed).unwrap(), &genuine), Refusal::Audience);
    }
    // Without a signature around it the recipient inside is what counts.
    let genuine = Genuine::read("assertion");
    let without = genuine.replace(" Destination=\"https://sp.example.test/acs\"", "");
    let elsewhere = SamlConfig { acs_url: "https://evil.example/acs".into(), ..config() };
    expect("recipient", judge(&SamlProvider::new(elsewhere).unwrap(), &without), Refusal::Audience);
    judge(&provider(), &without).unwrap();
    let evil = genuine
        .replace("Destination=\"https://sp.example.test/acs\"", "Destination=\"https://evil.example\"");
    refused("destination", &genuine, evil, &[Refusal::Audience]);
}

#[test]
fn a_response_is_of_one_identity_provider() {
    let idp = IdpSource::Explicit {
        entity_id: "https://other-idp.example.test".into(),
        sso_url: "https://other-idp.example.test/sso".into(),
        slo_url: None,
        // They share the key, as tenants of a host may.
        certificates: vec![certificate("idp")],
    };
    let other = SamlProvider::new(SamlConfig { idp, ..config() }).unwrap();
    expect("a login begun elsewhere", judge(&other, vector("genuine/both.xml")), Refusal::MixUp);
    let mut moved = pending(REQUEST);
    moved.issuer = "https://other-idp.example.test".into();
    expect("issuer", judge_with(&other, &moved, &genuine_form(), *NOW), Refusal::Issuer);
    let genuine = Genuine::read("assertion");
    let evil = genuine.replace(&format!(">{ISSUER}<"), ">https://other-idp.example.test<");
    refused("the issuer of the response", &genuine, evil, &[Refusal::Issuer]);
    // The assertion's own.
    let evil = genuine.text.replace(&format!(">{ISSUER}<"), ">https://other-idp.example.test<");
    refused("both issuers", &genuine, evil, &[Refusal::Issuer]);
}

#[test]
fn a_response_answers_one_request() {
    judge_with(&provider(), &pending(REQUEST), &genuine_form(), *NOW).unwrap();
    for other in ["_another-request", "", "_a-request2"] {
        expect(other, judge_with(&provider(), &pending(other), &genuine_form(), *NOW), Refusal::Nonce);
    }
    let genuine = Genuine::read("assertion");
    let envelope = " InResponseTo=\"_a-request\"";
    refused("none in the response", &genuine, genuine.replace(envelope, ""), &[Refusal::Nonce]);
    // The envelope is not signed; what is inside still answers the other request.
    let moved = genuine.replace(envelope, " InResponseTo=\"_another-request\"");
    let moved = form("SAMLResponse", moved.as_bytes(), "a-relay-state");
    expect(
        "the assertion's",
        judge_with(&provider(), &pending("_another-request"), &moved, *NOW),
        Refusal::Nonce,
    );
    refused("a failure", &genuine, genuine.replace("status:Success", "status:Responder"), &[Refusal::Denied]);
}

#[test]
fn a_response_has_its_time() {
    let at = |delta: TimeDelta| judge_with(&provider(), &pending(REQUEST), &genuine_form(), *NOW + delta);
    at(TimeDelta::zero()).unwrap();
    // Five minutes and a clock that is a minute off.
    at(TimeDelta::seconds(5 * 60 + 60 - 11)).unwrap();
    expect("just over", at(TimeDelta::seconds(5 * 60 + 60 - 9)), Refusal::TooOld);
    expect("the next day", at(TimeDelta::days(1)), Refusal::Expired);
    at(TimeDelta::seconds(-69)).unwrap();
    expect("too early", at(TimeDelta::seconds(-72)), Refusal::NotYetValid);
    let mut over = pending(REQUEST);
    over.expires_at = *NOW;
    expect(
        "the login took too long",
        judge_with(&provider(), &over, &genuine_form(), *NOW),
        Refusal::Expired,
    );
}

#[test]
fn a_response_comes_back_as_it_was_sent_for() {
    let text = vector("genuine/both.xml");
    let judge = |message: &CallbackResponse| judge_with(&provider(), &pending(REQUEST), message, *NOW);
    judge(&genuine_form()).unwrap();
    for state in ["", "https://evil.example/", "//evil.example", "a-relay-state2", "A-RELAY-STATE"] {
        expect(state, judge(&form("SAMLResponse", text.as_bytes(), state)), Refusal::State);
    }
    let mut without = genuine_form();
    without.parameters.retain(|(name, _)| name != "RelayState");
    expect("no relay state", judge(&without), Refusal::State);
    for name in ["SAMLResponse", "RelayState"] {
        let mut twice = genuine_form();
        let one = twice.parameters.iter().find(|(other, _)| other == name).unwrap().clone();
        twice.parameters.push(one);
        expect(name, judge(&twice), Refusal::Malformed);
    }
    let mut by_get = genuine_form();
    by_get.method = CallbackMethod::Get;
    expect("by GET", judge(&by_get), Refusal::Malformed);
    let as_request = form("SAMLRequest", text.as_bytes(), "a-relay-state");
    expect("as a request", judge(&as_request), Refusal::Malformed);
    let mut garbled = genuine_form();
    garbled.parameters[0].1 = "%%%".into();
    expect("no base64", judge(&garbled), Refusal::Malformed);
    let mut huge = genuine_form();
    huge.parameters[0].1 = "A".repeat(10 * 1024 * 1024);
    expect("ten megabytes", judge(&huge), Refusal::Malformed);
}

#[test]
fn a_pending_login_of_something_else_is_none() {
    let mut other = pending(REQUEST);
    assert_eq!(other.provider, *NAME);
    for private in
        [serde_json::json!(null), serde_json::json!({ "state": "x" }), serde_json::json!("Unsolicited")]
    {
        other.private = private;
        expect("another protocol's", judge_with(&provider(), &other, &genuine_form(), *NOW), Refusal::State);
    }
}
