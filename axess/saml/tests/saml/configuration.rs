//! A configuration is good, or says everything that is wrong with it.

use crate::{
    keys::{are_missing, pair},
    parties::{certificate, config as good},
};
use axess_saml::{IdpSource, SamlConfig, SamlKey, SamlProvider};
use std::time::Duration;

/// A private key with the certificate of another.
fn of(private: &str, certificate: &str) -> SamlKey {
    pair(private).with_certificate(&pair(certificate).certificate())
}

fn faults(config: SamlConfig) -> Vec<String> {
    SamlProvider::new(config).map_or_else(|error| error.faults().to_vec(), |_| Vec::new())
}

#[test]
fn every_fault_is_said_at_once() {
    if are_missing("saml: a wrong configuration") {
        return;
    }
    assert_eq!(faults(good()), Vec::<String>::new());
    let wrong = SamlConfig {
        entity_id: "no uri".into(),
        acs_url: "http://sp.example.test/acs".into(),
        slo_url: Some("https://user@sp.example.test/".into()),
        signing_key: Some(of("sp", "other")),
        decryption_keys: vec![of("p256", "p256"), of("sp", "other")],
        clock_skew: Duration::from_secs(600),
        ceremony_timeout: Duration::ZERO,
        relay_states: vec!["//evil.example".into()],
        authn_contexts: vec![String::new()],
        allow_unsolicited: true,
        allow_cbc: true,
        idp: IdpSource::Explicit {
            entity_id: String::new(),
            sso_url: "ftp://idp".into(),
            slo_url: Some("http://idp.example.test/slo".into()),
            certificates: Vec::new(),
        },
        ..good()
    };
    let found = faults(wrong);
    for named in [
        "entity_id",
        "acs_url",
        "slo_url",
        "signing_key",
        "decryption_keys",
        "clock_skew",
        "ceremony_timeout",
        "relay_states",
        "authn_contexts",
        "allow_unsolicited",
        "allow_cbc",
        "idp: its certificates",
        "idp: its entity_id",
        "idp: its sso_url",
        "idp: its slo_url",
    ] {
        assert!(found.iter().any(|fault| fault.starts_with(named)), "{named}: {found:?}");
    }
    assert_eq!(found.iter().filter(|fault| fault.starts_with("decryption_keys")).count(), 2);
}

#[test]
fn keys_belong_to_their_certificates() {
    if are_missing("saml: keys") {
        return;
    }
    for name in ["sp", "p256", "p384"] {
        assert_eq!(
            faults(SamlConfig { signing_key: Some(of(name, name)), ..good() }),
            Vec::<String>::new(),
            "{name}"
        );
    }
    for (private, certificate) in [("sp", "p256"), ("p256", "p384"), ("sp", "other"), ("weak", "weak")] {
        let signing_key = Some(of(private, certificate));
        assert_eq!(faults(SamlConfig { signing_key, ..good() }).len(), 1, "{private} {certificate}");
    }
    for nothing in [SamlKey::new("", ""), SamlKey::new(pair("sp").certificate(), pair("sp").certificate())] {
        assert_eq!(faults(SamlConfig { signing_key: Some(nothing), ..good() }).len(), 1);
    }
    let found = faults(SamlConfig { slo_url: Some("https://sp.example.test/slo".into()), ..good() });
    assert!(matches!(&*found, [fault] if fault.starts_with("slo_url")), "{found:?}");
}

#[test]
fn a_provider_signs_with_no_weak_key() {
    let with = |certificates: &[&str]| {
        let idp = IdpSource::Explicit {
            entity_id: "https://idp.example.test".into(),
            sso_url: "https://idp.example.test/sso".into(),
            slo_url: None,
            certificates: certificates.iter().map(|name| certificate(name)).collect(),
        };
        faults(SamlConfig { idp, ..good() })
    };
    assert_eq!(with(&["idp", "p256"]), Vec::<String>::new());
    for certificates in [&["weak"][..], &["idp", "weak"]] {
        let found = with(certificates);
        assert!(matches!(&*found, [fault] if fault.contains("2048 bits")), "{certificates:?}: {found:?}");
    }
}
