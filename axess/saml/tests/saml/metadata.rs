//! Metadata: of others, and ours.

use crate::{
    keys::{are_missing, pair},
    parties::{NOW, certificate, config, config_with_keys, vector},
};
use axess_factors::federated::{FederationError, FederationOptions, FederationProvider};
use axess_rng::MockRng;
use axess_saml::{IdpSource, MAX_METADATA_BYTES, SamlConfig, SamlProvider};
use chrono::TimeDelta;

fn with(xml: impl Into<Vec<u8>>, signed_by: &[&str]) -> Result<SamlProvider, axess_saml::SamlConfigError> {
    let idp = IdpSource::Metadata {
        xml: xml.into(),
        signed_by: signed_by.iter().map(|name| certificate(name)).collect(),
    };
    SamlProvider::new(SamlConfig { idp, ..config() })
}

#[test]
fn metadata_of_others_are_read_and_their_signature_checked() {
    let xml = vector("genuine/metadata.xml");
    assert_eq!(with(xml.clone(), &[]).unwrap().issuer(), "https://idp.example.test/metadata");
    with(xml.clone(), &["other", "idp"]).unwrap();
    assert!(with(xml.clone(), &["other"]).is_err());
    let evil = xml.replace("https://idp.example.test/sso", "https://evil.example/sso");
    assert!(with(evil.clone(), &["idp"]).is_err(), "a changed address was taken");
    with(evil, &[]).unwrap();
    // Federations put comments into theirs.
    with(xml.replacen("?>", "?>\n<!-- a licence -->\n", 1), &["idp"]).unwrap();
    with(format!("\u{feff}{xml}"), &["idp"]).unwrap();
    for wrong in [
        xml.replace("<?xml version=\"1.0\"?>", "<!DOCTYPE x>"),
        xml.replace("IDPSSODescriptor", "SPSSODescriptor"),
        xml.replace("https://idp.example.test/sso", "http://idp.example.test/sso"),
        xml.replace("https://idp.example.test/sso", "javascript:alert(1)"),
        xml.replace("X509Certificate>", "X509Nothing>"),
        format!("{xml}{}", " ".repeat(MAX_METADATA_BYTES)),
        String::new(),
    ] {
        assert!(with(wrong.clone(), &[]).is_err(), "{}", &wrong[..wrong.len().min(300)]);
    }
}

#[test]
fn new_metadata_replace_the_old_ones_only_when_they_may() {
    let xml = vector("genuine/metadata.xml");
    let provider = with(xml.clone(), &["idp"]).unwrap();
    provider.update_metadata(xml.as_bytes()).unwrap();
    let unsigned = xml.replace("Signature>", "Nothing>");
    assert!(provider.update_metadata(unsigned.as_bytes()).is_err());
    let open = with(xml.clone(), &[]).unwrap();
    let other =
        xml.replace("entityID=\"https://idp.example.test/metadata\"", "entityID=\"https://evil.example\"");
    assert!(matches!(open.update_metadata(other.as_bytes()), Err(FederationError::IssuerMismatch)));
    assert_eq!(open.issuer(), "https://idp.example.test/metadata");
}

#[test]
fn metadata_that_have_expired_are_not_used() {
    let xml = vector("genuine/metadata.xml");
    let until = (*NOW + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    let dated = xml.replacen(" entityID=", &format!(" validUntil=\"{until}\" entityID="), 1);
    let provider = with(dated, &[]).unwrap();
    assert!(provider.metadata_valid_until().is_some());
    let begin = |now| {
        let rng = MockRng::new(1);
        let options = FederationOptions::default();
        crate::parties::run(provider.begin(&options, crate::parties::context(&rng, now))).map(drop)
    };
    begin(*NOW).unwrap();
    assert!(matches!(begin(*NOW + TimeDelta::hours(2)), Err(FederationError::Configuration { .. })));
}

#[test]
fn ours_say_what_is_needed() {
    if are_missing("saml: our metadata") {
        return;
    }
    let rng = MockRng::new(3);
    let ours = |provider: &SamlProvider| String::from_utf8(provider.metadata(&rng).unwrap()).unwrap();
    let text = ours(&SamlProvider::new(config_with_keys()).unwrap());
    for part in [
        "entityID=\"https://sp.example.test/metadata\"",
        "AuthnRequestsSigned=\"true\"",
        "WantAssertionsSigned=\"true\"",
        "Location=\"https://sp.example.test/acs\"",
        "Location=\"https://sp.example.test/slo\"",
        "use=\"signing\"",
        "use=\"encryption\"",
        "aes256-gcm",
        "cacheDuration=\"P7D\"",
        "<ds:Signature ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("PRIVATE"));
    assert!(!text.contains("validUntil"), "what is pasted once does not run out");
    let two = SamlConfig { decryption_keys: vec![pair("sp").key(), pair("sp-next").key()], ..config() };
    assert_eq!(ours(&SamlProvider::new(two).unwrap()).matches("use=\"encryption\"").count(), 2);
    let none = config();
    let text = ours(&SamlProvider::new(none).unwrap());
    assert!(!text.contains("Signature") && text.contains("AuthnRequestsSigned=\"false\""), "{text}");
}
