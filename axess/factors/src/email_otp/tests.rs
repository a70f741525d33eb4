use super::*;
use crate::{Argon2idParams, KdfPool, PepperRing};
use axess_identity::{AttemptId, Pepper, UserId};
use axess_rng::MockRng;
use std::{sync::Arc, time::Duration};

const REQUEST: [u8; 16] = [7; 16];

struct Setup {
    hasher: PasswordHasher,
    pool: Arc<KdfPool>,
}

fn setup_with(params: Argon2idParams, peppers: PepperRing) -> Setup {
    let pool = Arc::new(KdfPool::inline());
    Setup { hasher: PasswordHasher::new(params, peppers, Arc::clone(&pool), Arc::new(MockRng::new(1))), pool }
}

fn setup() -> Setup {
    setup_with(Argon2idParams::light(), PepperRing::none())
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn after(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

fn subject() -> Subject {
    Subject { user_id: UserId::from_parts(1, [1; 10]), attempt: AttemptId::from_parts(2, [2; 10]) }
}

async fn issue(setup: &Setup, config: &EmailOtpConfig, seed: u64) -> (OtpCode, EmailOtpChallenge) {
    EmailOtpChallenge::issue(config, &setup.hasher, &MockRng::new(seed), start(), REQUEST).await.unwrap()
}

async fn check(setup: &Setup, challenge: &EmailOtpChallenge, code: &str) -> bool {
    match challenge.verify(&setup.hasher, subject(), code).await.unwrap() {
        EmailOtpOutcome::Accepted(proof) => {
            assert_eq!(proof.factor(), &FactorKind::EmailOtp);
            assert_eq!(proof.user_id(), subject().user_id);
            assert_eq!(proof.attempt(), subject().attempt);
            true
        }
        EmailOtpOutcome::Rejected => false,
    }
}

#[tokio::test]
async fn the_right_code_is_accepted_after_a_try_was_taken() {
    let setup = setup();
    let (code, challenge) = issue(&setup, &EmailOtpConfig::default(), 1).await;
    assert_eq!(code.expose().len(), 8);
    let tried = challenge.take_try(start(), REQUEST).unwrap();
    assert_eq!((challenge.tries_left(), tried.tries_left()), (5, 4));
    let spaced = format!("{} {}", &code.expose()[..4], &code.expose()[4..]);
    assert!(check(&setup, &tried, &spaced).await);
}

#[tokio::test]
async fn tries_run_out() {
    let setup = setup();
    let (code, mut challenge) = issue(&setup, &EmailOtpConfig::default(), 2).await;
    for left in (0..5).rev() {
        challenge = challenge.take_try(start(), REQUEST).unwrap();
        assert_eq!(challenge.tries_left(), left);
        assert!(!check(&setup, &challenge, "00000000").await);
    }
    assert_eq!(challenge.take_try(start(), REQUEST).unwrap_err(), EmailOtpRefusal::NoTriesLeft);
    assert_ne!(code.expose(), "00000000");
}

#[tokio::test]
async fn time_and_binding_edges() {
    let setup = setup();
    let (_, challenge) = issue(&setup, &EmailOtpConfig::default(), 3).await;
    assert_eq!(challenge.created_at(), start());
    assert_eq!(challenge.expires_at(), after(600));
    assert!(challenge.take_try(after(599), REQUEST).is_ok());
    assert_eq!(challenge.take_try(after(600), REQUEST).unwrap_err(), EmailOtpRefusal::Expired);
    let mut other = REQUEST;
    other[15] ^= 1;
    assert_eq!(challenge.take_try(after(0), other).unwrap_err(), EmailOtpRefusal::WrongBinding);
    assert_eq!(
        challenge.take_try(after(600), other).unwrap_err(),
        EmailOtpRefusal::WrongBinding,
        "a stranger learns nothing about its age"
    );
}

#[tokio::test]
async fn a_hash_moved_to_another_request_never_matches() {
    let setup = setup();
    let (code, challenge) = issue(&setup, &EmailOtpConfig::default(), 4).await;
    let moved = EmailOtpChallenge { bound_to: HexBytes([8; 16]), ..challenge.clone() };
    assert!(!check(&setup, &moved, code.expose()).await);
    assert!(check(&setup, &challenge, code.expose()).await);
}

#[tokio::test]
async fn every_one_digit_mutation_fails() {
    let setup = setup();
    let config = EmailOtpConfig { digits: 6, ..EmailOtpConfig::default() };
    let (code, challenge) = issue(&setup, &config, 5).await;
    assert_eq!(code.expose().len(), 6);
    for place in 0..6 {
        for digit in b'0'..=b'9' {
            let mut typed = code.expose().as_bytes().to_vec();
            typed[place] = digit;
            let typed = String::from_utf8(typed).unwrap();
            assert_eq!(check(&setup, &challenge, &typed).await, typed == code.expose());
        }
    }
}

#[tokio::test]
async fn malformed_codes_cost_nothing() {
    let setup = setup();
    let (_, challenge) = issue(&setup, &EmailOtpConfig::default(), 6).await;
    let runs = setup.pool.runs();
    for typed in [
        "".to_owned(),
        "1234567".to_owned(),
        "123456789".to_owned(),
        "1234567a".to_owned(),
        "12345678\0".to_owned(),
        "１２３４５６７８".to_owned(),
        "1".repeat(1_000_000),
    ] {
        assert!(!check(&setup, &challenge, &typed).await);
    }
    assert_eq!(setup.pool.runs(), runs);
    assert!(!check(&setup, &challenge, "12345678").await);
    assert_eq!(setup.pool.runs(), runs + 1);
}

#[tokio::test]
async fn the_record_holds_no_code_and_survives_storage() {
    let peppers = PepperRing::new("a", Pepper::from([1; 32])).unwrap();
    let setup = setup_with(Argon2idParams::light(), peppers);
    let (code, challenge) = issue(&setup, &EmailOtpConfig::default(), 7).await;
    let json = serde_json::to_string(&challenge).unwrap();
    assert!(json.starts_with(r#"{"v":1,"hash":"$argon2id$v=19$m=1024,t=1,p=1,keyid=AWE$"#), "{json}");
    assert!(!json.contains(code.expose()));
    let packed = rmp_serde::to_vec(&challenge).unwrap();
    let back: EmailOtpChallenge = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), json);
    assert!(check(&setup, &back, code.expose()).await);
    for (from, to) in [(r#""v":1"#, r#""v":2"#), (r#""v":1"#, r#""v":1,"x":1"#), ("0707", "07")] {
        let faulty = json.replace(from, to);
        assert!(serde_json::from_str::<EmailOtpChallenge>(&faulty).is_err(), "{to}");
    }
    let debug = format!("{challenge:?}");
    assert!(!debug.contains("argon2id") && !debug.contains(code.expose()), "{debug}");
}

#[tokio::test]
async fn codes_are_hashed_at_owasps_minimum_or_lighter() {
    let heavy = setup_with(Argon2idParams::default(), PepperRing::none());
    let (_, challenge) = issue(&heavy, &EmailOtpConfig::default(), 8).await;
    assert!(challenge.hash.expose().contains("$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn configuration_bounds() {
    let read = |json: &str| serde_json::from_str::<EmailOtpConfig>(json);
    assert_eq!(read("{}").unwrap(), EmailOtpConfig::default());
    for faulty in [
        r#"{"digits":5}"#,
        r#"{"digits":9}"#,
        r#"{"max_tries":0}"#,
        r#"{"max_tries":11}"#,
        r#"{"ttl":{"secs":0,"nanos":0}}"#,
        r#"{"ttl":{"secs":600,"nanos":1}}"#,
        r#"{"tries":5}"#,
    ] {
        assert!(read(faulty).is_err(), "{faulty}");
    }
    let careless = EmailOtpConfig { digits: 1, ttl: Duration::MAX, max_tries: u32::MAX };
    let (code, challenge) = issue(&setup(), &careless, 9).await;
    assert_eq!(code.expose().len(), 6);
    assert_eq!(challenge.expires_at(), after(600));
    assert_eq!(challenge.tries_left(), 10);
}

#[tokio::test]
async fn a_code_issued_at_the_end_of_time_is_born_expired() {
    let setup = setup();
    let end = DateTime::<Utc>::MAX_UTC - TimeDelta::minutes(1);
    let config = EmailOtpConfig::default();
    let (_, challenge) =
        EmailOtpChallenge::issue(&config, &setup.hasher, &MockRng::new(1), end, REQUEST).await.unwrap();
    assert_eq!(challenge.take_try(end, REQUEST).unwrap_err(), EmailOtpRefusal::Expired);
}

#[tokio::test]
async fn codes_spread_over_the_whole_range() {
    let setup = setup();
    let rng = MockRng::new(10);
    let config = EmailOtpConfig::default();
    let mut first_digits = [0; 10];
    for _ in 0..200 {
        let (code, _) =
            EmailOtpChallenge::issue(&config, &setup.hasher, &rng, start(), REQUEST).await.unwrap();
        first_digits[usize::from(code.expose().as_bytes()[0] - b'0')] += 1;
    }
    assert!(first_digits.iter().all(|&count| count > 5), "{first_digits:?}");
}
