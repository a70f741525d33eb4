use super::*;
use crate::{Accepted, AuthenticatorLayer, Guard, GuardedRouter, JtiReplayGuard, ShellAudit};
use axess_clock::{Clock, MockClock};
use axess_core::{audit::MemoryAuditSink, memory::MemoryJtiReplayStore};
use axess_jose::{
    Algorithm, BoxFuture, FetchDocument, FetchError, FetchedDocument, JwksCache, JwksPolicy, SigningKey,
    dpop::proof, s256,
};
use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, ResourceMetadata, TokenRefusal, TokenScheme, TokenSource,
};
use axum::{Router, body::Body, response::IntoResponse};
use chrono::DateTime;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

const ISSUER: &str = "https://login.example.com";
const RESOURCE: &str = "https://api.example.com";

/// The keys of the issuer.
struct Keys(Value);

impl FetchDocument for Keys {
    fn fetch<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        let bytes = self.0.to_string().into_bytes();
        Box::pin(async move { Ok(FetchedDocument { bytes, max_age: None }) })
    }
}

struct Site {
    app: Router,
    issuer: SigningKey,
    holder: SigningKey,
    clock: Arc<MockClock>,
    trail: MemoryAuditSink,
}

impl Site {
    fn new(change: impl FnOnce(&mut AccessTokenRules), nonces: Option<DpopNonces>) -> Self {
        Self::described(change, nonces, |_| {})
    }

    fn described(
        change: impl FnOnce(&mut AccessTokenRules),
        nonces: Option<DpopNonces>,
        describe: impl FnOnce(&mut ResourceMetadata),
    ) -> Self {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let clock = Arc::new(MockClock::new(now));
        let issuer = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("k1");
        let set = json!({ "keys": [issuer.public_jwk()] });
        let url = format!("{ISSUER}/jwks");
        let cache = JwksCache::new(Arc::new(Keys(set)), url, JwksPolicy::default(), clock.clone());
        let mut rules = AccessTokenRules::new(ISSUER, RESOURCE);
        change(&mut rules);
        let replay = Arc::new(JtiReplayGuard(MemoryJtiReplayStore::new()));
        let validator = AccessTokenValidator::new(rules, TokenSource::keys(Arc::new(cache)), replay);
        let mut metadata = ResourceMetadata::new(RESOURCE, [ISSUER]);
        describe(&mut metadata);
        let mut tokens = AccessTokens::new(validator, metadata, clock.clone());
        // A clone that is there already takes nothing away from what comes later.
        let document = tokens.metadata();
        if let Some(nonces) = nonces {
            tokens = tokens.with_nonces(nonces);
        }
        let trail = MemoryAuditSink::default();
        let audit = ShellAudit::new(Arc::new(trail.clone())).with_clock(clock.clone());
        tokens = tokens.with_audit(audit);
        let read = async |token: Accepted<AccessToken>| token.subject.clone().unwrap_or_default();
        let app = GuardedRouter::new()
            .merge(document)
            .get("/orders", Guard::Accepted("orders:read"), read)
            .into_router()
            .layer(AuthenticatorLayer::new(tokens));
        let holder = SigningKey::generate(Algorithm::Es256).unwrap();
        Self { app, issuer, holder, clock, trail }
    }

    fn token(&self, more: Value) -> String {
        let now = self.clock.now().timestamp();
        let mut claims = json!({ "iss": ISSUER, "aud": RESOURCE, "sub": "alice", "client_id": "shop", "jti": "1",
            "iat": now, "exp": now + 300, "scope": "orders:read" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.issuer.sign("at+jwt", &claims).unwrap()
    }

    fn bound(&self) -> String {
        self.token(json!({ "cnf": { "jkt": self.holder.thumbprint() } }))
    }

    fn proof(&self, token: &str, url: &str, nonce: Option<&str>, jti: &str) -> String {
        proof(&self.holder, "GET", url, nonce, Some(token), jti, self.clock.now()).unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
        self.send(Request::get(path), headers).await
    }

    async fn send(
        &self,
        mut request: http::request::Builder,
        headers: &[(&str, &str)],
    ) -> (u16, HeaderMap, String) {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 100_000).await.unwrap();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// Returns every challenge.
fn challenges(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("www-authenticate").iter().map(|one| one.to_str().unwrap()).collect()
}

fn challenge(headers: &HeaderMap) -> &str {
    headers["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn whoever_shows_nothing_is_told_where_to_ask() {
    let site = Site::new(|_| {}, None);
    let (status, headers, body) = site.get("/orders", &[]).await;
    assert_eq!(status, 401);
    let metadata = "https://api.example.com/.well-known/oauth-protected-resource";
    let of_metadata = format!("resource_metadata=\"{metadata}\"");
    let [bearer, dpop] = challenges(&headers)[..] else { panic!("{headers:?}") };
    assert_eq!(bearer, format!("Bearer {of_metadata}"));
    assert!(dpop.starts_with("DPoP algs=\"") && dpop.contains("ES256"), "{dpop}");
    assert!(dpop.ends_with(&format!(", {of_metadata}")) && !dpop.contains("error"), "{dpop}");
    assert!(body.contains("authentication_required"), "{body}");
    let (status, _, document) = site.get("/.well-known/oauth-protected-resource", &[]).await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((status, &document["authorization_servers"]), (200, &json!([ISSUER])));
}

#[tokio::test]
async fn whoever_shows_nothing_is_told_each_scheme_that_would_do() {
    let schemes = |headers: &HeaderMap| -> Vec<String> {
        challenges(headers).iter().map(|one| one.split(' ').next().unwrap().to_owned()).collect()
    };
    for (must_be_bound, takes_certificates, expected) in
        [(false, false, &["Bearer", "DPoP"][..]), (true, false, &["DPoP"]), (true, true, &["DPoP", "Bearer"])]
    {
        let describe =
            |it: &mut ResourceMetadata| it.tls_client_certificate_bound_access_tokens = takes_certificates;
        let site = Site::described(|rules| rules.must_be_bound = must_be_bound, None, describe);
        let (_, _, document) = site.get("/.well-known/oauth-protected-resource", &[]).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        let must_be_dpop = must_be_bound && !takes_certificates;
        assert_eq!(document["dpop_bound_access_tokens_required"], must_be_dpop);
        for shown in [vec![], vec![("authorization", "Basic YTpi")], vec![("authorization", "Negotiate")]] {
            let (status, headers, _) = site.get("/orders", &shown).await;
            assert_eq!(
                (status, schemes(&headers)),
                (401, expected.iter().map(|&it| it.to_owned()).collect()),
                "{shown:?}"
            );
            assert!(challenges(&headers).iter().all(|one| !one.contains("error")), "{headers:?}");
        }
        // Whoever shows one is answered in its scheme alone.
        let (_, headers, _) = site.get("/orders", &[("authorization", "DPoP x.y.z")]).await;
        assert_eq!(schemes(&headers), ["DPoP"]);
        let (_, headers, _) = site.get("/orders", &[("authorization", "Bearer x.y.z")]).await;
        assert_eq!(schemes(&headers), ["Bearer"]);
    }
}

#[tokio::test]
async fn a_good_token_opens_what_its_scopes_say() {
    let site = Site::new(|_| {}, None);
    let bearer = format!("Bearer {}", site.token(json!({})));
    assert_eq!(site.get("/orders", &[("authorization", &bearer)]).await.2, "alice");
    let less = format!("Bearer {}", site.token(json!({ "scope": "orders:list" })));
    let (status, headers, _) = site.get("/orders", &[("authorization", &less)]).await;
    assert_eq!(status, 403);
    assert!(challenge(&headers).starts_with(r#"Bearer error="insufficient_scope", scope="orders:read""#));
    site.clock.advance(std::time::Duration::from_secs(311));
    let (status, headers, _) = site.get("/orders", &[("authorization", &bearer)]).await;
    assert_eq!(status, 401);
    assert!(challenge(&headers).contains(r#"error="invalid_token""#));
}

#[tokio::test]
async fn a_token_comes_in_one_header_and_nowhere_else() {
    let site = Site::new(|_| {}, None);
    let token = site.token(json!({}));
    let bearer = format!("Bearer {token}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(site.get("/orders", &twice).await.0, 400);
    assert_eq!(site.get(&format!("/orders?access_token={token}"), &[]).await.0, 401);
    assert_eq!(site.get("/orders", &[("authorization", "Basic YTpi")]).await.0, 401);
    assert_eq!(site.get("/orders", &[("authorization", "Bearer")]).await.0, 401);
}

#[tokio::test]
async fn what_the_document_demands_is_demanded() {
    let site = Site::described(|_| {}, None, |it| it.dpop_bound_access_tokens_required = true);
    let (_, headers, _) = site.get("/orders", &[]).await;
    assert!(challenges(&headers).len() == 1 && challenge(&headers).starts_with("DPoP "), "{headers:?}");
    let bearer = format!("Bearer {}", site.token(json!({})));
    let (status, headers, _) = site.get("/orders", &[("authorization", &bearer)]).await;
    assert_eq!(status, 401);
    assert!(challenge(&headers).contains(r#"error="invalid_token""#), "{headers:?}");
    let token = site.bound();
    let proof = site.proof(&token, "https://api.example.com/orders", None, "p");
    let shown = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    let shown = shown.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(site.get("/orders", &shown).await.2, "alice");
}

#[tokio::test]
async fn a_bound_token_opens_nothing_without_its_key() {
    let site = Site::new(|rules| rules.must_be_bound = true, None);
    let token = site.bound();
    let (bearer, dpop) = (format!("Bearer {token}"), format!("DPoP {token}"));
    let url = "https://api.example.com/orders";
    assert_eq!(site.get("/orders", &[("authorization", &bearer)]).await.0, 401, "stolen");
    assert_eq!(site.get("/orders", &[("authorization", &dpop)]).await.0, 400, "no proof");
    let good = site.proof(&token, url, None, "a");
    let shown = [("authorization", dpop.as_str()), ("dpop", good.as_str())];
    assert_eq!(site.get("/orders", &shown).await.2, "alice");
    let (status, headers, _) = site.get("/orders", &shown).await;
    assert_eq!(status, 401, "a proof is used once");
    assert!(challenge(&headers).contains(r#"error="invalid_dpop_proof""#), "{headers:?}");
    // The host of a request is what the configuration says, whatever the request says.
    let elsewhere = site.proof(&token, "https://evil.example/orders", None, "b");
    let shown = [("host", "evil.example"), ("authorization", dpop.as_str()), ("dpop", elsewhere.as_str())];
    assert_eq!(site.get("/orders", &shown).await.0, 401);
    // With a query, which is no part of what a proof names.
    let query = site.proof(&token, url, None, "c");
    let shown = [("authorization", dpop.as_str()), ("dpop", query.as_str())];
    assert_eq!(site.get("/orders?page=2", &shown).await.0, 200);
    let other = proof(&site.issuer, "GET", url, None, Some(&token), "d", site.clock.now()).unwrap();
    let shown = [("authorization", dpop.as_str()), ("dpop", other.as_str())];
    assert_eq!(site.get("/orders", &shown).await.0, 401, "another key");
    let unbound = format!("Bearer {}", site.token(json!({})));
    assert_eq!(site.get("/orders", &[("authorization", &unbound)]).await.0, 401, "bound to nothing");
}

#[tokio::test]
async fn a_proof_has_the_nonce_that_was_given_out() {
    let site = Site::new(|_| {}, Some(DpopNonces::new([7u8; 32]).unwrap()));
    let token = site.bound();
    let dpop = format!("DPoP {token}");
    let url = "https://api.example.com/orders";
    let ask = async |nonce: Option<&str>, jti: &str| {
        let proof = site.proof(&token, url, nonce, jti);
        site.get("/orders", &[("authorization", &dpop), ("dpop", &proof)]).await
    };
    let (status, headers, _) = ask(None, "a").await;
    assert_eq!(status, 401);
    assert!(challenge(&headers).contains(r#"error="use_dpop_nonce""#), "{headers:?}");
    let nonce = headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(ask(Some(&nonce), "b").await.0, 200);
    assert_eq!(ask(Some("made-up"), "c").await.0, 401);
    site.clock.advance(std::time::Duration::from_secs(200));
    assert_eq!(ask(Some(&nonce), "d").await.0, 200);
    site.clock.advance(std::time::Duration::from_secs(99));
    assert_eq!(ask(Some(&nonce), "e").await.0, 200, "also after the next one is given out");
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_needs_its_connection() {
    let site = Site::new(|_| {}, None);
    let der: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x07];
    let token = site.token(json!({ "cnf": { "x5t#S256": s256(der) } }));
    let bearer = format!("Bearer {token}");
    let shown = [("authorization", bearer.as_str())];
    assert_eq!(site.get("/orders", &shown).await.0, 401);
    let with = |der: &[u8]| Request::get("/orders").extension(PeerCertificate(der.to_vec().into()));
    assert_eq!(site.send(with(der), &shown).await.0, 200);
    assert_eq!(site.send(with(&[0x30, 0x00]), &shown).await.0, 401);

    // Bound to both, it is good where keys are demanded; bound to this alone, it is not.
    let site = Site::described(|_| {}, None, |it| it.dpop_bound_access_tokens_required = true);
    let both = site.token(json!({ "cnf": { "jkt": site.holder.thumbprint(), "x5t#S256": s256(der) } }));
    let (scheme, proof) =
        (format!("DPoP {both}"), site.proof(&both, "https://api.example.com/orders", None, "p"));
    let proved = [("authorization", scheme.as_str()), ("dpop", proof.as_str())];
    assert_eq!(site.send(with(der), &proved).await.0, 200);
    let bearer = format!("Bearer {}", site.token(json!({ "cnf": { "x5t#S256": s256(der) } })));
    assert_eq!(site.send(with(der), &[("authorization", bearer.as_str())]).await.0, 401);
}

#[tokio::test]
async fn whoever_presents_a_bound_token_is_answered_in_its_scheme() {
    let site = Site::new(|_| {}, None);
    let token = site.bound();
    let dpop = format!("DPoP {token}");
    let good = site.proof(&token, "https://api.example.com/orders", None, "a");
    let stale = site.proof("another token", "https://api.example.com/orders", None, "b");
    let less = site.token(json!({ "scope": "x", "cnf": { "jkt": site.holder.thumbprint() } }));
    let less_proof = site.proof(&less, "https://api.example.com/orders", None, "c");
    let less = format!("DPoP {less}");
    let unreadable = format!("DPoP {token} more");
    for (row, status, headers) in [
        ("no proof", 400, vec![("authorization", dpop.as_str())]),
        ("a proof of another token", 401, vec![("authorization", &dpop), ("dpop", &stale)]),
        ("two proofs", 400, vec![("authorization", &dpop), ("dpop", &good), ("dpop", &good)]),
        ("no token that can be read", 400, vec![("authorization", &unreadable), ("dpop", &good)]),
        ("in small letters", 400, vec![("authorization", "dpop a b")]),
        ("twice", 400, vec![("authorization", &dpop), ("authorization", &dpop)]),
        ("too little scope", 403, vec![("authorization", &less), ("dpop", &less_proof)]),
    ] {
        let (answered, headers, _) = site.get("/orders", &headers).await;
        assert_eq!(answered, status, "{row}");
        assert!(challenge(&headers).starts_with("DPoP algs=\""), "{row}: {headers:?}");
    }
    let bearer = format!("Bearer {token}");
    for header in [bearer.as_str(), "Bearer a b", "Bearer x.y.z"] {
        let (_, headers, _) = site.get("/orders", &[("authorization", header)]).await;
        assert!(challenge(&headers).starts_with("Bearer "), "{header}: {headers:?}");
    }
    // What a handler asks of a token is refused in the scheme of the token, whoever writes the answer.
    let shown = [("authorization", dpop.as_str()), ("dpop", good.as_str())];
    assert_eq!(site.get("/orders", &shown).await.0, 200);
    for (scheme, starts) in [(TokenScheme::Dpop, "DPoP algs="), (TokenScheme::Bearer, "Bearer error=")] {
        let refusal = TokenRefusal::InsufficientScope { required: "pay".to_owned(), scheme };
        let response = TokenRejection::from(refusal).into_response();
        assert!(challenge(response.headers()).starts_with(starts), "{response:?}");
    }
}

/// What is shown, the status it is answered with, what is recorded, and the headers.
type Shown<'a> = (&'a str, u16, Option<&'a str>, Vec<(&'a str, &'a str)>);

#[tokio::test]
async fn what_looks_like_a_stolen_token_is_on_record() {
    let site = Site::new(|_| {}, None);
    let url = "https://api.example.com/orders";
    let (token, plain) = (site.bound(), site.token(json!({})));
    let (dpop, stolen, bearer) =
        (format!("DPoP {token}"), format!("Bearer {token}"), format!("Bearer {plain}"));
    let good = site.proof(&token, url, None, "a");
    let elsewhere = site.proof(&token, "https://evil.example/orders", None, "b");
    let other = proof(&site.issuer, "GET", url, None, Some(&token), "c", site.clock.now()).unwrap();
    let certificate = format!("Bearer {}", site.token(json!({ "cnf": { "x5t#S256": s256(&[1]) } })));
    let forged = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("k1");
    let forged =
        format!("Bearer {}", forged.sign("at+jwt", &json!({ "iss": ISSUER, "aud": RESOURCE })).unwrap());
    let another = format!("Bearer {}", site.token(json!({ "aud": "https://other.example" })));
    let less = format!("Bearer {}", site.token(json!({ "scope": "x" })));
    let now = site.clock.now().timestamp();
    let over = format!("Bearer {}", site.token(json!({ "iat": now - 900, "exp": now - 600 })));
    let rows: Vec<Shown<'_>> = vec![
        ("honest", 200, None, vec![("authorization", &dpop), ("dpop", &good)]),
        ("replayed", 401, Some("proof-replayed"), vec![("authorization", &dpop), ("dpop", &good)]),
        (
            "of another request",
            401,
            Some("proof-invalid"),
            vec![("authorization", &dpop), ("dpop", &elsewhere)],
        ),
        ("another key", 401, Some("not-the-holder"), vec![("authorization", &dpop), ("dpop", &other)]),
        ("without its key", 401, Some("not-the-holder"), vec![("authorization", &stolen)]),
        ("without its certificate", 401, Some("not-the-holder"), vec![("authorization", &certificate)]),
        ("forged", 401, Some("token-invalid"), vec![("authorization", &forged)]),
        ("of another resource", 401, Some("token-invalid"), vec![("authorization", &another)]),
        ("unbound", 200, None, vec![("authorization", &bearer)]),
        ("none", 401, None, vec![]),
        ("too little", 403, None, vec![("authorization", &less)]),
        ("over", 401, None, vec![("authorization", &over)]),
    ];
    for (row, status, reason, headers) in rows {
        let before = site.trail.events().len();
        assert_eq!(site.get("/orders", &headers).await.0, status, "{row}");
        let told: Vec<Value> = site
            .trail
            .events()
            .iter()
            .skip(before)
            .map(|event| serde_json::to_value(event).unwrap())
            .collect();
        assert_eq!(told.len(), usize::from(reason.is_some()), "{row}: {told:?}");
        if let (Some(event), Some(reason)) = (told.first(), reason) {
            assert_eq!(event["event_type"], "AccessTokenRefused", "{row}");
            assert_eq!(
                (event["route"].as_str(), event["failure_reason"].as_str()),
                (Some("/orders"), Some(reason)),
                "{row}"
            );
            assert!(!event.to_string().contains("eyJ"), "{row}: {event}");
        }
    }
    // Whoever has one stolen token does not fill the trail with it.
    for _ in 0..100 {
        site.get("/orders", &[("authorization", &stolen)]).await;
    }
    assert_eq!(site.trail.events().len(), 60);
}
