use super::*;
use axess::{clock::MockClock, jose::SigningKey};
use chrono::DateTime;
use serde_json::{Value, json};
use std::path::Path;

const ISSUER: &str = "https://builds.example.com";
const AUDIENCE: &str = "audex";
const SUBJECT: &str = "repo:team/app:ref:refs/heads/main";
const NOW: i64 = 1_800_000_000;

fn trusted(jwks: &Path, audience: &str, subjects: &[&str]) -> WorkloadIssuer {
    WorkloadIssuer {
        issuer: ISSUER.to_owned(),
        audience: audience.to_owned(),
        jwks: jwks.display().to_string(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
        groups: vec!["builds".to_owned()],
    }
}

/// An issuer with a key of each kind, and who trusts it.
struct Site {
    keys: Vec<SigningKey>,
    workloads: Workloads,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self::trusting(&[(AUDIENCE, &["repo:team/*"])])
    }

    fn trusting(audiences: &[(&str, &[&str])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        let algorithms = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Es384];
        let keys: Vec<SigningKey> =
            algorithms.iter().map(|algorithm| SigningKey::generate(*algorithm).unwrap()).collect();
        let public: Vec<Value> = keys.iter().map(SigningKey::public_jwk).collect();
        std::fs::write(&file, json!({ "keys": public }).to_string()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(MockClock::new(DateTime::from_timestamp(NOW, 0).unwrap()));
        let issuers: Vec<WorkloadIssuer> =
            audiences.iter().map(|(audience, subjects)| trusted(&file, audience, subjects)).collect();
        Self { keys, workloads: Workloads::new(&issuers, &clock).unwrap(), _folder: folder }
    }

    async fn verdict(&self, key: usize, typ: &str, claims: &Value) -> Result<String, String> {
        let token = self.keys[key].sign(typ, claims).unwrap();
        let verdict = self.workloads.verify(&token).await;
        verdict.map(|requester| requester.to_string()).map_err(|fault| format!("{fault:?}"))
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": NOW - 60, "exp": NOW + 600 })
}

fn with(name: &str, value: Value) -> Value {
    let mut changed = claims();
    changed[name] = value;
    changed
}

fn without(name: &str) -> Value {
    let mut changed = claims();
    changed.as_object_mut().unwrap().remove(name);
    changed
}

#[tokio::test]
async fn tokens_of_the_issuer_name_their_workload() {
    let site = Site::new();
    for key in 0..3 {
        let verdict = site.verdict(key, "JWT", &claims()).await;
        assert_eq!(verdict.as_deref(), Ok(&*format!("{ISSUER}#{SUBJECT}")), "{key}");
    }
    let refused = site.verdict(3, "JWT", &claims()).await.unwrap_err();
    assert_eq!(refused, "Token(AlgorithmRefused)", "ES384 is not taken");
}

#[tokio::test]
async fn it_is_for_us_and_for_now() {
    let site = Site::new();
    let cases = [
        (with("aud", json!("somebody else")), Some("AudienceMismatch")),
        (with("aud", json!("AUDEX")), Some("AudienceMismatch")),
        (with("aud", json!(["x", AUDIENCE])), None),
        (with("aud", json!([])), Some("MissingClaim")),
        (with("aud", json!([AUDIENCE, 7])), Some("Malformed")),
        (without("aud"), Some("MissingClaim")),
        (without("iss"), Some("Issuer")),
        (with("iss", json!("https://evil.example")), Some("Issuer")),
        (with("iss", json!([ISSUER])), Some("Issuer")),
        (without("sub"), Some("MissingClaim")),
        (without("exp"), Some("MissingClaim")),
        (without("iat"), Some("MissingClaim")),
        (with("sub", json!("")), Some("Subject")),
        (with("sub", json!("repo:team/line\nbreak")), Some("Subject")),
        (with("sub", json!(format!("repo:team/{}", "x".repeat(513)))), Some("Subject")),
        (with("sub", json!("repo:evil/app")), Some("Subject")),
        (with("sub", json!(7)), Some("Malformed")),
        (with("exp", json!(NOW - 29)), None),
        (with("exp", json!(NOW - 30)), Some("Expired")),
        (with("exp", json!(NOW + 90_000)), Some("LifetimeTooLong")),
        (with("exp", json!(1e300)), Some("Malformed")),
        (with("iat", json!(NOW + 30)), None),
        (with("iat", json!(NOW + 31)), Some("NotYetValid")),
        (with("iat", json!(NOW - 90_000)), Some("TooOld")),
        (with("nbf", json!(NOW + 30)), None),
        (with("nbf", json!(NOW + 31)), Some("NotYetValid")),
    ];
    for (claims, expected) in cases {
        match (site.verdict(0, "JWT", &claims).await, expected) {
            (Ok(_), None) => {}
            (Err(fault), Some(expected)) => assert!(fault.contains(expected), "{fault} for {claims}"),
            (verdict, _) => panic!("{verdict:?} for {claims}"),
        }
    }
}

#[tokio::test]
async fn other_types_of_tokens_are_none() {
    let site = Site::new();
    for (typ, is_taken) in [("JWT", true), ("at+jwt", true), ("dpop+jwt", false), ("logout+jwt", false)] {
        assert_eq!(site.verdict(0, typ, &claims()).await.is_ok(), is_taken, "{typ}");
    }
}

#[tokio::test]
async fn what_is_no_token_of_the_issuer_is_refused() {
    let site = Site::new();
    let good = site.keys[0].sign("JWT", &claims()).unwrap();
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap().with_kid(site.keys[0].kid());
    let unknown = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let long = with("padding", json!("x".repeat(MAX_TOKEN)));
    for (token, expected) in [
        (stranger.sign("JWT", &claims()).unwrap(), "SignatureInvalid"),
        (unknown.sign("JWT", &claims()).unwrap(), "KeyUnknown"),
        (site.keys[0].sign("JWT", &long).unwrap(), "TooLarge"),
        (format!("{good}."), "Malformed"),
        (format!("{good}="), "Malformed"),
        (String::new(), "Malformed"),
    ] {
        let fault = format!("{:?}", site.workloads.verify(&token).await.unwrap_err());
        assert!(fault.contains(expected), "{fault}");
    }
    assert!(site.workloads.verify(&good).await.is_ok());
}

#[tokio::test]
async fn one_issuer_may_have_several_audiences_with_subjects_of_their_own() {
    let site = Site::trusting(&[("deploy", &["repo:team/deploy"]), (AUDIENCE, &["repo:team/*"])]);
    assert!(site.verdict(0, "JWT", &claims()).await.is_ok());
    assert!(site.verdict(0, "JWT", &with("aud", json!("deploy"))).await.is_err());
}

#[test]
fn keys_come_by_a_way_that_nobody_else_can_write_on() {
    for safe in ["https://keys.example.com/a", "http://127.0.0.1:80/a", "http://[::1]/a", "keys.json"] {
        assert!(keys::source(safe).is_some(), "{safe}");
    }
    for unsafe_way in ["http://keys.example.com/a", "ftp://127.0.0.1/a", "https://user:pw@keys.example.com/a"]
    {
        assert!(keys::source(unsafe_way).is_none(), "{unsafe_way}");
    }
}

#[test]
fn a_pattern_fits_whole_subjects() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "anything", true),
        ("repo:team/*", "repo:team/app", true),
        ("repo:team/*", "repo:team", false),
        ("repo:team/*", "xrepo:team/app", false),
        ("repo:*/app:ref:*", "repo:team/app:ref:main", true),
        ("*:main", "repo:main", true),
        ("*:main", "repo:main2", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*a", "aba", true),
        ("a*b*a", "ab", false),
        ("a**b", "ab", true),
        ("exact", "exact", true),
        ("exact", "exactly", false),
        ("ä*", "äö", true),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
    // No pattern takes for ever.
    assert!(!fits(&"*a".repeat(200), &"b".repeat(512)));
}
