use super::*;
use axess_identity::{AttemptId, UserId};
use axess_rng::MockRng;
use proptest::prelude::*;

fn subject() -> Subject {
    Subject { user_id: UserId::from_parts(1, [1; 10]), attempt: AttemptId::from_parts(2, [2; 10]) }
}

fn accept(config: &HotpConfig, code: &OtpCode) -> Option<HotpConfig> {
    match config.verify(subject(), code.expose()) {
        HotpOutcome::Accepted(unspent) => Some(unspent.into_parts().0),
        HotpOutcome::Rejected => None,
    }
}

fn config(seed: u64) -> HotpConfig {
    HotpConfig::generate(&MockRng::new(seed))
}

#[test]
fn look_ahead_edges() {
    let config = HotpConfig { counter: 5, look_ahead: 3, ..config(1) };
    for (counter, next) in [(4, None), (5, Some(6)), (6, Some(7)), (8, Some(9)), (9, None)] {
        let moved = accept(&config, &config.code_at(counter)).map(|record| record.counter);
        assert_eq!(moved, next, "{counter}");
    }
    let careless = HotpConfig { look_ahead: u32::MAX, ..config };
    assert!(accept(&careless, &careless.code_at(105)).is_some());
    assert!(accept(&careless, &careless.code_at(106)).is_none(), "the look-ahead is capped");
}

#[test]
fn the_proof_names_the_factor() {
    let config = config(2);
    let HotpOutcome::Accepted(unspent) = config.verify(subject(), config.code_at(0).expose()) else {
        panic!("refused");
    };
    assert_eq!(unspent.into_parts().1.factor(), &FactorKind::Hotp);
}

#[test]
fn the_counter_never_overflows() {
    let near = |counter| HotpConfig { counter, ..config(3) };
    let last = near(u64::MAX - 1);
    let spent = accept(&last, &last.code_at(u64::MAX - 1)).unwrap();
    assert_eq!(spent.counter, u64::MAX);
    for counter in [0, u64::MAX - 1, u64::MAX] {
        assert!(accept(&spent, &spent.code_at(counter)).is_none(), "{counter}");
    }
    assert!(accept(&last, &last.code_at(u64::MAX)).is_none());
}

#[test]
fn a_code_two_counters_share_is_accepted_only_once() {
    // The code of this counter is, by chance, also the code of the fifth one after it.
    let twin = 1_217_265;
    let config =
        HotpConfig { counter: twin, ..HotpConfig::new(OtpSeed::from(*b"12345678901234567890")).unwrap() };
    assert!(config.code_at(twin).expose() == config.code_at(twin + 5).expose());
    let code = config.code_at(twin);
    let spent = accept(&config, &code).unwrap();
    assert_eq!(spent.counter, twin + 6);
    assert!(accept(&spent, &code).is_none());
}

#[test]
fn the_record_survives_storage_and_faults_are_refused() {
    let config = HotpConfig {
        seed: OtpSeed::from(*b"12345678901234567890"),
        counter: u64::MAX,
        digits: 7,
        algorithm: HmacAlgorithm::Sha256,
        look_ahead: 4,
    };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        json,
        r#"{"v":1,"seed":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","counter":18446744073709551615,"digits":7,"algorithm":"SHA256","look_ahead":4}"#
    );
    let packed = rmp_serde::to_vec(&config).unwrap();
    let back: HotpConfig = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), json);
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""digits":7"#, r#""digits":10"#),
        (r#""look_ahead":4"#, r#""look_ahead":101"#),
        (r#""look_ahead":4"#, r#""look_ahead":4,"more":1"#),
        (r#""counter":18446744073709551615,"#, ""),
        ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "GEZDGNBV"),
    ] {
        let faulty = json.replace(from, to);
        assert_ne!(faulty, json);
        assert!(serde_json::from_str::<HotpConfig>(&faulty).is_err(), "{to}");
    }
    assert!(!format!("{config:?}").contains("GEZD"));
}

#[test]
fn no_seed_is_written_that_could_not_be_read() {
    for (bytes, allowed) in [(0, false), (10, false), (15, false), (16, true), (64, true), (65, false)] {
        let seed = OtpSeed::from(vec![7; bytes]);
        assert_eq!(HotpConfig::new(seed.clone()).err(), (!allowed).then_some(OtpSeedError { bytes }));
        let written = serde_json::to_string(&HotpConfig { seed, ..config(8) });
        assert_eq!(written.is_ok(), allowed, "{bytes}");
        if let Ok(text) = written {
            assert!(serde_json::from_str::<HotpConfig>(&text).is_ok(), "{bytes}");
        }
    }
    let refused = HotpConfig::new(OtpSeed::from([7; 10])).unwrap_err();
    assert_eq!(refused.to_string(), "the seed has 10 bytes; it must have 16 to 64");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_exact_code_is_accepted(seed: u64, counter: u64) {
        let config = HotpConfig { counter, look_ahead: 0, ..config(seed) };
        let right = config.code_at(counter);
        for place in 0..right.expose().len() {
            for digit in b'0'..=b'9' {
                let mut typed = right.expose().as_bytes().to_vec();
                typed[place] = digit;
                let typed = OtpCode::from(String::from_utf8(typed).unwrap());
                let same = typed.expose() == right.expose() && counter != u64::MAX;
                prop_assert_eq!(accept(&config, &typed).is_some(), same);
            }
        }
    }

    #[test]
    fn no_counter_is_accepted_twice(seed: u64, presses in prop::collection::vec(0_u64..15, 1..12)) {
        let mut config = config(seed);
        let mut shown = 0;
        for skipped in presses {
            shown += skipped;
            let code = config.code_at(shown);
            if let Some(next) = accept(&config, &code) {
                // Now and then one before it has the same code.
                let first = (config.counter..).find(|&at| config.code_at(at).expose() == code.expose());
                prop_assert_eq!(Some(next.counter - 1), first);
                config = next;
            }
        }
    }
}
