use super::*;
use audex_core::{Fate, Requester};
use audex_policy::{Request, Rules, compile::local::read, narrow};
use axess_clock::MockClock;
use axess_local_idp::VerifyError;
use axess_rng::MockRng;
use std::{os::unix::fs::PermissionsExt, time::Duration};

const ID: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";

struct Ground {
    folder: tempfile::TempDir,
    clock: MockClock,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: MockClock::default() }
    }

    fn config(&self) -> LocalProviderConfig {
        LocalProviderConfig::new(self.folder.path().join("issuer"))
    }

    fn provider(&self) -> LocalProvider {
        self.provider_of(self.config())
    }

    fn provider_of(&self, config: LocalProviderConfig) -> LocalProvider {
        LocalProvider::new(config, Arc::new(self.clock.clone()), Arc::new(axess_rng::SystemRng))
    }
}

fn grant(allow: &str, denies: &[&str]) -> Grant {
    let request = Request::parse(Provider::Local, allow, &[]).unwrap();
    narrow(&request, &[], &Rules::parse(denies).unwrap()).unwrap().grant
}

fn order(provider: &LocalProvider, allow: &str, lifetime: TimeDelta) -> MintOrder {
    let grant = grant(allow, &[]);
    let shape = provider.shape(&grant, None, &[]).unwrap();
    let requester = Requester::LocalUser { uid: 1000, name: Some("alice".into()) };
    let lifetime = shape.lifetime(lifetime);
    MintOrder { session_id: ID.parse().unwrap(), requester, grant, shape, lifetime }
}

fn revocation(minted: &Minted) -> RevokeOrder {
    RevokeOrder {
        session_id: ID.parse().unwrap(),
        target: None,
        grant: grant("orders:Read", &[]),
        credential_ids: vec![minted.credential.id().to_owned()],
        expires_at: minted.credential.expires_at(),
    }
}

#[tokio::test]
async fn a_token_says_exactly_what_is_granted() {
    let ground = Ground::new();
    let provider = ground.provider();
    let order = order(&provider, "orders:Read=eu/*,orders:List", TimeDelta::minutes(15));
    let minted = provider.mint(&order).await.unwrap();
    assert_eq!(minted.credential.expires_at(), ground.clock.now() + TimeDelta::minutes(15));
    assert_eq!(minted.subject.as_deref(), Some("uid:1000"));
    let token = minted.credential.part(TOKEN_VARIABLE).unwrap();
    let claims = provider.verifier("audex").await.unwrap().verify(token.expose()).await.unwrap();
    assert_eq!((claims.subject(), claims.client_id()), ("uid:1000", Some(CLIENT_ID)));
    assert_eq!(claims.jwt_id(), minted.credential.id());
    let details = claims.claim("authorization_details").unwrap().clone();
    assert_eq!(read(&serde_json::from_value::<Vec<_>>(details).unwrap()).unwrap(), order.grant);
}

#[tokio::test]
async fn lifetimes_go_from_a_second_to_twelve_hours() {
    let ground = Ground::new();
    let provider = ground.provider();
    for (asked, given) in
        [(TimeDelta::zero(), 1), (TimeDelta::hours(12), 43_200), (TimeDelta::days(2), 43_200)]
    {
        let minted = provider.mint(&order(&provider, "orders:Read", asked)).await.unwrap();
        assert_eq!((minted.credential.expires_at() - ground.clock.now()).num_seconds(), given);
    }
    let mut longer = order(&provider, "orders:Read", TimeDelta::hours(12));
    longer.lifetime = TimeDelta::hours(13);
    assert_eq!(provider.mint(&longer).await.unwrap_err().fault, ProviderFault::Rejected);
}

#[test]
fn what_a_token_cannot_say_is_refused() {
    let ground = Ground::new();
    let provider = ground.provider();
    let shape = |grant: &Grant, target, sources: &[IpNet]| provider.shape(grant, target, sources);
    let read = grant("orders:Read", &[]);
    assert!(
        shape(&read, None, &["10.0.0.0/8".parse().unwrap()]).unwrap_err().to_string().contains("anywhere")
    );
    assert!(shape(&grant("orders:*", &["orders:Delete"]), None, &[]).is_err());
    assert!(shape(&read, Some("a\nb"), &[]).is_err());
    assert!(shape(&read, Some(""), &[]).is_err());
    let long: Vec<String> = (0..60).map(|at| format!("orders:Read=place-{at}/{}", "a".repeat(120))).collect();
    let refusal = shape(&grant(&long.join(","), &[]), None, &[]).unwrap_err();
    assert!(matches!(refusal.reason, audex_policy::RefusalReason::TooLarge { .. }), "{refusal:?}");
    assert!(!ground.folder.path().join("issuer").exists(), "shaping touches no disk");
}

#[tokio::test]
async fn a_revocation_says_who_hears_of_it() {
    let ground = Ground::new();
    let provider = ground.provider();
    let minted = provider.mint(&order(&provider, "orders:Read", TimeDelta::minutes(15))).await.unwrap();
    let token = minted.credential.part(TOKEN_VARIABLE).unwrap();
    let verifier = ground.provider().verifier("audex").await.unwrap();
    verifier.verify(token.expose()).await.unwrap();
    let revocation_done = provider.revoke(&revocation(&minted)).await.unwrap();
    assert!(!revocation_done.is_complete());
    assert!(matches!(&revocation_done.fates[0].1, Fate::AliveUntil { until, why }
        if *until == minted.credential.expires_at() && why.contains("/introspect")));
    // Another process, which shares nothing but the folder, refuses it at once.
    assert!(matches!(verifier.verify(token.expose()).await, Err(VerifyError::Revoked)));
    let declared = ground.provider_of(LocalProviderConfig { verifiers_introspect: true, ..ground.config() });
    assert!(declared.revoke(&revocation(&minted)).await.unwrap().is_complete());
    ground.clock.advance(Duration::from_secs(900));
    assert_eq!(provider.revoke(&revocation(&minted)).await.unwrap().fates[0].1, Fate::Dead);
}

#[tokio::test]
async fn a_folder_that_others_can_enter_is_not_used() {
    let ground = Ground::new();
    let folder = ground.config().folder;
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let provider = ground.provider();
    let error = provider.check().await.unwrap_err();
    assert!(error.hints[0].contains("0700"), "{error:?}");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(provider.check().await.unwrap().identity.as_deref(), Some(DEFAULT_ISSUER));
}

#[tokio::test]
async fn the_secret_of_those_who_ask_is_made_once() {
    let ground = Ground::new();
    let (one, other) = (ground.provider(), ground.provider());
    let secret = one.introspection_secret().await.unwrap();
    assert_eq!(other.introspection_secret().await.unwrap().expose(), secret.expose());
    let path = ground.config().folder.join(serve::SECRET_FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(other.introspection_secret().await.is_err());
    std::fs::remove_file(&path).unwrap();
    let mock = LocalProvider::new(ground.config(), Arc::new(ground.clock.clone()), Arc::new(MockRng::new(1)));
    assert_ne!(mock.introspection_secret().await.unwrap().expose(), secret.expose());
}
