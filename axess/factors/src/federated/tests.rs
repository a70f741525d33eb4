use super::*;
use crate::Subject;
use axess_identity::{AttemptId, ProviderName, UserId};
use axess_rng::MockRng;
use chrono::{DateTime, TimeDelta, Utc};

const ISSUER: &str = "https://login.example.com";
const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Vouches for whom it is told to.
struct Scripted(FederatedIdentity);

impl FederationProvider for Scripted {
    fn protocol(&self) -> FederationProtocol {
        FederationProtocol::Oidc
    }

    fn issuer(&self) -> &str {
        ISSUER
    }

    fn begin<'a>(
        &'a self,
        _: &'a FederationOptions,
        context: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<BegunFederation, FederationError>> {
        let pending = pending(context.provider.as_str());
        Box::pin(async { Ok(BegunFederation { redirection: Redirection::Get(ISSUER.into()), pending }) })
    }

    fn complete<'a>(
        &'a self,
        _: &'a PendingFederation,
        _: &'a CallbackResponse,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<FederatedIdentity, FederationError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn verify_logout<'a>(
        &'a self,
        _: &'a CallbackResponse,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<LogoutNotice, FederationError>> {
        Box::pin(async { Err(FederationError::SignatureInvalid) })
    }

    fn begin_logout<'a>(
        &'a self,
        _: &'a LogoutHint,
        _: FederationContext<'a>,
    ) -> BoxFuture<'a, Result<Option<Redirection>, FederationError>> {
        Box::pin(async { Ok(None) })
    }
}

fn name(name: &str) -> ProviderName {
    name.parse().unwrap()
}

fn pending(provider: &str) -> PendingFederation {
    PendingFederation {
        provider: name(provider),
        issuer: ISSUER.into(),
        expires_at: NOW + TimeDelta::minutes(10),
        private: serde_json::json!({ "state": "s" }),
    }
}

fn identity(subject: &str) -> FederatedIdentity {
    FederatedIdentity::new(ISSUER, subject, Assurance::IdToken)
}

async fn complete(
    identity: FederatedIdentity,
    pending: &PendingFederation,
    now: DateTime<Utc>,
) -> Result<FederatedProof, FederationError> {
    let (okta, rng) = (name("okta"), MockRng::new(1));
    let response = CallbackResponse::new(CallbackMethod::Get, [("code", "c")]).unwrap();
    let context = FederationContext { provider: &okta, now, rng: &rng };
    FederatedProof::complete(&Scripted(identity), pending, &response, context).await
}

#[tokio::test]
async fn what_a_provider_vouches_for_becomes_the_proof_of_one_account() {
    let proof = complete(identity("alice"), &pending("okta"), NOW).await.unwrap();
    assert_eq!(proof.identity().subject, "alice");
    let subject =
        Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
    let (verified, identity) = proof.into_verified(subject, federated_kind(&name("okta")));
    assert_eq!((verified.user_id(), verified.attempt()), (subject.user_id, subject.attempt));
    assert_eq!(verified.factor().to_string(), "federated:custom:okta");
    assert_eq!(identity.subject, "alice");
}

#[tokio::test]
async fn an_answer_to_another_login_or_of_another_issuer_is_refused() {
    let late = NOW + TimeDelta::minutes(10);
    let elsewhere = PendingFederation { issuer: "https://evil.example".into(), ..pending("okta") };
    let foreign = FederatedIdentity::new("https://evil.example", "alice", Assurance::IdToken);
    let long = "x".repeat(256);
    for (row, identity, pending, now, expect) in [
        ("another provider's", identity("alice"), pending("google"), NOW, "another provider"),
        ("another issuer's", identity("alice"), elsewhere, NOW, "another provider"),
        ("too late", identity("alice"), pending("okta"), late, "expired"),
        ("in another's name", foreign, pending("okta"), NOW, "another issuer"),
        ("of nobody", identity(""), pending("okta"), NOW, "subject"),
        ("of a long name", identity(&long), pending("okta"), NOW, "subject"),
        ("of a strange name", identity("a\0b"), pending("okta"), NOW, "subject"),
    ] {
        let error = complete(identity, &pending, now).await.unwrap_err();
        assert!(error.to_string().contains(expect), "{row}: {error}");
    }
}

#[test]
fn a_callback_is_bounded_and_a_parameter_comes_once() {
    let many = |count: usize| {
        CallbackResponse::new(CallbackMethod::Post, (0..count).map(|n| (n.to_string(), String::new())))
    };
    assert!(many(MAX_CALLBACK_PARAMETERS).is_ok());
    assert!(many(MAX_CALLBACK_PARAMETERS + 1).is_err());
    let large = |bytes| CallbackResponse::new(CallbackMethod::Post, [("a", "x".repeat(bytes))]);
    assert!(large(MAX_CALLBACK_BYTES - 1).is_ok());
    assert!(large(MAX_CALLBACK_BYTES).is_err());

    let twice = CallbackResponse::new(CallbackMethod::Get, [("state", "1"), ("state", "1")]).unwrap();
    assert!(matches!(twice.get("state"), Err(FederationError::Malformed { .. })));
    assert_eq!(twice.get("code").unwrap(), None);
}

#[test]
fn the_way_back_is_a_path_of_this_site() {
    let check = |path: &str| {
        FederationOptions { return_to: Some(path.into()), ..FederationOptions::default() }.check().is_ok()
    };
    for good in ["/", "/reports?year=2026#top", "/a/b//c"] {
        assert!(check(good), "{good:?}");
    }
    for bad in ["", "reports", "https://evil.example/", "//evil.example", "/\\evil.example", "/a\nb", "/a\tb"]
    {
        assert!(!check(bad), "{bad:?}");
    }
    assert!(!check(&format!("/{}", "x".repeat(1024))));
    let scopes = vec!["s".to_owned(); MAX_FEDERATION_OPTIONS + 1];
    assert!(FederationOptions { scopes, ..FederationOptions::default() }.check().is_err());
}

#[test]
fn what_is_pending_survives_being_stored_and_is_bounded() {
    let kept = pending("okta");
    let stored = rmp_serde::to_vec_named(&kept).unwrap();
    assert_eq!(rmp_serde::from_slice::<PendingFederation>(&stored).unwrap(), kept);
    let large = PendingFederation { private: "x".repeat(MAX_PENDING_BYTES).into(), ..kept };
    assert!(matches!(large.check(), Err(FederationError::Configuration { .. })));
}

#[test]
fn an_error_code_of_a_provider_stays_a_word() {
    let error = FederationError::denied("access_denied\r\nSet-Cookie: \u{202e}x");
    assert_eq!(error.to_string(), "the provider refused: access_deniedSet-Cookie:x");
    assert!(FederationError::denied(&"x".repeat(1000)).to_string().len() < 100);
}

#[test]
fn what_is_printed_holds_no_credential() {
    let mut whole = identity("alice");
    whole.email = "alice.secret@example.com".parse().ok();
    whole.username = Some("secret".into());
    whole.tokens = Some(FederatedTokens {
        access_token: "secret".into(),
        refresh_token: Some("secret".into()),
        id_token: Some("secret".into()),
        token_type: "Bearer".into(),
        scope: None,
        expires_at: None,
        binding_key: None,
    });
    let fields = vec![("SAMLRequest".to_owned(), "secret".to_owned())];
    let form = Redirection::Post { action: "https://login.example.com/sso?x=secret".into(), fields };
    let back = CallbackResponse::new(CallbackMethod::Get, [("code", "secret")]).unwrap();
    for printed in [format!("{whole:?}"), format!("{form:?}"), format!("{back:?}")] {
        assert!(!printed.contains("secret"), "{printed}");
    }
}
