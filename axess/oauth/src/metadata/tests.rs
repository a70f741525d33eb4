use super::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example.com";

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.com/authorize",
        "token_endpoint": "https://login.example.com/token",
        "jwks_uri": "https://login.example.com/keys",
        "mtls_endpoint_aliases": { "token_endpoint": "https://mtls.login.example.com/token" },
    })
}

fn parse(document: &Value) -> Result<ProviderMetadata, FederationError> {
    ProviderMetadata::parse(document.to_string().as_bytes(), ISSUER)
}

#[test]
fn an_issuer_is_compared_character_by_character() {
    for other in ["https://login.example.com/", "https://LOGIN.example.com", "http://login.example.com"] {
        let mut document = document();
        document["issuer"] = json!(other);
        assert!(matches!(parse(&document), Err(FederationError::IssuerMismatch)), "{other}");
    }
}

#[test]
fn every_address_must_be_safe() {
    let names = [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
    ];
    for name in names {
        let mut document = document();
        document[name] = json!("http://login.example.com/x");
        assert!(matches!(parse(&document), Err(FederationError::Malformed { .. })), "{name}");
        // What listens on this machine is for an issuer that is on it, too.
        for near in ["http://127.0.0.1:8080/x", "https://localhost/x"] {
            document[name] = json!(near);
            assert!(matches!(parse(&document), Err(FederationError::Malformed { .. })), "{name} {near}");
        }
        let issuer = "http://127.0.0.1:8080";
        (document["issuer"], document[name]) = (json!(issuer), json!("http://127.0.0.1:8081/x"));
        assert!(ProviderMetadata::parse(document.to_string().as_bytes(), issuer).is_ok(), "{name}");
    }
    let mut document = document();
    document["mtls_endpoint_aliases"]["token_endpoint"] = json!("http://login.example.com/x");
    assert!(parse(&document).is_err());
}

#[test]
fn a_provider_without_s256_is_refused_when_it_says_so() {
    for (methods, is_good) in
        [(json!(["plain"]), false), (json!([]), false), (json!(["plain", "S256"]), true), (Value::Null, true)]
    {
        let mut document = document();
        document["code_challenge_methods_supported"] = methods.clone();
        assert_eq!(parse(&document).is_ok(), is_good, "{methods}");
    }
}

#[test]
fn a_member_that_comes_twice_is_refused() {
    let text = document().to_string().replacen('{', "{\"jwks_uri\":\"https://evil.example/keys\",", 1);
    assert!(ProviderMetadata::parse(text.as_bytes(), ISSUER).is_err());
}

#[test]
fn a_client_with_a_certificate_takes_the_alias_where_there_is_one() {
    let metadata = parse(&document()).unwrap();
    let plain = "https://login.example.com/token";
    assert_eq!(metadata.endpoint(Endpoint::Token, false), Some(plain));
    assert_eq!(metadata.endpoint(Endpoint::Token, true), Some("https://mtls.login.example.com/token"));
    assert_eq!(metadata.endpoint(Endpoint::Revocation, true), None);
}

#[test]
fn the_document_is_where_the_issuer_says() {
    let url = "https://a.example/t/.well-known/openid-configuration";
    assert_eq!(issuer_of(url), "https://a.example/t");
    assert_eq!(document_url("https://a.example/t"), url);
    assert_eq!(document_url("https://a.example/t/"), url);
}

#[test]
fn the_document_of_an_authorization_server_has_its_path_last() {
    for (issuer, url) in [
        ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example:8443/t/1", "https://a.example:8443/.well-known/oauth-authorization-server/t/1"),
        ("http://[::1]:80/t/", "http://[::1]:80/.well-known/oauth-authorization-server/t"),
    ] {
        assert_eq!(oauth_document_url(issuer), url);
    }
}

#[test]
fn an_authorization_server_may_have_neither_logins_nor_keys_and_a_provider_has_both() {
    for name in ["authorization_endpoint", "jwks_uri"] {
        let mut document = document();
        document.as_object_mut().unwrap().remove(name);
        assert!(parse(&document).is_err(), "{name}");
        let plain = ProviderMetadata::parse_plain(document.to_string().as_bytes(), ISSUER);
        assert!(plain.is_ok(), "{name}");
    }
    let mut document = document();
    document.as_object_mut().unwrap().remove("token_endpoint");
    assert!(ProviderMetadata::parse_plain(document.to_string().as_bytes(), ISSUER).is_err());
}
