//! What is wrong with settings is named, all of it at once.

use audex_server::{
    access::sso::check,
    settings::{OidcSettings, SamlSettings, SsoProtocol, SsoSettings},
};
use axess::jose::{Algorithm, SigningKey};
use base64::{Engine, engine::general_purpose::STANDARD};

const OURS: &str = "https://audex.example.com";

fn oidc(redirect_uri: &str) -> SsoSettings {
    SsoSettings::new(SsoProtocol::Oidc(OidcSettings {
        provider_url: "https://auth.example.com".to_owned(),
        client_id: "audex".to_owned(),
        client_secret: Some("secret".to_owned()),
        client_key_path: None,
        is_public: false,
        redirect_uri: redirect_uri.to_owned(),
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
    }))
}

/// Makes a private key, as OpenSSL writes it.
fn pem(algorithm: Algorithm) -> String {
    let key = SigningKey::generate(algorithm).unwrap().to_pkcs8().unwrap();
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(&*key))
}

fn keys(settings: &SsoSettings, url: &str) -> Vec<&'static str> {
    check(settings, url).iter().map(|fault| fault.key).collect()
}

#[test]
fn what_is_right_has_no_fault() {
    assert_eq!(check(&oidc("https://audex.example.com/oidc/callback"), OURS), []);
    assert_eq!(check(&oidc("http://127.0.0.1:8080/x/y"), "http://127.0.0.1:8080"), []);
}

#[test]
fn every_fault_of_oidc_is_named() {
    let settings = SsoSettings {
        email_domains: vec!["example.com".to_owned(), "a b".to_owned()],
        ca_file: Some("/nowhere/ca.pem".into()),
        ..oidc("https://elsewhere.example.com/oidc/callback")
    };
    assert_eq!(keys(&settings, OURS), ["sso.email_domains", "sso.redirect_uri", "sso.ca_file"]);
    for taken in ["/login", "/login/sso", "/console/people", "/healthz", "/acs"] {
        assert_eq!(keys(&oidc(&format!("{OURS}{taken}")), OURS), ["sso.redirect_uri"], "{taken}");
    }
    let plain = "http://audex.example.com";
    assert!(keys(&oidc(&format!("{plain}/oidc/callback")), plain).contains(&"sso.redirect_uri"));
    let mut wrong = oidc("https://audex.example.com/oidc/callback");
    if let SsoProtocol::Oidc(oidc) = &mut wrong.protocol {
        oidc.provider_url = "http://auth.example.com".to_owned();
        oidc.client_id = String::new();
        oidc.scopes = vec!["profile".to_owned()];
    }
    assert_eq!(keys(&wrong, OURS), ["sso.provider_url", "sso.client_id", "sso.scopes"]);
}

#[test]
fn what_lowers_the_guard_has_to_be_said() {
    let secretless = |secret: Option<&str>, is_public| {
        let mut settings = oidc("https://audex.example.com/oidc/callback");
        if let SsoProtocol::Oidc(oidc) = &mut settings.protocol {
            oidc.client_secret = secret.map(str::to_owned);
            oidc.is_public = is_public;
        }
        keys(&settings, OURS)
    };
    assert_eq!(secretless(None, false), ["sso.client_secret"]);
    assert_eq!(secretless(Some(""), false), ["sso.client_secret"], "a variable that is empty is no secret");
    assert_eq!(secretless(None, true), [""; 0]);
    let keyed = |text: &str, secret: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        let mut settings = oidc("https://audex.example.com/oidc/callback");
        if let SsoProtocol::Oidc(oidc) = &mut settings.protocol {
            oidc.client_secret = secret.map(str::to_owned);
            oidc.client_key_path = Some(path);
        }
        keys(&settings, OURS)
    };
    for key in [pem(Algorithm::Es256), pem(Algorithm::Es384), pem(Algorithm::EdDsa), pem(Algorithm::Rs256)] {
        assert_eq!(keyed(&key, None), [""; 0]);
        assert_eq!(keyed(&key, Some("")), [""; 0], "a variable that is empty is no secret");
        assert_eq!(keyed(&key, Some("secret")), ["sso.client_key_path"], "one way is enough");
    }
    for none in ["", "{}", "secret", include_str!("../../../../../vectors/saml/certificates/idp.pem")] {
        assert_eq!(keyed(none, None), ["sso.client_key_path"]);
    }
    let believing = |email_domains| {
        let settings = oidc("https://audex.example.com/oidc/callback");
        keys(&SsoSettings { trust_email: true, email_domains, ..settings }, OURS)
    };
    assert_eq!(believing(Vec::new()), ["sso.trust_email"], "nobody answers for every domain");
    assert_eq!(believing(vec!["example.com".to_owned()]), [""; 0]);
}

#[test]
fn every_fault_of_saml_is_named() {
    let saml = SsoSettings::new(SsoProtocol::Saml(SamlSettings {
        entity_id: OURS.to_owned(),
        idp_sso_url: "https://idp.example.com/sso".to_owned(),
        idp_cert_path: "/nowhere/idp.pem".into(),
        assertion_consumer_service_url: "https://audex.example.com/login".to_owned(),
        idp_entity_id: None,
        idp_slo_url: Some("https://idp.example.com/slo".to_owned()),
        sp_key_path: None,
        sp_cert_path: Some("/nowhere/sp.pem".into()),
        name_id_format: None,
        allow_cbc: false,
        friendly_names: false,
    }));
    let saml = SsoSettings { required_amr: vec!["mfa".to_owned()], trust_email: true, ..saml };
    let expected = [
        "sso.trust_email",
        "sso.assertion_consumer_service_url",
        "sso.required_amr",
        "sso.sp_key_path",
        "sso.idp_entity_id",
        "sso.sp_key_path",
        "sso.idp_cert_path",
        "sso.sp_cert_path",
    ];
    assert_eq!(keys(&saml, OURS), expected);
}

#[test]
fn a_fault_is_named_by_its_own_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let keys_with = |change: &dyn Fn(&mut SamlSettings)| {
        let (sp_key_path, sp_cert_path) = super::saml_peer::key_pair(folder.path(), "rsa:2048");
        let mut saml = SamlSettings {
            entity_id: OURS.to_owned(),
            idp_sso_url: "https://idp.example.com/sso".to_owned(),
            idp_cert_path: sp_cert_path.clone(),
            assertion_consumer_service_url: format!("{OURS}/acs"),
            idp_entity_id: Some("https://idp.example.com".to_owned()),
            idp_slo_url: Some("https://idp.example.com/slo".to_owned()),
            sp_key_path: Some(sp_key_path),
            sp_cert_path: Some(sp_cert_path),
            name_id_format: None,
            allow_cbc: false,
            friendly_names: false,
        };
        change(&mut saml);
        keys(&SsoSettings::new(SsoProtocol::Saml(saml)), OURS)
    };
    assert_eq!(keys_with(&|_| {}), [""; 0]);
    assert_eq!(keys_with(&|saml| saml.idp_entity_id = Some("company".to_owned())), ["sso.idp_entity_id"]);
    let in_the_clear = || "http://idp.example.com/x".to_owned();
    assert_eq!(keys_with(&|saml| saml.idp_sso_url = in_the_clear()), ["sso.idp_sso_url"]);
    assert_eq!(keys_with(&|saml| saml.idp_slo_url = Some(in_the_clear())), ["sso.idp_slo_url"]);
    assert_eq!(keys_with(&|saml| saml.entity_id = "audex".to_owned()), ["sso.entity_id"]);
    let no_certificate = file("bare.cer", "MIIBszCCAVmgAwIBAgIU");
    assert_eq!(keys_with(&|saml| saml.idp_cert_path.clone_from(&no_certificate)), ["sso.idp_cert_path"]);
    // Where no name is given the address stands for it, and is too long for that before it is too long for an address.
    let long = |saml: &mut SamlSettings| {
        saml.idp_sso_url = format!("https://idp.example.com/{}", "x".repeat(1_100));
        (saml.idp_entity_id, saml.idp_slo_url) = (None, None);
    };
    assert_eq!(keys_with(&long), ["sso.idp_sso_url"]);
}
