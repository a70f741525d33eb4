use crate::{
    IntrospectionCaller, LocalIdp, MintClaims, SigningAlgorithm,
    test_issuer::{API, ISSUER, claims, config, open, seeded},
};
use axess_clock::MockClock;
use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{Request, Response, StatusCode, request::Parts};
use serde_json::{Value, json};
use tower::ServiceExt;

async fn send(app: Router, request: Request<Body>) -> (Response<()>, String) {
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1_000_000).await.unwrap();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

async fn get(app: Router, path: &str, tag: Option<&str>) -> (Response<()>, String) {
    let request = Request::get(path);
    let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
    send(app, request.body(Body::empty()).unwrap()).await
}

/// A caller authenticates with the name of its audience, or `any`; a stand-in for what an application does.
fn guard(request: &Parts) -> Option<IntrospectionCaller> {
    match request.headers.get("x-caller")?.to_str().ok()? {
        "any" => Some(IntrospectionCaller::for_any_audience()),
        audience => Some(IntrospectionCaller::for_audience(audience)),
    }
}

async fn introspect(idp: &LocalIdp, caller: Option<&str>, body: String) -> (Response<()>, String) {
    let request = Request::post("/introspect").header("content-type", "application/x-www-form-urlencoded");
    let request = caller.into_iter().fold(request, |request, caller| request.header("x-caller", caller));
    send(idp.router_with_introspection(guard), request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn both_discovery_documents_say_the_same() {
    let clock = MockClock::default();
    let mut config = config(SigningAlgorithm::Es256);
    config.metadata.insert("authorization_details_types_supported".into(), json!(["aws"]));
    let idp = open(config, crate::MemoryLocalIdpKeyStore::new(), &clock).await;
    let (response, oidc) = get(idp.router(), "/.well-known/openid-configuration", None).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let (_, oauth) = get(idp.router(), "/.well-known/oauth-authorization-server", None).await;
    assert_eq!(oidc, oauth);
    assert_eq!(
        serde_json::from_str::<Value>(&oidc).unwrap(),
        json!({
            "issuer": ISSUER,
            "jwks_uri": "https://id.example.com/jwks.json",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "authorization_details_types_supported": ["aws"],
        })
    );
    let (_, more) =
        get(idp.router_with_introspection(guard), "/.well-known/openid-configuration", None).await;
    let more: Value = serde_json::from_str(&more).unwrap();
    assert_eq!(more["introspection_endpoint"], "https://id.example.com/introspect");
}

#[tokio::test]
async fn the_routes_follow_the_path_of_the_issuer() {
    let clock = MockClock::default();
    let mut config = config(SigningAlgorithm::Es256);
    config.issuer = "https://id.example.com/a/b".parse().unwrap();
    let idp = open(config, crate::MemoryLocalIdpKeyStore::new(), &clock).await;
    let app = Router::new().merge(idp.router_with_introspection(guard));
    for (path, status) in [
        ("/a/b/.well-known/openid-configuration", 200),
        ("/.well-known/oauth-authorization-server/a/b", 200),
        ("/a/b/jwks.json", 200),
        ("/a/b/introspect", 405),
        ("/.well-known/openid-configuration", 404),
        ("/jwks.json", 404),
    ] {
        assert_eq!(get(app.clone(), path, None).await.0.status(), status, "{path}");
    }
}

#[tokio::test]
async fn keys_are_public_cached_for_a_while_and_tagged() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let (response, body) = get(idp.router(), "/jwks.json", None).await;
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let keys: Value = serde_json::from_str(&body).unwrap();
    // Another crate of a build may have serde_json keep members in the order they were written in.
    let mut members: Vec<&String> = keys["keys"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"], "nothing private, nothing else");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let (response, body) = get(idp.router(), "/jwks.json", Some(&known)).await;
        assert_eq!((response.status(), body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{known}");
        assert_eq!(response.headers()["etag"], tag);
    }
    idp.rotate().await.unwrap();
    let (response, body) = get(idp.router(), "/jwks.json", Some(&tag)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["keys"].as_array().unwrap().len(), 2);
    assert_ne!(response.headers()["etag"], tag);
}

#[tokio::test]
async fn nobody_caches_keys_longer_than_a_new_one_waits() {
    let clock = MockClock::default();
    for (seconds, expected) in
        [(0, "public, max-age=0"), (60, "public, max-age=30"), (86_400, "public, max-age=300")]
    {
        let mut config = config(SigningAlgorithm::Es256);
        config.propagation = chrono::TimeDelta::seconds(seconds);
        let idp = open(config, crate::MemoryLocalIdpKeyStore::new(), &clock).await;
        let (response, _) = get(idp.router(), "/jwks.json", None).await;
        assert_eq!(response.headers()["cache-control"], expected);
    }
}

#[tokio::test]
async fn introspection_tells_admitted_callers_about_their_tokens() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let access = MintClaims::access_token("alice", "cli", crate::Expiry::Default)
        .with_audience(API)
        .with_scope("read")
        .with_custom_claim("active", false)
        .with_custom_claim("username", "root");
    let minted = idp.mint(&access).await.unwrap();
    let body = format!("token={}&token_type_hint=access_token", minted.token.expose());
    for caller in ["any", API] {
        let (response, answer) = introspect(&idp, Some(caller), body.clone()).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
        let expected = json!({
            "active": true, "iss": ISSUER, "sub": "alice", "aud": API, "client_id": "cli", "scope": "read",
            "iat": minted.issued_at.timestamp(), "exp": minted.expires_at.timestamp(), "jti": minted.jwt_id,
            "token_type": "Bearer",
        });
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
        assert_eq!(answer.matches("\"active\"").count(), 1);
    }
    let (response, answer) = introspect(&idp, None, body.clone()).await;
    assert_eq!((response.status().as_u16(), answer.as_str()), (401, r#"{"error":"invalid_client"}"#));
    assert!(response.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn every_inactive_token_gets_the_same_answer() {
    let clock = MockClock::default();
    let (idp, other) = (seeded(1, &clock).await, seeded(2, &clock).await);
    let good = idp.mint(&claims()).await.unwrap();
    let revoked = idp.mint(&claims()).await.unwrap();
    idp.revoke(&revoked.jwt_id).await.unwrap();
    let foreign = other.mint(&claims()).await.unwrap();
    let ended =
        idp.mint(&MintClaims::new("a", chrono::TimeDelta::seconds(1)).with_audience(API)).await.unwrap();
    clock.advance(std::time::Duration::from_secs(2));
    let ask = |token: &str, caller| introspect(&idp, Some(caller), format!("token={token}"));
    let (expected, _) = ask("x", "any").await;
    for (name, token, caller) in [
        ("nonsense", "x", "any"),
        ("nothing", "", "any"),
        ("revoked", revoked.token.expose(), "any"),
        ("of another issuer", foreign.token.expose(), "any"),
        ("ended", ended.token.expose(), "any"),
        ("of another audience", good.token.expose(), "https://other.example"),
    ] {
        let (response, body) = ask(token, caller).await;
        assert_eq!(body, r#"{"active":false}"#, "{name}");
        assert_eq!(
            (response.status(), response.headers()),
            (expected.status(), expected.headers()),
            "{name}"
        );
    }
    assert!(ask(good.token.expose(), "any").await.1.starts_with(r#"{"active":true"#));
}

#[tokio::test]
async fn malformed_questions_are_refused() {
    let idp = seeded(1, &MockClock::default()).await;
    for (name, body) in [
        ("no token", "hint=1".to_owned()),
        ("empty", String::new()),
        ("two tokens", "token=a&token=b".to_owned()),
        ("too long", format!("token={}", "a".repeat(20_000))),
    ] {
        let (response, answer) = introspect(&idp, Some("any"), body).await;
        assert_eq!(
            (response.status().as_u16(), answer.as_str()),
            (400, r#"{"error":"invalid_request"}"#),
            "{name}"
        );
    }
    let json =
        Request::post("/introspect").header("content-type", "application/json").header("x-caller", "any");
    let json = json.body(Body::from(r#"{"token":"a"}"#)).unwrap();
    assert_eq!(send(idp.router_with_introspection(guard), json).await.0.status(), StatusCode::BAD_REQUEST);
    let (response, _) = get(idp.router_with_introspection(guard), "/introspect?token=a", None).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let unasked = Request::post("/introspect").body(Body::from("token=a")).unwrap();
    assert_eq!(send(idp.router(), unasked).await.0.status(), StatusCode::NOT_FOUND, "not without a guard");
}
