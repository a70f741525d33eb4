//! Whom a token is about and for, and what else it may say.

use super::ground::{API, BILLING, DOMAIN, Ground, URL, acme, said};
use axess_identity::{Issuer, SpiffeIdError};
use axess_jose::{Algorithm, SigningKey};
use axess_workload::{JwtSvidConfigError, JwtSvidError};
use serde_json::{Value, json};

#[tokio::test]
async fn a_good_token_says_who_and_where() {
    let ground = Ground::new();
    let claims = ground.claims_but(json!({ "iss": "https://spire", "build": { "commit": "abc" } }));
    let workload = ground.resolve(&ground.token(&claims)).await.unwrap();
    assert_eq!(workload.workload_id.as_str(), BILLING);
    assert_eq!(workload.trust_domain.as_str(), DOMAIN);
    assert_eq!(workload.issuer, Issuer::from(URL));
    assert_eq!(workload.tenant_id, acme());
    assert_eq!((workload.tenant_slug.as_str(), workload.service_name.as_str()), ("acme", "billing"));
    let mut rest = claims;
    rest.as_object_mut().unwrap().remove("sub");
    assert_eq!(serde_json::to_value(&workload.attributes).unwrap(), rest);
}

#[tokio::test]
async fn a_subject_is_a_workload_of_the_trust_domain() {
    let ground = Ground::new();
    let rows: &[(&str, &str)] = &[
        ("spiffe://prod.example.com/svc/billing/acme", "good"),
        ("spiffe://prod.example.com/svc/Billing_2.0-a/acme", "good"),
        ("spiffe://stage.example.com/svc/billing/acme", "TrustDomainMismatch"),
        ("spiffe://example.com/svc/billing/acme", "TrustDomainMismatch"),
        ("spiffe://prod.example.com.evil.example/svc/billing/acme", "TrustDomainMismatch"),
        ("spiffe://prod.example.com./svc/billing/acme", "TrustDomainMismatch"),
        ("spiffe://Prod.Example.com/svc/billing/acme", "NotASpiffeId"),
        ("SPIFFE://prod.example.com/svc/billing/acme", "NotASpiffeId"),
        ("https://prod.example.com/svc/billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com", "NotASpiffeId"),
        ("spiffe://prod.example.com/", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/billing/acme/", "NotASpiffeId"),
        ("spiffe://prod.example.com//svc/billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/./billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/ops/../billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/billing%2facme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/%2e%2e/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/billing/acme?as=ops", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/billing/acme#ops", "NotASpiffeId"),
        ("spiffe://ops@prod.example.com/svc/billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com:443/svc/billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com\\svc\\billing", "NotASpiffeId"),
        (" spiffe://prod.example.com/svc/billing/acme", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/billing/acme\u{0}", "NotASpiffeId"),
        ("spiffe://prod.example.com/svc/bïlling/acme", "NotASpiffeId"),
        ("spiffe:///svc/billing/acme", "NotASpiffeId"),
        ("alice", "NotASpiffeId"),
        ("", "NotASpiffeId"),
    ];
    for (subject, why) in rows {
        assert_eq!(ground.verdict(json!({ "sub": subject })).await, *why, "{subject}");
    }
    let long = format!("spiffe://prod.example.com/{}", "a".repeat(2_048));
    let refused = ground.resolve(&ground.token(&ground.claims_but(json!({ "sub": long })))).await;
    assert!(matches!(refused, Err(JwtSvidError::NotASpiffeId(SpiffeIdError::TooLong))), "{refused:?}");
    for (subject, why) in
        [(json!(null), "MissingClaim"), (json!(7), "Malformed"), (json!([BILLING]), "Malformed")]
    {
        assert_eq!(ground.verdict(json!({ "sub": subject })).await, why, "{subject}");
    }
}

#[tokio::test]
async fn a_token_is_for_one_of_our_audiences() {
    let two = |config: &mut axess_workload::JwtSvidResolverConfig| {
        config.expected_audiences.push("spiffe://prod.example.com/svc/api".to_owned());
    };
    let ground = Ground::with(two, |resolver| resolver);
    let many: Vec<String> = (0..64).map(|n| n.to_string()).collect();
    let rows: &[(Value, &str)] = &[
        (json!(API), "good"),
        (json!([API]), "good"),
        (json!(["https://other.example", API]), "good"),
        (json!("spiffe://prod.example.com/svc/api"), "good"),
        (json!("https://other.example"), "AudienceMismatch"),
        (json!(["https://other.example"]), "AudienceMismatch"),
        (json!("https://api.example.com/"), "AudienceMismatch"),
        (json!("HTTPS://API.EXAMPLE.COM"), "AudienceMismatch"),
        (json!(format!("{API} https://other.example")), "AudienceMismatch"),
        (json!(""), "AudienceMismatch"),
        (json!(many), "AudienceMismatch"),
        (json!([]), "MissingClaim"),
        (json!(null), "MissingClaim"),
        (json!(7), "Malformed"),
        (json!({ "a": API }), "Malformed"),
        (json!([API, 7]), "Malformed"),
        (json!([[API]]), "Malformed"),
        (json!([many.clone(), vec![API.to_owned()]].concat()), "Malformed"),
    ];
    for (audience, why) in rows {
        assert_eq!(ground.verdict(json!({ "aud": audience })).await, *why, "{audience}");
    }
}

#[tokio::test]
async fn a_type_is_none_or_one_of_two() {
    let ground = Ground::new();
    let payload = ground.claims().to_string();
    for (typ, why) in [
        ("", "good"),
        (r#","typ":"JWT""#, "good"),
        (r#","typ":"JOSE""#, "good"),
        (r#","typ":"jwt""#, "good"),
        (r#","typ":"at+jwt""#, "TypeRefused"),
        (r#","typ":"dpop+jwt""#, "TypeRefused"),
        (r#","typ":"logout+jwt""#, "TypeRefused"),
        (r#","typ":"""#, "TypeRefused"),
    ] {
        let token = ground.raw(&format!(r#"{{"alg":"ES256","kid":"ec"{typ}}}"#), &payload);
        assert_eq!(said(&ground.resolve(&token).await), why, "{typ}");
    }
}

#[tokio::test]
async fn algorithms_can_be_chosen_among_those_of_spiffe() {
    for algorithm in [Algorithm::Es384, Algorithm::EdDsa] {
        let ground = Ground::new();
        let key = SigningKey::generate(algorithm).unwrap().with_kid("other");
        ground.published.keys(&[key.public_jwk()]);
        let token = key.sign("JWT", &ground.claims()).unwrap();
        assert_eq!(
            said(&ground.resolve(&token).await),
            "AlgorithmRefused",
            "{algorithm} is not taken unasked"
        );
    }
    let ground = Ground::with(|_| {}, |resolver| resolver.with_algorithms(&[Algorithm::Es384]).unwrap());
    let key = SigningKey::generate(Algorithm::Es384).unwrap().with_kid("other");
    ground.published.keys(&[key.public_jwk(), ground.key.public_jwk()]);
    assert_eq!(said(&ground.resolve(&key.sign("JWT", &ground.claims()).unwrap()).await), "good");
    assert_eq!(said(&ground.resolve(&ground.good()).await), "AlgorithmRefused");
    for algorithms in [&[][..], &[Algorithm::EdDsa], &[Algorithm::Es256, Algorithm::EdDsa]] {
        let refused = Ground::new().resolver.with_algorithms(algorithms).err();
        assert_eq!(refused, Some(JwtSvidConfigError::Algorithms), "{algorithms:?}");
    }
}
