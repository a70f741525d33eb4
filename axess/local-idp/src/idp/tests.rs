use super::*;
use crate::{
    ClaimsFault, KeyRingBytes, KeyState, LocalIdpSigningKey, MAX_LIFETIME, MemoryLocalIdpKeyStore,
    SigningAlgorithm,
    test_issuer::{API, claims, config, open, seeded},
};
use axess_clock::MockClock;
use axess_core::store::{StoreErrorKind, StoreFuture};
use axess_rng::{MockRng, SystemRng};
use chrono::TimeDelta;
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A key store that fails when it is told to, and counts.
#[derive(Clone, Default)]
struct Flaky {
    store: MemoryLocalIdpKeyStore,
    down: Arc<AtomicBool>,
    loads: Arc<AtomicUsize>,
    /// How many writes others make first.
    overtaken: Arc<AtomicUsize>,
}

impl Flaky {
    fn check(&self) -> Result<(), StoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::bare(StoreErrorKind::Unavailable)),
            false => Ok(()),
        }
    }
}

impl LocalIdpKeyStore for Flaky {
    fn load(&self) -> StoreFuture<'_, Option<KeyRingBytes>> {
        Box::pin(async {
            self.loads.fetch_add(1, Ordering::SeqCst);
            self.check()?;
            self.store.load().await
        })
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a KeyRingBytes>,
        next: &'a KeyRingBytes,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.check()?;
            let left = self.overtaken.load(Ordering::SeqCst);
            if left > 0 {
                self.overtaken.store(left - 1, Ordering::SeqCst);
                return Ok(false);
            }
            self.store.replace(seen, next).await
        })
    }
}

async fn kids(idp: &LocalIdp) -> Vec<String> {
    idp.jwks().await.unwrap().keys.into_iter().map(|key| key.kid).collect()
}

#[tokio::test]
async fn a_rotation_announces_signs_and_goes() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let first = idp.mint(&claims()).await.unwrap();
    let rotation = idp.rotate().await.unwrap();
    assert!(matches!(rotation, Rotation::Scheduled { .. }));
    assert_eq!(kids(&idp).await, [&first.key_id, rotation.kid()], "published before it signs");
    assert_eq!(idp.mint(&claims()).await.unwrap().key_id, first.key_id);
    assert_eq!(idp.rotate().await.unwrap().kid(), rotation.kid(), "there is one already");
    clock.advance(HOUR);
    let last = idp.mint(&claims()).await.unwrap();
    assert_eq!(last.key_id, rotation.kid());
    assert_eq!(kids(&idp).await.len(), 2, "the old key is still needed");
    clock.advance(HOUR + MINUTE);
    assert_eq!(kids(&idp).await, [rotation.kid()]);
    assert_eq!(idp.keys().await.unwrap()[0].state, KeyState::Gone);
    assert_eq!(idp.maintain().await.unwrap(), None);
    assert_eq!(idp.keys().await.unwrap().len(), 1, "and deleted");
}

#[tokio::test]
async fn maintenance_rotates_when_it_is_time() {
    let clock = MockClock::default();
    let store = MemoryLocalIdpKeyStore::new();
    let idp = open(config(SigningAlgorithm::Es256), store.clone(), &clock).await;
    assert_eq!(idp.maintain().await.unwrap(), None);
    clock.advance(HOUR * 24 * 30);
    let rotation = idp.maintain().await.unwrap().unwrap();
    assert_eq!(idp.maintain().await.unwrap(), None, "once is enough");
    clock.advance(HOUR);
    assert_eq!(idp.mint(&claims()).await.unwrap().key_id, rotation.kid());
    // Longer tokens need a key that is kept for longer.
    let longer =
        crate::LocalIdpConfig { max_lifetime: TimeDelta::hours(2), ..config(SigningAlgorithm::EdDsa) };
    let idp = open(longer, store, &clock).await;
    let long = MintClaims::new("a", TimeDelta::hours(2)).with_audience(API);
    assert!(matches!(idp.mint(&long).await, Err(MintError::Lifetime { .. })));
    idp.maintain().await.unwrap().unwrap();
    clock.advance(HOUR);
    let minted = idp.mint(&long).await.unwrap();
    assert!(idp.verifier(API).verify(minted.token.expose()).await.is_ok(), "another algorithm since then");
}

#[tokio::test]
async fn processes_with_one_store_are_one_issuer() {
    let clock = MockClock::default();
    let store = MemoryLocalIdpKeyStore::new();
    let (one, other) = tokio::join!(
        open(config(SigningAlgorithm::Es256), store.clone(), &clock),
        open(config(SigningAlgorithm::Es256), store.clone(), &clock),
    );
    assert_eq!(kids(&one).await, kids(&other).await);
    let (rotated, again) = tokio::join!(one.rotate(), other.rotate());
    assert_eq!(rotated.unwrap().kid(), again.unwrap().kid());
    // The clock of the other goes on; it hears of the key long before it signs.
    clock.advance(MINUTE);
    assert_eq!(kids(&one).await, kids(&other).await);
    clock.advance(HOUR);
    let minted = one.mint(&claims()).await.unwrap();
    assert!(other.verifier(API).verify(minted.token.expose()).await.is_ok());
}

#[tokio::test]
async fn an_outage_of_the_store_is_survived_as_long_as_it_is_safe() {
    let clock = MockClock::default();
    let store = Flaky::default();
    let idp = open(config(SigningAlgorithm::Es256), store.clone(), &clock).await;
    store.down.store(true, Ordering::SeqCst);
    clock.advance(HOUR);
    let asked = store.loads.load(Ordering::SeqCst);
    let minted = idp.mint(&claims()).await.unwrap();
    assert!(idp.verifier(API).verify(minted.token.expose()).await.is_ok());
    assert_eq!(
        store.loads.load(Ordering::SeqCst),
        asked + 1,
        "a store that is down is not asked for each token"
    );
    clock.advance(Duration::from_secs(1));
    assert!(
        matches!(idp.mint(&claims()).await, Err(MintError::Keys(_))),
        "a key may have begun to sign by now"
    );
    let refused = idp.verifier(API).verify(minted.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::Keys(_))));
    assert!(idp.jwks().await.is_err() && idp.rotate().await.is_err() && idp.maintain().await.is_err());
    let any = IntrospectionCaller::for_any_audience();
    assert!(!idp.introspect(minted.token.expose(), &any).await.is_active());
    store.down.store(false, Ordering::SeqCst);
    assert!(idp.mint(&claims()).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_goes_back_is_not_trusted_with_a_copy() {
    let clock = MockClock::default();
    let store = Flaky::default();
    let idp = open(config(SigningAlgorithm::Es256), store.clone(), &clock).await;
    store.down.store(true, Ordering::SeqCst);
    clock.jump(TimeDelta::seconds(-2));
    assert!(matches!(idp.mint(&claims()).await, Err(MintError::Keys(_))));
    store.down.store(false, Ordering::SeqCst);
    let minted = idp.mint(&claims()).await.unwrap();
    assert!(idp.verifier(API).verify(minted.token.expose()).await.is_ok());
}

#[tokio::test]
async fn the_store_is_not_asked_for_each_token() {
    let clock = MockClock::default();
    let store = Flaky::default();
    let idp = open(config(SigningAlgorithm::Es256), store.clone(), &clock).await;
    let before = store.loads.load(Ordering::SeqCst);
    for _ in 0..100 {
        clock.advance(Duration::from_millis(500));
        idp.mint(&claims()).await.unwrap();
    }
    assert_eq!(store.loads.load(Ordering::SeqCst), before, "within a minute");
    clock.advance(MINUTE);
    idp.mint(&claims()).await.unwrap();
    assert_eq!(store.loads.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn a_lost_race_is_run_again_and_not_for_ever() {
    let clock = MockClock::default();
    let store = Flaky::default();
    let idp = open(config(SigningAlgorithm::Es256), store.clone(), &clock).await;
    store.overtaken.store(5, Ordering::SeqCst);
    assert!(matches!(idp.rotate().await, Ok(Rotation::Scheduled { .. })));
    clock.advance(HOUR);
    store.overtaken.store(usize::MAX, Ordering::SeqCst);
    assert!(matches!(idp.rotate().await, Err(LocalIdpError::Contended)));
}

#[tokio::test]
async fn a_withdrawn_key_verifies_nothing_any_more() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let minted = idp.mint(&claims()).await.unwrap();
    idp.withdraw(&minted.key_id).await.unwrap();
    let refused = idp.verifier(API).verify(minted.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::UnknownKey)));
    let next = idp.mint(&claims()).await.unwrap();
    assert_eq!(kids(&idp).await, [&*next.key_id]);
    assert!(idp.verifier(API).verify(next.token.expose()).await.is_ok());
    let unknown = idp.withdraw(&minted.key_id).await;
    assert!(matches!(unknown, Err(LocalIdpError::Ring(KeyRingError::Unknown))));
}

#[tokio::test]
async fn a_key_of_the_callers_own_is_taken_once() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let key = |seed| LocalIdpSigningKey::generate(SigningAlgorithm::EdDsa, &MockRng::new(seed)).unwrap();
    assert_eq!(idp.rotate_signing_key(key(7)).await.unwrap().kid(), key(7).key_id());
    clock.advance(HOUR);
    let again = idp.rotate_signing_key(key(7)).await;
    assert!(matches!(again, Err(LocalIdpError::Ring(KeyRingError::Known))));
    assert_eq!(idp.mint(&claims()).await.unwrap().key_id, key(7).key_id());
}

#[tokio::test]
async fn an_empty_or_damaged_store_is_told() {
    let clock = MockClock::default();
    let store = MemoryLocalIdpKeyStore::new();
    assert!(store.replace(None, &KeyRingBytes::from(b"{}".to_vec())).await.unwrap());
    let opened = LocalIdp::from_key_store(
        config(SigningAlgorithm::Es256),
        Arc::new(store),
        Arc::new(clock.clone()),
        Arc::new(SystemRng),
    );
    assert!(matches!(opened.await, Err(LocalIdpError::Ring(KeyRingError::Corrupt(_)))));
    let bad = crate::LocalIdpConfig { max_lifetime: MAX_LIFETIME * 2, ..config(SigningAlgorithm::Es256) };
    let store = Arc::new(MemoryLocalIdpKeyStore::new());
    let opened = LocalIdp::from_key_store(bad, store.clone(), Arc::new(clock), Arc::new(SystemRng)).await;
    assert!(matches!(opened, Err(LocalIdpError::Config(_))));
    assert!(store.load().await.unwrap().is_none(), "nothing was made");
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_once_here() {
    let clock = MockClock::default();
    let idp = seeded(1, &clock).await;
    let (revoked, other) = (idp.mint(&claims()).await.unwrap(), idp.mint(&claims()).await.unwrap());
    let any = IntrospectionCaller::for_any_audience();
    assert!(idp.introspect(revoked.token.expose(), &any).await.is_active());
    idp.revoke(&revoked.jwt_id).await.unwrap();
    idp.revoke("never seen").await.unwrap();
    let refused = idp.verifier(API).verify(revoked.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::Revoked)));
    assert_eq!(idp.introspect(revoked.token.expose(), &any).await, IntrospectionResponse::inactive());
    assert!(idp.verifier(API).verify(other.token.expose()).await.is_ok());
    // Remembered to the very end of the token, whatever its lifetime.
    let long = idp.mint(&MintClaims::new("a", TimeDelta::hours(1)).with_audience(API)).await.unwrap();
    idp.revoke(&long.jwt_id).await.unwrap();
    clock.set(long.expires_at - TimeDelta::seconds(1));
    let refused = idp.verifier(API).verify(long.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::Revoked)), "{refused:?}");
}

struct Down;

impl RevocationStore for Down {
    fn revoke(
        &self,
        _: ReplayKey,
        _: chrono::DateTime<chrono::Utc>,
        _: chrono::DateTime<chrono::Utc>,
    ) -> StoreFuture<'_, ()> {
        Box::pin(async { Err(StoreError::bare(StoreErrorKind::Unavailable)) })
    }

    fn is_revoked(&self, _: ReplayKey, _: chrono::DateTime<chrono::Utc>) -> StoreFuture<'_, bool> {
        Box::pin(async { Err(StoreError::bare(StoreErrorKind::Unavailable)) })
    }
}

#[tokio::test]
async fn a_token_of_unknown_state_is_refused() {
    let idp = seeded(1, &MockClock::default()).await.with_revocations(Arc::new(Down));
    let minted = idp.mint(&claims()).await.unwrap();
    let refused = idp.verifier(API).verify(minted.token.expose()).await;
    assert!(matches!(refused, Err(VerifyError::RevocationUnknown(_))));
    let any = IntrospectionCaller::for_any_audience();
    assert_eq!(idp.introspect(minted.token.expose(), &any).await, IntrospectionResponse::inactive());
    assert!(idp.revoke(&minted.jwt_id).await.is_err());
}

#[derive(Debug, Clone, Default)]
struct Heard(Arc<std::sync::Mutex<Vec<IssuanceEvent>>>);

impl IssuanceListener for Heard {
    fn issued(&self, event: &IssuanceEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test]
async fn the_listener_hears_of_tokens_and_of_nothing_else() {
    let heard = Heard::default();
    let idp = seeded(1, &MockClock::default()).await.with_issuance_listener(Arc::new(heard.clone()));
    let minted = idp.mint(&claims()).await.unwrap();
    let refused = idp.mint(&claims().with_scope("")).await;
    assert!(matches!(refused, Err(MintError::Claims(ClaimsFault::Scope))));
    let events = heard.0.lock().unwrap().clone();
    let expected = IssuanceEvent {
        jwt_id: minted.jwt_id,
        subject: "worker-1".into(),
        audiences: vec![API.into()],
        issued_at: minted.issued_at,
        expires_at: minted.expires_at,
        key_id: minted.key_id,
    };
    assert_eq!(events, [expected]);
}

/// Many tasks mint while keys rotate: what was minted verifies against the JWKS of that moment, and until its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn minting_goes_on_while_keys_rotate() {
    let clock = MockClock::default();
    let store = MemoryLocalIdpKeyStore::new();
    let quick = || crate::LocalIdpConfig {
        propagation: TimeDelta::seconds(8),
        default_lifetime: TimeDelta::seconds(30),
        max_lifetime: TimeDelta::seconds(30),
        rotate_every: TimeDelta::seconds(30),
        ..config(SigningAlgorithm::EdDsa)
    };
    let processes = [open(quick(), store.clone(), &clock).await, open(quick(), store.clone(), &clock).await];
    let stop = Arc::new(AtomicBool::new(false));
    let minters = processes.iter().flat_map(|idp| [idp.clone(), idp.clone()]).map(|idp| {
        let (stop, clock) = (Arc::clone(&stop), clock.clone());
        tokio::spawn(async move {
            let claims = MintClaims::new("a", crate::Expiry::Default).with_audience(API);
            let mut minted = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let token = idp.mint(&claims).await.unwrap();
                let published = idp.jwks().await.unwrap().keys;
                // The clock may have gone on since; a token that has ended needs no key.
                assert!(
                    published.iter().any(|key| key.kid == token.key_id) || clock.now() >= token.expires_at
                );
                minted.push(token);
                tokio::task::yield_now().await;
            }
            minted
        })
    });
    let minters: Vec<_> = minters.collect();
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..200 {
        clock.advance(Duration::from_millis(700));
        processes[step % 2].maintain().await.unwrap();
        let verifier = processes[(step + 1) % 2].verifier(API);
        let token = processes[step % 2].mint(&claims_of_a_second()).await.unwrap();
        verifier.verify(token.token.expose()).await.unwrap();
        seen.insert(token.key_id);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.store(true, Ordering::SeqCst);
    assert!(seen.len() >= 3, "{} keys signed", seen.len());
    let last = clock.now();
    let mut alive = 0;
    for minter in minters {
        for token in minter.await.unwrap() {
            if token.expires_at <= last {
                continue;
            }
            alive += 1;
            for idp in &processes {
                idp.verifier(API).verify(token.token.expose()).await.unwrap();
            }
        }
    }
    assert!(alive > 0);
}

fn claims_of_a_second() -> MintClaims {
    MintClaims::new("a", TimeDelta::seconds(1)).with_audience(API)
}
