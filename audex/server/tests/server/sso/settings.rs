//! What is wrong with settings is named, all of it at once.

use audex_server::{
    access::sso::check,
    settings::{OidcSettings, SamlSettings, SsoProtocol, SsoSettings},
};

const OURS: &str = "https://audex.example.com";

fn oidc(redirect_uri: &str) -> SsoSettings {
    SsoSettings::new(SsoProtocol::Oidc(OidcSettings {
        provider_url: "https://auth.example.com".to_owned(),
        client_id: "audex".to_owned(),
        client_secret: Some("secret".to_owned()),
        is_public: false,
        redirect_uri: redirect_uri.to_owned(),
        scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
    }))
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
    }));
    let saml = SsoSettings { required_amr: vec!["mfa".to_owned()], ..saml };
    let expected = [
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
