//! What pysaml2 signed is accepted, and says what it says.

use crate::parties::{
    NOW, REQUEST, certificate, config, form, judge, judge_with, pending, provider, run, vector,
};
use axess_factors::federated::{
    Assurance, CallbackMethod, FederationError, FederationOptions, FederationProvider, PendingFederation,
    ReplayGuard,
};
use axess_saml::{AttributeMapping, IdpSource, SamlConfig, SamlProvider};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

/// What directories call the address (RFC 4524).
const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";

#[test]
fn a_signed_response_says_who_it_is() {
    let identity = judge(&provider(), vector("genuine/both.xml")).unwrap();
    assert_eq!(identity.issuer, "https://idp.example.test/metadata");
    assert_eq!(identity.subject, "alice-id");
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    assert_eq!(identity.subject_format.as_deref(), Some(persistent));
    assert_eq!(identity.email.unwrap().as_str(), "alice@example.test");
    assert!(!identity.email_verified, "nobody said that the provider proves addresses");
    assert_eq!(identity.display_name.as_deref(), Some("Alice A."));
    assert_eq!(identity.groups, ["admins", "dev"]);
    assert_eq!(
        identity.acr.as_deref(),
        Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport")
    );
    assert!(identity.session_id.is_some());
    assert!(identity.auth_time.unwrap() <= *NOW);
    assert!(identity.expires_at.unwrap() > *NOW + TimeDelta::minutes(50));
    assert_eq!(identity.assurance, Assurance::SamlAssertion);
    assert_eq!(
        identity.attributes["urn:oid:0.9.2342.19200300.100.1.3"],
        serde_json::json!(["alice@example.test"])
    );
}

#[test]
fn which_signatures_are_needed_is_configured() {
    let with = |response, assertions| {
        let config =
            SamlConfig { want_signed_response: response, want_signed_assertions: assertions, ..config() };
        SamlProvider::new(config).unwrap()
    };
    for (name, response, assertion) in [
        ("both", true, true),
        ("response", true, false),
        ("assertion", false, true),
        ("unsigned", false, false),
    ] {
        let text = vector(&format!("genuine/{name}.xml"));
        for (want_response, want_assertion) in [(true, true), (true, false), (false, true), (false, false)] {
            let is_enough =
                (response || !want_response) && (assertion || !want_assertion) && (response || assertion);
            let judged = judge(&with(want_response, want_assertion), &text);
            match judged {
                Ok(_) => assert!(is_enough, "{name} {want_response} {want_assertion}"),
                Err(error) => {
                    assert!(!is_enough, "{name} {want_response} {want_assertion}: {error}");
                    // It says so where only the other of the two is signed.
                    let is_elsewhere = response && want_assertion && !assertion;
                    let is_told = match error {
                        FederationError::WeakerThanConfigured { .. } => is_elsewhere,
                        FederationError::SignatureInvalid => !is_elsewhere,
                        _ => false,
                    };
                    assert!(is_told, "{name} {want_response} {want_assertion}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_refusal_is_told_by_its_code() {
    let error = judge(&provider(), vector("genuine/denied.xml")).unwrap_err();
    assert!(matches!(&error, FederationError::Denied { code } if code == "AuthnFailed"), "{error}");
}

#[test]
fn what_was_asked_for_must_have_been_done() {
    let asking = |change: serde_json::Value| {
        let mut asked = pending(REQUEST);
        let request = asked.private["Request"].as_object_mut().unwrap();
        request.extend(change.as_object().unwrap().clone());
        let response = form("SAMLResponse", vector("genuine/both.xml").as_bytes(), "a-relay-state");
        judge_with(&provider(), &asked, &response, *NOW)
    };
    let mfa = "https://refeds.org/profile/mfa";
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let not_met = asking(serde_json::json!({ "contexts": [mfa] })).unwrap_err();
    assert!(matches!(not_met, FederationError::AcrNotMet), "{not_met}");
    asking(serde_json::json!({ "contexts": [mfa, password] })).unwrap();
    asking(serde_json::json!({ "force": true })).unwrap();
    asking(serde_json::json!({ "max_age": 60 })).unwrap();
    let later = *NOW + TimeDelta::minutes(3);
    let stale = asking(serde_json::json!({ "force": true, "begun_at": later })).unwrap_err();
    assert!(matches!(stale, FederationError::AuthenticationTooOld), "{stale}");
}

#[test]
fn an_authentication_is_as_recent_as_was_asked() {
    // The user authenticated ten seconds before `NOW`; clocks may differ by a minute.
    let after = |max_age: u32, passed: TimeDelta| {
        let mut asked = pending(REQUEST);
        asked.private["Request"]["max_age"] = max_age.into();
        let response = form("SAMLResponse", vector("genuine/both.xml").as_bytes(), "a-relay-state");
        judge_with(&provider(), &asked, &response, *NOW + passed)
    };
    for (max_age, passed, is_good) in [
        (60, 0, true),
        (60, 105, true),
        (60, 115, false),
        (120, 115, true),
        (120, 200, false),
        (200, 200, true),
    ] {
        match after(max_age, TimeDelta::seconds(passed)) {
            Ok(_) => assert!(is_good, "{max_age} {passed}"),
            Err(error) => {
                assert!(!is_good, "{max_age} {passed}: {error}");
                assert!(matches!(error, FederationError::AuthenticationTooOld), "{error}");
            }
        }
    }
}

#[test]
fn a_name_is_of_the_format_that_was_asked_for() {
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    let unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    let asking = |format: &str| {
        let format = (!format.is_empty()).then(|| format.to_owned());
        SamlProvider::new(SamlConfig { name_id_format: format, ..config() }).unwrap()
    };
    // What leaves the choice to the identity provider is no demand (SAML Core §3.4.1.1).
    for format in [persistent, "", unspecified] {
        assert_eq!(
            judge(&asking(format), vector("genuine/both.xml")).unwrap().subject,
            "alice-id",
            "{format}"
        );
    }
    for format in [
        "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:Persistent",
    ] {
        let error = judge(&asking(format), vector("genuine/both.xml")).unwrap_err();
        assert!(matches!(error, FederationError::WeakerThanConfigured { .. }), "{format}: {error}");
    }
}

#[test]
fn nothing_weaker_than_configured_is_asked_for() {
    let provider =
        SamlProvider::new(SamlConfig { authn_contexts: vec!["urn:mfa".into()], ..config() }).unwrap();
    let begin = |acr: &[&str]| {
        let rng = axess_rng::MockRng::new(1);
        let acr_values = acr.iter().map(|one| (*one).to_owned()).collect();
        let options = FederationOptions { acr_values, ..FederationOptions::default() };
        run(provider.begin(&options, crate::parties::context(&rng, *NOW))).map(|begun| begun.pending)
    };
    assert!(begin(&[]).unwrap().private.to_string().contains("urn:mfa"));
    begin(&["urn:mfa"]).unwrap();
    let error = begin(&["urn:mfa", "urn:password"]).unwrap_err();
    assert!(matches!(error, FederationError::WeakerThanConfigured { .. }), "{error}");
}

#[test]
fn a_subject_can_be_an_attribute() {
    let named = |name: &str| {
        let attributes = AttributeMapping { subject: Some(name.into()), ..AttributeMapping::default() };
        judge(&SamlProvider::new(SamlConfig { attributes, ..config() }).unwrap(), vector("genuine/both.xml"))
    };
    let identity = named(MAIL).unwrap();
    assert_eq!(identity.subject, "alice@example.test");
    assert_eq!(identity.subject_format, None, "that is said of the name");
    for other in ["pairwise-id", "mail"] {
        assert!(matches!(named(other), Err(FederationError::Malformed { .. })), "{other}");
    }
}

#[test]
fn an_attribute_is_found_by_its_friendly_name_where_that_is_asked_for() {
    let display_name = |names: &[&str], friendly_names| {
        let display_name = names.iter().map(|&name| name.to_owned()).collect();
        let attributes = AttributeMapping { display_name, friendly_names, ..AttributeMapping::default() };
        let provider = SamlProvider::new(SamlConfig { attributes, ..config() }).unwrap();
        judge(&provider, vector("genuine/both.xml")).unwrap().display_name
    };
    for (names, by_name, by_both) in [
        (&["displayName"][..], None, Some("Alice A.")),
        (&["urn:oid:2.16.840.1.113730.3.1.241"], Some("Alice A."), Some("Alice A.")),
        // A name comes before every friendly one.
        (&["displayName", MAIL], Some("alice@example.test"), Some("alice@example.test")),
        (&["DisplayName"], None, None),
    ] {
        assert_eq!(display_name(names, false).as_deref(), by_name, "{names:?}");
        assert_eq!(display_name(names, true).as_deref(), by_both, "{names:?}");
    }
}

#[derive(Default)]
pub(crate) struct InMemory(Mutex<HashSet<String>>);

impl ReplayGuard for InMemory {
    fn claim<'a>(
        &'a self,
        issuer: &'a str,
        id: &'a str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> axess_factors::federated::BoxFuture<'a, Result<bool, FederationError>> {
        assert!(until > now, "it would be forgotten at once");
        let is_new = self.0.lock().unwrap().insert(format!("{issuer} {id}"));
        Box::pin(async move { Ok(is_new) })
    }
}

#[test]
fn a_response_that_nobody_asked_for_needs_leave_and_is_good_once() {
    let unsolicited = vector("genuine/unsolicited.xml");
    let error = judge(&provider(), &unsolicited).unwrap_err();
    assert!(matches!(error, FederationError::NonceMismatch), "{error}");
    let rng = axess_rng::MockRng::new(1);
    let context = crate::parties::context(&rng, *NOW);
    let to = |path: &str| form("SAMLResponse", unsolicited.as_bytes(), path);
    let refused = provider().unsolicited(&to("/reports"), context);
    assert!(matches!(refused, Err(FederationError::StateMismatch)), "{refused:?}");

    let allowing = SamlConfig {
        allow_unsolicited: true,
        relay_states: vec!["/reports".into()],
        replay: Some(Arc::new(InMemory::default())),
        ..config()
    };
    let provider = SamlProvider::new(allowing).unwrap();
    let begun = provider.unsolicited(&to("/reports"), context).unwrap();
    assert_eq!(begun.return_to.as_deref(), Some("/reports"));
    assert_eq!(provider.unsolicited(&to(""), context).unwrap().return_to, None);
    let pending: PendingFederation = begun.pending;
    let mut by_get = to("/reports");
    by_get.method = CallbackMethod::Get;
    assert!(matches!(provider.unsolicited(&by_get, context), Err(FederationError::StateMismatch)));
    let judge = |text: &str, relay: &str| {
        judge_with(&provider, &pending, &form("SAMLResponse", text.as_bytes(), relay), *NOW)
    };
    for elsewhere in ["https://evil.example/", "//evil.example", "/admin", "/reports/../admin"] {
        let begun = provider.unsolicited(&to(elsewhere), context);
        assert!(matches!(begun, Err(FederationError::StateMismatch)), "{elsewhere}: {begun:?}");
        let error = judge(&unsolicited, elsewhere).unwrap_err();
        assert!(matches!(error, FederationError::StateMismatch), "{elsewhere}: {error}");
    }
    // An answer to somebody's request is not one that nobody asked for.
    let error = judge(&vector("genuine/both.xml"), "/reports").unwrap_err();
    assert!(matches!(error, FederationError::NonceMismatch), "{error}");
    let strict = |context: &str| {
        let authn_contexts = vec![context.to_owned()];
        let replay: Arc<dyn ReplayGuard> = Arc::new(InMemory::default());
        let config = SamlConfig { allow_unsolicited: true, replay: Some(replay), authn_contexts, ..config() };
        let strict = SamlProvider::new(config).unwrap();
        judge_with(&strict, &pending, &form("SAMLResponse", unsolicited.as_bytes(), ""), *NOW)
    };
    let error = strict("https://refeds.org/profile/mfa").unwrap_err();
    assert!(matches!(error, FederationError::AcrNotMet), "{error}");
    strict("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport").unwrap();
    assert_eq!(judge(&unsolicited, "/reports").unwrap().subject, "alice-id");
    let error = judge(&unsolicited, "/reports").unwrap_err();
    assert!(matches!(error, FederationError::Replayed), "{error}");
}

#[test]
fn a_response_is_good_from_any_of_the_certificates_and_no_other() {
    let trusting = |names: &[&str]| {
        let idp = IdpSource::Explicit {
            entity_id: "https://idp.example.test/metadata".into(),
            sso_url: "https://idp.example.test/sso".into(),
            slo_url: None,
            certificates: names.iter().map(|name| certificate(name)).collect(),
        };
        judge(&SamlProvider::new(SamlConfig { idp, ..config() }).unwrap(), vector("genuine/both.xml"))
    };
    trusting(&["idp-next", "p256", "idp"]).unwrap();
    for others in [&["other"][..], &["idp-next", "p256", "p384"]] {
        let error = trusting(others).unwrap_err();
        assert!(matches!(error, FederationError::SignatureInvalid), "{others:?}: {error}");
    }
}
