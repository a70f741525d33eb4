use super::*;
use crate::{HttpClient, HttpSettings, OAuth2Provider};
use serde_json::json;

const ISSUER: &str = "https://git.example.com";

fn settings(more: Value) -> Value {
    let mut settings = json!({
        "client_id": "shop", "redirect_uri": "https://shop.example.com/callback",
        "authorization_endpoint": "https://git.example.com/a", "token_endpoint": "https://git.example.com/t",
        "user_endpoints": ["https://api.git.example.com/user"], "user": { "subject": "/0/id" },
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

fn read(more: Value, secret: Option<&str>) -> Result<OAuth2Config, String> {
    let secret = secret.map(Into::into);
    let read = OAuth2Config::from_settings(ISSUER, &settings(more), secret, ProviderNetwork::Public);
    read.map_err(|error| error.to_string())
}

#[test]
fn what_is_stored_is_what_is_used() {
    let bare = read(json!({}), None).unwrap();
    assert_eq!((bare.issuer.as_str(), bare.client_id.as_str(), bare.auth.method()), (ISSUER, "shop", "none"));
    assert_eq!(bare.user_endpoints, ["https://api.git.example.com/user"]);
    assert!(bare.scopes.is_empty() && bare.ceremony_timeout.as_secs() == 900);
    let more = json!({ "token_endpoint_auth_method": "client_secret_post", "scopes": ["read"],
        "client_assertion_audience": "token_endpoint", "ceremony_timeout_secs": 60 });
    let more = read(more, Some("s")).unwrap();
    assert_eq!(
        (more.auth.method(), more.scopes.as_slice()),
        ("client_secret_post", &["read".to_owned()][..])
    );
    assert_eq!(more.ceremony_timeout.as_secs(), 60);
    assert_eq!(more.assertion_audience, ClientAssertionAudience::TokenEndpoint);
}

#[test]
fn the_user_is_where_the_pointers_say() {
    let user = json!({ "subject": "/0/data/id", "email": "/1/0/address", "email_verified": "/1/0/verified",
        "display_name": "/0/data/name", "username": "/0/data/login" });
    let config = read(json!({ "user": user }), None).unwrap();
    let profile = |id: Value| json!({ "data": { "id": id, "name": "Mona", "login": "mona" } });
    let mails = |verified: Value| json!([{ "address": "m@example.com", "verified": verified }]);
    let found = (config.mapping)(&[profile(json!(7)), mails(json!(true))]).unwrap();
    assert_eq!((found.subject.as_str(), found.username.as_deref()), ("7", Some("mona")));
    assert_eq!((found.email.as_deref(), found.email_verified), (Some("m@example.com"), true));
    assert_eq!(found.display_name.as_deref(), Some("Mona"));
    for verified in [json!(false), json!("true"), json!(1), json!(null)] {
        assert!(!(config.mapping)(&[profile(json!("a")), mails(verified)]).unwrap().email_verified);
    }
    for id in [json!(null), json!(1.5), json!(-1), json!(true), json!({}), json!([7])] {
        assert_eq!((config.mapping)(&[profile(id.clone()), json!([])]), None, "{id}");
    }
    assert_eq!((config.mapping)(&[]), None);
    let github = read(json!({ "user": "github" }), None).unwrap();
    let emails = json!([{ "email": "m@example.com", "primary": true, "verified": true }]);
    assert_eq!((github.mapping)(&[json!({ "id": 7 }), emails]).unwrap().subject, "7");
}

#[test]
fn what_cannot_work_is_said() {
    for (more, secret, said) in [
        (json!({ "clientid": "x" }), None, "clientid"),
        (json!({ "client_id": "" }), None, "client_id"),
        (json!({ "redirect_uri": "http://shop.example.com/" }), None, "redirect_uri"),
        (json!({ "user": "gitlab" }), None, "settings"),
        (json!({ "user": { "subject": "id" } }), None, "user"),
        (json!({ "user": { "subject": "/0/id", "email": "mail" } }), None, "user"),
        (json!({ "user": { "subject": "/0/id", "groups": "/0/groups" } }), None, "settings"),
        (json!({ "user_endpoints": [] }), None, "user_endpoints"),
        (json!({ "scopes": ["openid"] }), None, "OidcProvider"),
        (json!({ "ceremony_timeout_secs": 59 }), None, "ceremony_timeout"),
        (json!({ "token_endpoint_auth_method": "client_secret_post" }), None, "needs a secret"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), Some("no key"), "no key for ES256"),
        // Whoever answers there says who somebody is.
        (json!({ "user_endpoints": ["https://evil.example/user"] }), None, "user_endpoints"),
        (json!({ "user_endpoints": ["https://evilgit.example.com/user"] }), None, "user_endpoints"),
        (json!({ "token_endpoint": "https://evil.example/t" }), None, "token_endpoint"),
        (json!({ "authorization_endpoint": "https://evil.example/a" }), None, "authorization_endpoint"),
        (json!({ "token_endpoint": "http://git.example.com/t" }), None, "token_endpoint"),
    ] {
        let fault = read(more.clone(), secret).unwrap_err();
        assert!(fault.contains(said), "{more}: {fault}");
    }
}

#[test]
fn a_tenants_provider_is_on_the_public_internet_and_so_is_its_client() {
    for host in ["10.0.0.1", "169.254.169.254", "localhost:8080", "[fd00::1]"] {
        let at = |path: &str| format!("https://{host}{path}");
        let settings = settings(json!({ "authorization_endpoint": at("/a"), "token_endpoint": at("/t"),
            "user_endpoints": [at("/user")] }));
        let read = |network| OAuth2Config::from_settings(&at(""), &settings, None, network);
        let fault = read(ProviderNetwork::Public).unwrap_err().to_string();
        assert!(fault.contains("public internet"), "{host}: {fault}");
        assert!(read(ProviderNetwork::Any).is_ok(), "{host}");
    }
    for (client, fits) in [(ProviderNetwork::Any, false), (ProviderNetwork::Public, true)] {
        let http = HttpClient::new(&HttpSettings { network: client, ..HttpSettings::default() }).unwrap();
        assert_eq!(OAuth2Provider::new(read(json!({}), None).unwrap(), http).is_ok(), fits);
    }
    // A client that is to show a certificate has one.
    let shows = read(json!({ "token_endpoint_auth_method": "tls_client_auth" }), None).unwrap();
    let public = HttpSettings { network: ProviderNetwork::Public, ..HttpSettings::default() };
    let fault = OAuth2Provider::new(shows, HttpClient::new(&public).unwrap()).unwrap_err();
    assert!(fault.to_string().contains("client_certificate"), "{fault}");
}
