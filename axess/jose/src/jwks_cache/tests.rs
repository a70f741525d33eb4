mod replaced;

use super::*;
use crate::{
    Expectations, FetchedDocument, SigningKey,
    forge::{AUDIENCE, EC, ISSUER, RSA, claims, honest},
    verify_with,
};
use axess_clock::MockClock;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

const URL: &str = "https://login.example.com/keys";

/// An issuer whose answers a test sets.
#[derive(Default)]
struct Issuer {
    answer: Mutex<Option<FetchedDocument>>,
    asked: AtomicUsize,
    slow: Mutex<Option<Arc<Notify>>>,
}

impl Issuer {
    fn publishes(&self, keys: &[Value]) {
        self.answers(json!({"keys": keys}).to_string().into_bytes());
    }

    fn answers(&self, bytes: Vec<u8>) {
        *self.answer.lock().unwrap() = Some(FetchedDocument { bytes, max_age: None });
    }

    fn is_down(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// Lets no answer through until told.
    fn is_slow(&self) -> Arc<Notify> {
        Arc::clone(self.slow.lock().unwrap().insert(Arc::default()))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl FetchDocument for Issuer {
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        assert_eq!((url, limit), (URL, MAX_JWK_SET_BYTES));
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let slow = self.slow.lock().unwrap().clone();
            if let Some(slow) = slow {
                slow.notified().await;
            }
            self.answer.lock().unwrap().clone().ok_or(FetchError::Failed("connection refused".into()))
        })
    }
}

struct Ground {
    issuer: Arc<Issuer>,
    clock: MockClock,
    cache: Arc<JwksCache>,
}

fn ground() -> Ground {
    let (issuer, clock) = (Arc::new(Issuer::default()), MockClock::default());
    issuer.publishes(&[EC.public_jwk()]);
    let source: Arc<dyn FetchDocument> = Arc::clone(&issuer) as _;
    let cache = JwksCache::new(source, URL.to_owned(), JwksPolicy::default(), Arc::new(clock.clone()));
    Ground { issuer, clock, cache: Arc::new(cache) }
}

impl Ground {
    async fn ask(&self, kid: &str) -> Result<Arc<VerificationKey>, JoseError> {
        self.cache.key(Some(kid), Algorithm::Es256).await
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn a_hundred_callers_share_one_flight() {
    let ground = ground();
    let gate = ground.issuer.is_slow();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let cache = Arc::clone(&ground.cache);
            tokio::spawn(async move { cache.key(Some(EC.kid()), Algorithm::Es256).await })
        })
        .collect();
    while ground.issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert_eq!(ground.issuer.asked(), 1);
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 1, "it is warm");
}

#[tokio::test]
async fn made_up_names_cost_one_request_in_five_seconds() {
    let ground = ground();
    for round in 1..=3 {
        for name in 0..200 {
            assert!(matches!(ground.ask(&format!("made-up-{name}")).await, Err(JoseError::KeyUnknown)));
        }
        assert_eq!(ground.issuer.asked(), round);
        assert!(ground.ask(EC.kid()).await.is_ok(), "the others go on");
        ground.later(5);
    }
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    ground.issuer.publishes(&[EC.public_jwk(), new.public_jwk()]);
    ground.later(5);
    assert!(ground.ask(new.kid()).await.is_ok());
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 2);
    // The old one goes when the keys are next asked for.
    ground.issuer.publishes(&[new.public_jwk()]);
    ground.later(3_600);
    assert!(ground.ask(new.kid()).await.is_ok());
    assert!(matches!(ground.ask(EC.kid()).await, Err(JoseError::KeyUnknown)));
    assert_eq!(ground.issuer.asked(), 3);
}

#[tokio::test]
async fn the_life_of_keys() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    ground.later(3_599);
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 1);
    ground.later(1);
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 2);
}

#[tokio::test]
async fn a_shorter_life_of_the_source_counts_and_a_longer_one_does_not() {
    for (max_age, life) in [(60, 60), (0, 5), (86_400, 3_600)] {
        let ground = ground();
        let document = FetchedDocument {
            bytes: json!({"keys": [EC.public_jwk()]}).to_string().into_bytes(),
            max_age: Some(Duration::from_secs(max_age)),
        };
        *ground.issuer.answer.lock().unwrap() = Some(document);
        assert!(ground.ask(EC.kid()).await.is_ok());
        ground.later(life - 1);
        assert!(ground.ask(EC.kid()).await.is_ok());
        assert_eq!(ground.issuer.asked(), 1, "{max_age}");
        ground.later(1);
        assert!(ground.ask(EC.kid()).await.is_ok());
        assert_eq!(ground.issuer.asked(), 2, "{max_age}");
    }
}

#[tokio::test]
async fn stale_keys_serve_while_the_source_is_down_and_then_no_more() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    ground.issuer.is_down();
    ground.later(3_600);
    for _ in 0..50 {
        assert!(ground.ask(EC.kid()).await.is_ok());
    }
    assert_eq!(ground.issuer.asked(), 2, "one attempt in five seconds");
    ground.later(23 * 3_600 - 1);
    assert!(ground.ask(EC.kid()).await.is_ok());
    ground.later(1);
    let refused = ground.ask(EC.kid()).await.unwrap_err();
    assert!(matches!(refused, JoseError::KeysUnavailable(_)));
    assert!(std::error::Error::source(&refused).is_some());
    ground.issuer.publishes(&[EC.public_jwk()]);
    ground.later(5);
    assert!(ground.ask(EC.kid()).await.is_ok(), "it comes back");
}

#[tokio::test]
async fn a_source_that_never_answered_is_not_hammered() {
    let ground = ground();
    ground.issuer.is_down();
    for _ in 0..50 {
        assert!(matches!(ground.ask(EC.kid()).await, Err(JoseError::KeysUnavailable(_))));
    }
    assert_eq!(ground.issuer.asked(), 1);
    ground.issuer.publishes(&[EC.public_jwk()]);
    ground.later(5);
    assert!(ground.ask(EC.kid()).await.is_ok());
}

#[tokio::test]
async fn documents_that_are_no_sets_replace_nothing() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    for document in [vec![b' '; 10_000_000], b"<html>".to_vec(), br#"{"keys":1}"#.to_vec(), Vec::new()] {
        ground.issuer.answers(document);
        ground.later(3_600);
        assert!(ground.ask(EC.kid()).await.is_ok());
    }
    assert_eq!(ground.issuer.asked(), 5);
    // Nothing to fall back on.
    let ground = self::ground();
    ground.issuer.answers(vec![b' '; 10_000_000]);
    let refused = ground.ask(EC.kid()).await.unwrap_err();
    let JoseError::KeysUnavailable(why) = refused else { panic!("{refused}") };
    assert!(matches!(*why, FetchError::TooLarge));
}

#[tokio::test]
async fn an_empty_set_is_an_answer() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    ground.issuer.publishes(&[]);
    ground.later(3_600);
    assert!(matches!(ground.ask(EC.kid()).await, Err(JoseError::KeyUnknown)));
}

#[tokio::test]
async fn while_one_asks_anew_the_others_go_on() {
    let ground = ground();
    assert!(ground.ask(EC.kid()).await.is_ok());
    let gate = ground.issuer.is_slow();
    ground.later(3_600);
    let cache = Arc::clone(&ground.cache);
    let first = tokio::spawn(async move { cache.key(Some(EC.kid()), Algorithm::Es256).await });
    while ground.issuer.asked() == 1 {
        tokio::task::yield_now().await;
    }
    assert!(ground.ask(EC.kid()).await.is_ok(), "nobody else waits for a slow source");
    assert!(!first.is_finished());
    gate.notify_one();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(ground.issuer.asked(), 2);
}

#[tokio::test]
async fn a_caller_that_leaves_hands_its_flight_on() {
    let ground = ground();
    let gate = ground.issuer.is_slow();
    let cache = Arc::clone(&ground.cache);
    let first = tokio::spawn(async move { cache.key(Some(EC.kid()), Algorithm::Es256).await });
    while ground.issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.notify_one();
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 1);
}

#[tokio::test]
async fn a_flight_that_everybody_left_long_ago_is_not_taken() {
    let ground = ground();
    let gate = ground.issuer.is_slow();
    let cache = Arc::clone(&ground.cache);
    let first = tokio::spawn(async move { cache.key(Some(EC.kid()), Algorithm::Es256).await });
    while ground.issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.is_err());
    ground.later(600);
    *ground.issuer.slow.lock().unwrap() = None;
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 2);
    drop(gate);
}

#[tokio::test]
async fn a_clock_that_goes_back_prolongs_nothing_for_long() {
    let ground = ground();
    ground.clock.jump(TimeDelta::days(1));
    assert!(ground.ask(EC.kid()).await.is_ok());
    // Back by less than a life: still fresh. Back by more: asked anew.
    ground.clock.jump(TimeDelta::minutes(-30));
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 1);
    ground.clock.jump(TimeDelta::minutes(-31));
    assert!(ground.ask(EC.kid()).await.is_ok());
    assert_eq!(ground.issuer.asked(), 2);
    // A source that is down does not keep old keys alive through the clock.
    ground.issuer.is_down();
    ground.clock.jump(TimeDelta::days(-2));
    assert!(matches!(ground.ask(EC.kid()).await, Err(JoseError::KeysUnavailable(_))));
}

#[tokio::test]
async fn tokens_are_verified_with_published_keys() {
    let ground = ground();
    ground.issuer.publishes(&[EC.public_jwk(), RSA.public_jwk()]);
    let now = &MockClock::new(crate::forge::now());
    let expected = Expectations::new(ISSUER, AUDIENCE, &[Algorithm::Es256, Algorithm::Rs256]);
    for key in [&*EC, &*RSA] {
        assert!(verify_with(&honest(key, &claims()), &ground.cache, &expected, now).await.is_ok());
    }
    assert_eq!(ground.issuer.asked(), 1);
    ground.later(10);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = honest(&stranger, &claims());
    assert!(matches!(verify_with(&forged, &ground.cache, &expected, now).await, Err(JoseError::KeyUnknown)));
    let posing = honest(&stranger.with_kid(EC.kid()), &claims());
    assert!(matches!(
        verify_with(&posing, &ground.cache, &expected, now).await,
        Err(JoseError::SignatureInvalid)
    ));
    assert_eq!(ground.issuer.asked(), 2);
    // What is refused for its form or algorithm asks for no key.
    ground.later(10);
    let only_ps = Expectations::new(ISSUER, AUDIENCE, &[Algorithm::Ps256]);
    assert!(verify_with("a.b.c", &ground.cache, &expected, now).await.is_err());
    assert!(verify_with(&forged, &ground.cache, &only_ps, now).await.is_err());
    assert_eq!(ground.issuer.asked(), 2);
    assert_eq!(ground.cache.url(), URL);
}
