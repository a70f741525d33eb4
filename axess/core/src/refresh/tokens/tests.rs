//! Families as a model sees them, and what leaves this module.

use super::*;
use crate::memory::MemoryRefreshTokenStore;
use axess_factors::PepperRing;
use axess_identity::{FactorKind, Pepper, TenantId, UserId};
use axess_rng::MockRng;
use chrono::TimeDelta;
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const OWNER: Owner =
    Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
const CAP: usize = 3;
const MOST: usize = 1_000;

struct Ground {
    store: MemoryRefreshTokenStore,
    tokens: RefreshTokens,
    rng: MockRng,
    now: DateTime<Utc>,
}

impl Ground {
    fn new(config: RefreshTokenConfig) -> Self {
        let store = MemoryRefreshTokenStore::new();
        let tokens = RefreshTokens::new(Arc::new(store.clone())).with_config(config);
        Self { store, tokens, rng: MockRng::new(1), now: start() }
    }

    async fn issue(&self) -> IssuedRefreshToken {
        let grant = RefreshGrant::new(start(), vec![FactorKind::Password]);
        self.tokens.issue(OWNER, (grant, None), (None, None), self.now, &self.rng).await.unwrap().0
    }

    /// Presents a token as the service does. `Err` is a reuse, `Ok(None)` a refusal.
    async fn present(&self, token: &TokenSecret) -> Result<Option<IssuedRefreshToken>, TokenFamilyId> {
        let reused = |row: RefreshToken| async move {
            let _ = self.store.revoke_family(OWNER, row.family_id, self.now).await.unwrap();
            Err(row.family_id)
        };
        let claim = match self.tokens.judge(token, self.now).await.unwrap() {
            Judged::Refused => return Ok(None),
            Judged::Reused(row) => return reused(row).await,
            Judged::Valid(claim) => claim,
        };
        match self.tokens.exchange(claim, self.now, &self.rng).await.unwrap() {
            Exchanged::Done { proof, issued, .. } => {
                assert_eq!((proof.owner(), proof.grant().authn_time), (OWNER, start()));
                assert_eq!((proof.family_id(), proof.token_id()), (issued.family_id, issued.id));
                Ok(Some(issued))
            }
            Exchanged::Reused(row) => reused(row).await,
            Exchanged::Overtaken => panic!("nobody else is there"),
        }
    }

    async fn active(&self) -> BTreeMap<TokenFamilyId, usize> {
        let mut active = BTreeMap::new();
        for token in self.store.find_tokens_for_user(OWNER, self.now, MOST).await.unwrap() {
            *active.entry(token.family_id).or_default() += 1;
        }
        active
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[derive(Debug, Clone)]
enum Step {
    Issue,
    /// Presents one of the tokens anybody ever got.
    Present(prop::sample::Index),
    /// Presents its ids with another secret.
    Guess(prop::sample::Index),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Issue),
        6 => any::<prop::sample::Index>().prop_map(Step::Present),
        2 => any::<prop::sample::Index>().prop_map(Step::Guess),
        3 => prop_oneof![Just(3_i64), Just(11), Just(40 * 86_400)].prop_map(Step::Wait),
    ]
}

/// What the model knows of one token.
#[derive(Debug, Clone)]
struct Known {
    token: IssuedRefreshToken,
    rotated: Option<(DateTime<Utc>, usize)>,
    handed_over: bool,
}

async fn check(steps: Vec<Step>, rotation: bool) {
    let config = RefreshTokenConfig { max_per_user: CAP, rotation, ..RefreshTokenConfig::default() };
    let mut ground = Ground::new(config);
    let mut known: Vec<Known> = Vec::new();
    let mut dead: Vec<TokenFamilyId> = Vec::new();
    for step in steps {
        match step {
            Step::Wait(seconds) => ground.now += TimeDelta::seconds(seconds),
            Step::Issue => {
                let token = ground.issue().await;
                known.push(Known { token, rotated: None, handed_over: false });
            }
            Step::Guess(at) if !known.is_empty() => {
                let before = ground.active().await;
                let right = TokenText::parse(&at.get(&known).token.token).unwrap();
                let wrong = TokenText::from_parts(right.owner, right.id, &[7; 32]).unwrap().encode();
                assert!(matches!(ground.present(&wrong).await, Ok(None)));
                assert_eq!(ground.active().await, before, "a guess changes nothing");
            }
            Step::Present(at) if !known.is_empty() => {
                let at = at.index(known.len());
                present(&ground, &mut known, &mut dead, at).await;
            }
            Step::Guess(_) | Step::Present(_) => {}
        }
        let active = ground.active().await;
        assert!(active.values().all(|count| *count == 1), "one active token per family: {active:?}");
        assert!(active.len() <= CAP);
        assert!(dead.iter().all(|family| !active.contains_key(family)), "a dead family stays dead");
    }
}

async fn present(ground: &Ground, known: &mut Vec<Known>, dead: &mut Vec<TokenFamilyId>, at: usize) {
    let Known { token, rotated, handed_over } = known[at].clone();
    let is_dead = dead.contains(&token.family_id);
    let was_active = ground.active().await.contains_key(&token.family_id);
    let row = ground.store.load_token(OWNER, token.id).await.unwrap().unwrap();
    let got = ground.present(&token.token).await;
    match got {
        Ok(Some(next)) => {
            assert!(!is_dead && was_active, "nothing comes out of a dead family");
            assert_eq!(next.family_id, token.family_id);
            if let Some((when, successor)) = rotated {
                assert!(!handed_over && ground.now - when < TimeDelta::seconds(10));
                assert_eq!(next.token.expose(), known[successor].token.token.expose(), "the same successor");
                known[at].handed_over = true;
            } else if next.id == token.id {
                assert_eq!(next.token.expose(), token.token.expose(), "extended");
                assert_eq!(next.expires_at, row.expires_at.max(ground.now + TimeDelta::days(30)));
                known[at].token = next;
            } else {
                known[at].rotated = Some((ground.now, known.len()));
                known.push(Known { token: next, rotated: None, handed_over: false });
            }
        }
        Ok(None) => assert!(row.expires_at <= ground.now, "with its secret, only time makes a token nothing"),
        Err(family) => {
            assert!(rotated.is_some() || row.revoked_at.is_some(), "what was never spent is no reuse");
            dead.push(family);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn families_are_as_the_model_has_them(steps in prop::collection::vec(step(), 1..60)) {
        run(check(steps, true));
    }

    #[test]
    fn without_rotation_a_token_is_extended(steps in prop::collection::vec(step(), 1..40)) {
        run(check(steps, false));
    }
}

#[tokio::test]
async fn a_pepper_is_taken_up_with_the_next_use() {
    let old = PepperRing::new("2025", Pepper::from([1; 32])).unwrap();
    let new = PepperRing::new("2026", Pepper::from([2; 32])).unwrap();
    let both = new.clone().with_previous("2025", Pepper::from([1; 32])).unwrap();
    for rotation in [true, false] {
        let config = |peppers: &PepperRing| RefreshTokenConfig {
            rotation,
            peppers: peppers.clone(),
            ..RefreshTokenConfig::default()
        };
        let mut ground = Ground::new(config(&old));
        let first = ground.issue().await;
        let hash = |row: RefreshToken| row.token_hash.as_str().to_owned();
        let row = ground.store.load_token(OWNER, first.id).await.unwrap().unwrap();
        assert!(hash(row).starts_with("hmac-sha256:2025:"));
        ground.tokens = ground.tokens.with_config(config(&both));
        let next = ground.present(&first.token).await.unwrap().unwrap();
        let row = ground.store.load_token(OWNER, next.id).await.unwrap().unwrap();
        assert!(hash(row).starts_with("hmac-sha256:2026:"));
        ground.tokens = ground.tokens.with_config(config(&new));
        assert!(ground.present(&next.token).await.unwrap().is_some(), "the old pepper can go");
    }
}

#[tokio::test]
async fn a_token_whose_pepper_is_gone_is_refused_and_kills_nothing() {
    let with = |byte, id: &str| RefreshTokenConfig {
        peppers: PepperRing::new(id, Pepper::from([byte; 32])).unwrap(),
        ..RefreshTokenConfig::default()
    };
    let mut ground = Ground::new(with(1, "a"));
    let first = ground.issue().await;
    ground.tokens = ground.tokens.with_config(with(2, "b"));
    assert!(matches!(ground.present(&first.token).await, Ok(None)));
    ground.tokens = ground.tokens.with_config(with(1, "a"));
    assert!(ground.present(&first.token).await.unwrap().is_some());
}

#[tokio::test]
async fn the_store_never_sees_a_secret_and_debug_never_shows_one() {
    let ground = Ground::new(RefreshTokenConfig::default());
    let first = ground.issue().await;
    let claim = match ground.tokens.judge(&first.token, ground.now).await.unwrap() {
        Judged::Valid(claim) => claim,
        other => panic!("{other:?}"),
    };
    let shown = format!("{claim:?} {:?}", ground.tokens);
    let done = ground.tokens.exchange(claim, ground.now, &ground.rng).await.unwrap();
    let shown = format!("{shown} {done:?} {:?} {first:?}", ground.store);
    let Exchanged::Done { issued, .. } = done else { panic!() };
    for token in [&first, &issued] {
        let text = TokenText::parse(&token.token).unwrap();
        let encoded = token.token.expose();
        assert!(!shown.contains("axr1_") && !shown.contains(&encoded[encoded.len() - 43..]));
        let (hex, list) = (data(text.secret()), format!("{:?}", text.secret()));
        assert!(!shown.contains(&hex) && !shown.contains(list.trim_matches(['[', ']'])));
    }
}

#[tokio::test]
async fn what_a_person_recognises_a_device_by_is_bounded() {
    let ground =
        Ground::new(RefreshTokenConfig { ttl: Duration::from_secs(60), ..RefreshTokenConfig::default() });
    let grant = RefreshGrant::new(start(), vec![]);
    let info = "ä".repeat(1_000);
    let device = (None, Some(info.as_str()));
    let (issued, _) =
        ground.tokens.issue(OWNER, (grant, None), device, ground.now, &ground.rng).await.unwrap();
    let row = ground.store.load_token(OWNER, issued.id).await.unwrap().unwrap();
    assert_eq!(row.device_info.unwrap().chars().count(), MAX_DEVICE_INFO_CHARS);
    assert_eq!(issued.expires_at, start() + TimeDelta::seconds(60));
}

fn data(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
