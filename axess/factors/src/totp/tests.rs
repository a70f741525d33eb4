use super::*;
use axess_identity::{AttemptId, UserId};
use axess_rng::MockRng;
use chrono::TimeDelta;
use proptest::prelude::*;

fn subject() -> Subject {
    Subject { user_id: UserId::from_parts(1, [1; 10]), attempt: AttemptId::from_parts(2, [2; 10]) }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn config(seed: u64) -> TotpConfig {
    TotpConfig::generate(&MockRng::new(seed))
}

fn accept(config: &TotpConfig, code: &str, now: DateTime<Utc>) -> Option<TotpConfig> {
    match config.verify(subject(), code, now) {
        TotpOutcome::Accepted(unspent) => Some(unspent.into_parts().0),
        TotpOutcome::Replayed | TotpOutcome::Rejected => None,
    }
}

#[test]
fn the_proof_names_user_factor_and_attempt() {
    let (config, now) = (config(1), at(1_000_000));
    let code = config.code_at(now).unwrap();
    let TotpOutcome::Accepted(unspent) = config.verify(subject(), code.expose(), now) else {
        panic!("refused");
    };
    assert_eq!(unspent.record().last_step, Some(1_000_000 / 30));
    let (record, proof) = unspent.into_parts();
    assert_eq!(proof.user_id(), subject().user_id);
    assert_eq!(proof.attempt(), subject().attempt);
    assert_eq!(proof.factor(), &FactorKind::Totp);
    assert!(record.seed.ct_eq(config.seed.expose()), "only the step changes");
}

#[test]
fn drift_edges() {
    // The code of the step that covers 3000..3030.
    let config = config(2);
    let code = config.code_at(at(3_000)).unwrap();
    for (now, accepted) in
        [(2_969, false), (2_970, true), (3_000, true), (3_029, true), (3_059, true), (3_060, false)]
    {
        assert_eq!(accept(&config, code.expose(), at(now)).is_some(), accepted, "{now}");
    }
    let strict = TotpConfig { drift_window: 0, ..config.clone() };
    assert!(accept(&strict, code.expose(), at(3_029)).is_some());
    assert!(accept(&strict, code.expose(), at(2_999)).is_none());
    assert!(accept(&strict, code.expose(), at(3_030)).is_none());
    let careless = TotpConfig { drift_window: u32::MAX, ..config };
    assert!(accept(&careless, code.expose(), at(3_000 + 300)).is_some());
    assert!(accept(&careless, code.expose(), at(3_000 + 330)).is_none(), "the window is capped");
}

#[test]
fn a_spent_step_and_all_before_it_are_replays() {
    let config = config(3);
    let (earlier, code) = (config.code_at(at(2_970)).unwrap(), config.code_at(at(3_000)).unwrap());
    let spent = accept(&config, code.expose(), at(3_000)).unwrap();
    for now in [2_970, 3_000, 3_029, 3_059] {
        assert!(matches!(spent.verify(subject(), code.expose(), at(now)), TotpOutcome::Replayed), "{now}");
    }
    assert!(matches!(spent.verify(subject(), earlier.expose(), at(3_000)), TotpOutcome::Replayed));
    let next = config.code_at(at(3_030)).unwrap();
    assert!(accept(&spent, next.expose(), at(3_000)).is_some());
}

/// A step whose code is, by chance, also the code of the step after it.
const TWIN_STEP: u64 = 910_737;

#[test]
fn a_code_two_steps_share_is_still_accepted_only_once() {
    // Whatever the order of the steps in the window, whichever of them is current.
    let config =
        TotpConfig { drift_window: 2, ..TotpConfig::new(OtpSeed::from(*b"12345678901234567890")).unwrap() };
    let second = |step: u64| at(i64::try_from(step * 30).unwrap());
    let step = TWIN_STEP;
    let code = config.code_at(second(step)).unwrap();
    assert!(code.expose() == config.code_at(second(step + 1)).unwrap().expose());
    let spent = accept(&config, code.expose(), second(step)).unwrap();
    assert_eq!(spent.last_step, Some(step + 1));
    for later in step - 2..step + 5 {
        assert!(accept(&spent, code.expose(), second(later)).is_none(), "{later}");
    }
    // One of the two spent, the other not: seen before, so refused.
    let half = TotpConfig { last_step: Some(step), ..config };
    assert!(matches!(half.verify(subject(), code.expose(), second(step + 1)), TotpOutcome::Replayed));
}

#[test]
fn times_at_the_edge_of_the_calendar_do_not_panic() {
    let config = config(5);
    for now in [at(-1), at(-31), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(matches!(config.verify(subject(), "000000", now), TotpOutcome::Rejected));
    }
    assert!(config.code_at(at(-1)).is_none());
    let first = config.code_at(at(0)).unwrap();
    assert!(accept(&config, first.expose(), at(0)).is_some());
    let last = config.code_at(DateTime::<Utc>::MAX_UTC).unwrap();
    let spent = accept(&config, last.expose(), DateTime::<Utc>::MAX_UTC).unwrap();
    assert!(accept(&spent, last.expose(), DateTime::<Utc>::MAX_UTC).is_none());
    let exhausted = TotpConfig { last_step: Some(u64::MAX), ..config };
    assert!(accept(&exhausted, first.expose(), at(0)).is_none());
}

#[test]
fn a_zero_or_endless_period_counts_as_the_nearest_bound() {
    let period = |period| TotpConfig { period, ..config(6) };
    assert_eq!(period(Duration::ZERO).period_secs(), 1);
    assert_eq!(period(Duration::MAX).period_secs(), 3_600);
    let zero = period(Duration::ZERO);
    assert!(accept(&zero, zero.code_at(at(9)).unwrap().expose(), at(9)).is_some());
}

#[test]
fn the_record_survives_storage_and_hides_from_debug() {
    let config = TotpConfig {
        digits: 8,
        period: Duration::from_secs(60),
        algorithm: HmacAlgorithm::Sha512,
        drift_window: 2,
        last_step: Some(7),
        seed: OtpSeed::from(*b"12345678901234567890"),
    };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        json,
        r#"{"v":1,"seed":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","digits":8,"period_secs":60,"algorithm":"SHA512","drift_window":2,"last_step":7}"#
    );
    let packed = rmp_serde::to_vec(&config).unwrap();
    for back in [
        serde_json::from_str::<TotpConfig>(&json).unwrap(),
        rmp_serde::from_slice::<TotpConfig>(&packed).unwrap(),
    ] {
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }
    let debug = format!("{config:?}");
    assert!(debug.contains("[redacted]") && !debug.contains("GEZD"), "{debug}");
}

#[test]
fn faulty_records_are_refused() {
    let good = serde_json::to_value(config(7)).unwrap();
    let read = |value| serde_json::from_value::<TotpConfig>(value);
    assert!(read(good.clone()).is_ok());
    for (field, bad) in [
        ("v", serde_json::json!(2)),
        ("v", serde_json::json!(0)),
        ("seed", serde_json::json!("AAAA")),
        ("seed", serde_json::json!("not base32!")),
        ("seed", serde_json::json!("A".repeat(112))),
        ("digits", serde_json::json!(5)),
        ("digits", serde_json::json!(9)),
        ("period_secs", serde_json::json!(0)),
        ("period_secs", serde_json::json!(3_601)),
        ("algorithm", serde_json::json!("MD5")),
        ("drift_window", serde_json::json!(11)),
        ("last_step", serde_json::json!(-1)),
        ("added_later", serde_json::json!(true)),
    ] {
        let mut value = good.clone();
        value[field] = bad.clone();
        let error = read(value).expect_err(field).to_string();
        assert!(!error.contains("not base32!"), "{field}: {error}");
    }
    let mut unversioned = good;
    unversioned.as_object_mut().unwrap().remove("v");
    assert!(read(unversioned).is_err());
}

#[test]
fn no_seed_is_written_that_could_not_be_read() {
    for (bytes, allowed) in [(0, false), (10, false), (15, false), (16, true), (64, true), (65, false)] {
        let seed = OtpSeed::from(vec![7; bytes]);
        assert_eq!(TotpConfig::new(seed.clone()).err(), (!allowed).then_some(OtpSeedError { bytes }));
        let written = serde_json::to_string(&TotpConfig { seed, ..config(8) });
        assert_eq!(written.is_ok(), allowed, "{bytes}");
        if let Ok(text) = written {
            assert!(serde_json::from_str::<TotpConfig>(&text).is_ok(), "{bytes}");
        }
    }
    let refused = TotpConfig::new(OtpSeed::from([7; 10])).unwrap_err();
    assert_eq!(refused.to_string(), "the seed has 10 bytes; it must have 16 to 64");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_exact_code_is_accepted(seed: u64, seconds in 0_i64..4_000_000_000, digits in 6_u32..=8) {
        let config = TotpConfig { digits, drift_window: 0, ..config(seed) };
        let right = config.code_at(at(seconds)).unwrap();
        for place in 0..right.expose().len() {
            for digit in b'0'..=b'9' {
                let mut typed = right.expose().as_bytes().to_vec();
                typed[place] = digit;
                let typed = String::from_utf8(typed).unwrap();
                prop_assert_eq!(
                    accept(&config, &typed, at(seconds)).is_some(),
                    right.expose() == typed,
                );
            }
        }
    }

    #[test]
    fn no_schedule_accepts_a_step_twice(
        seed: u64,
        start in 0_i64..4_000_000_000,
        jumps in prop::collection::vec((-120_i64..120, -120_i64..120), 1..20),
    ) {
        let mut config = TotpConfig { drift_window: 3, ..config(seed) };
        let (mut shown, mut now) = (at(start), at(start));
        for (device, server) in jumps {
            if let Some(code) = config.code_at(shown)
                && let Some(next) = accept(&config, code.expose(), now)
            {
                prop_assert!(next.last_step > config.last_step);
                config = next;
            }
            shown += TimeDelta::seconds(device);
            now += TimeDelta::seconds(server);
        }
        prop_assert!(config.last_step.is_some());
    }

    #[test]
    fn no_input_panics(seed: u64, code: String, seconds: i64) {
        if let Some(now) = DateTime::from_timestamp(seconds, 0) {
            let typed = format!("x{code}");
            prop_assert!(accept(&config(seed), &typed, now).is_none());
        }
    }
}
