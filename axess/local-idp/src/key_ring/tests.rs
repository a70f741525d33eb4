use super::*;
use crate::{KeyRingBytes, MAX_LIFETIME};
use axess_clock::{Clock, MockClock};
use axess_rng::MockRng;
use proptest::prelude::*;

const HOUR: TimeDelta = TimeDelta::hours(1);

fn start() -> DateTime<Utc> {
    MockClock::default().now()
}

fn key(seed: u64) -> Arc<LocalIdpSigningKey> {
    Arc::new(LocalIdpSigningKey::generate(SigningAlgorithm::EdDsa, &MockRng::new(seed)).unwrap())
}

fn states(ring: &KeyRing, now: DateTime<Utc>) -> Vec<KeyState> {
    ring.infos(now).iter().map(|info| info.state).collect()
}

#[test]
fn a_key_goes_through_its_states_by_the_clock_alone() {
    use KeyState::{Active, Gone, Pending, Retiring};
    let mut ring = KeyRing::new(key(1), HOUR, start());
    let rotated = ring.rotate(key(2), HOUR, HOUR, start() + TimeDelta::days(30)).unwrap();
    assert!(matches!(rotated, Rotation::Scheduled { .. }));
    let day = TimeDelta::days(30);
    for (after, expected) in [
        (TimeDelta::zero(), [Active, Pending]),
        (day, [Active, Pending]),
        (day + HOUR - TimeDelta::seconds(1), [Active, Pending]),
        (day + HOUR, [Retiring, Active]),
        (day + HOUR * 2, [Retiring, Active]),
        (day + HOUR * 2 + SLOW_WRITER - TimeDelta::seconds(1), [Retiring, Active]),
        (day + HOUR * 2 + SLOW_WRITER, [Gone, Active]),
        (day * 100, [Gone, Active]),
        // A clock that goes back undoes it all.
        (TimeDelta::days(-1), [Active, Pending]),
    ] {
        let now = start() + after;
        assert_eq!(states(&ring, now), expected, "after {after}");
        let published = expected.iter().filter(|state| state.is_published()).count();
        assert_eq!(ring.jwks(now).keys.len(), published, "after {after}");
    }
}

#[test]
fn a_rotation_that_is_repeated_makes_one_key() {
    let mut ring = KeyRing::new(key(1), HOUR, start());
    let first = ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    let again = ring.rotate(key(3), HOUR, HOUR, start() + TimeDelta::minutes(59)).unwrap();
    let Rotation::Scheduled { kid, active_from } = first else { panic!("{first:?}") };
    assert_eq!(again, Rotation::Waiting { kid, active_from });
    assert_eq!(ring.keys.len(), 2);
}

#[test]
fn a_rotation_deletes_what_is_gone_and_nothing_else() {
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    ring.rotate(key(3), HOUR, HOUR, start() + HOUR * 2).unwrap();
    assert_eq!(ring.keys.len(), 3, "the first key is still published");
    ring.rotate(key(4), HOUR, HOUR, start() + HOUR * 5).unwrap();
    let left: Vec<_> = ring.infos(start() + HOUR * 5).iter().map(|info| info.kid.clone()).collect();
    assert_eq!(left, [key(3).key_id(), key(4).key_id()]);
}

#[test]
fn a_clock_that_went_back_does_not_reorder_the_keys() {
    let mut ring = KeyRing::new(key(1), HOUR, start());
    let early = start() - HOUR * 5;
    let rotation = ring.rotate(key(2), HOUR, HOUR, early).unwrap();
    assert_eq!(rotation.active_from(), start(), "not before the key it follows");
    assert_eq!(ring.active(start()).unwrap().key.key_id(), key(2).key_id());
    assert!(KeyRing::decode(&ring.encode().unwrap()).is_ok());
}

#[test]
fn the_ring_is_bounded_and_keys_are_different() {
    let mut ring = KeyRing::new(key(0), HOUR, start());
    assert!(matches!(ring.rotate(key(0), TimeDelta::zero(), HOUR, start()), Err(KeyRingError::Known)));
    for seed in 1..MAX_KEYS as u64 {
        ring.rotate(key(seed), TimeDelta::zero(), HOUR, start()).unwrap();
    }
    let one_more = ring.rotate(key(99), TimeDelta::zero(), HOUR, start());
    assert!(matches!(one_more, Err(KeyRingError::Full)));
    assert!(ring.encode().unwrap().expose().len() <= crate::key_store::MAX_RING_BYTES);
}

#[test]
fn a_withdrawn_key_is_replaced_only_if_it_signed() {
    let now = start() + TimeDelta::minutes(1);
    // The only key.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.withdraw(key(1).key_id(), key(9), HOUR, now).unwrap();
    assert_eq!(ring.active(now).unwrap().key.key_id(), key(9).key_id());
    assert_eq!(ring.keys.len(), 1);
    // The one that signs, while another waits: that one takes over.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    ring.withdraw(key(1).key_id(), key(9), HOUR, now).unwrap();
    assert_eq!(ring.active(now).unwrap().key.key_id(), key(2).key_id());
    assert_eq!(states(&ring, now), [KeyState::Active]);
    // The one that waits.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    ring.withdraw(key(2).key_id(), key(9), HOUR, now).unwrap();
    assert_eq!(ring.infos(now).len(), 1);
    assert_eq!((ring.infos(now)[0].state, ring.infos(now)[0].gone_at), (KeyState::Active, None));
    // The same, while an older one is gone but not deleted yet.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    ring.rotate(key(3), HOUR, HOUR, start() + HOUR * 2).unwrap();
    let long_after = start() + HOUR * 2 + TimeDelta::minutes(30);
    assert_eq!(states(&ring, long_after), [KeyState::Gone, KeyState::Active, KeyState::Pending]);
    ring.withdraw(key(2).key_id(), key(9), HOUR, long_after).unwrap();
    assert_eq!(ring.active(long_after).unwrap().key.key_id(), key(3).key_id());
    assert_eq!(states(&ring, long_after), [KeyState::Active]);
    // The same, while an older one retires: it must not sign again.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), TimeDelta::zero(), HOUR, now).unwrap();
    ring.rotate(key(3), HOUR, HOUR, now).unwrap();
    ring.withdraw(key(2).key_id(), key(9), HOUR, now).unwrap();
    assert_eq!(states(&ring, now), [KeyState::Retiring, KeyState::Active]);
    assert_eq!(ring.active(now).unwrap().key.key_id(), key(3).key_id());
    // One that retires; and one that is unknown.
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), TimeDelta::zero(), HOUR, now).unwrap();
    ring.withdraw(key(1).key_id(), key(9), HOUR, now).unwrap();
    assert_eq!(ring.active(now).unwrap().key.key_id(), key(2).key_id());
    assert!(matches!(ring.withdraw("none", key(9), HOUR, now), Err(KeyRingError::Unknown)));
}

#[test]
fn a_rotation_is_due_by_age_and_by_lifetime() {
    let ring = KeyRing::new(key(1), HOUR, start());
    let month = TimeDelta::days(30);
    for (longest, after, due) in [
        (HOUR, month - TimeDelta::seconds(1), false),
        (HOUR, month, true),
        (HOUR * 2, TimeDelta::zero(), true),
        (HOUR / 2, TimeDelta::zero(), false),
    ] {
        assert_eq!(ring.is_rotation_due(month, longest, start() + after), due, "{longest} {after}");
    }
}

#[test]
fn a_stored_ring_comes_back() {
    let mut ring = KeyRing::new(key(1), HOUR, start() + TimeDelta::milliseconds(900));
    ring.rotate(key(2), HOUR, MAX_LIFETIME, start() + TimeDelta::milliseconds(1)).unwrap();
    let bytes = ring.encode().unwrap();
    let again = KeyRing::decode(&bytes).unwrap();
    assert_eq!(again.infos(start()), ring.infos(start()));
    assert_eq!(again.longest(), MAX_LIFETIME);
    assert!(again.encode().unwrap().ct_eq(bytes.expose()), "writing is stable, so it can be compared");
}

#[test]
fn a_ring_of_another_version_is_refused_both_ways() {
    let bytes = KeyRing::new(key(1), HOUR, start()).encode().unwrap();
    let text = std::str::from_utf8(bytes.expose()).unwrap().to_owned();
    assert!(
        text.starts_with(r#"{"version":1,"keys":[{"alg":"EdDSA","active_from":"#),
        "the stored form changed"
    );
    let decode = |text: String| KeyRing::decode(&KeyRingBytes::from(text.into_bytes()));
    // Old program, new ring: the version is found whatever else changed.
    let newer = text.replace(r#""version":1,"keys""#, r#""version":2,"rings":[],"locks""#);
    assert!(matches!(decode(newer), Err(KeyRingError::Version(2))));
    // New program, old ring: this is the first, and stays readable as it was written then.
    let first = format!(
        r#"{{"version":1,"keys":[{{"alg":"EdDSA","active_from":1767225600,"longest":3600,"pkcs8":"{}"}}]}}"#,
        crate::jwk::text(&key(1).to_pkcs8().unwrap())
    );
    assert_eq!(decode(first).unwrap().infos(start()), KeyRing::new(key(1), HOUR, start()).infos(start()));
}

#[test]
fn a_damaged_ring_is_refused() {
    let mut ring = KeyRing::new(key(1), HOUR, start());
    ring.rotate(key(2), HOUR, HOUR, start()).unwrap();
    let text = String::from_utf8(ring.encode().unwrap().expose().to_vec()).unwrap();
    let first = crate::jwk::text(&key(1).to_pkcs8().unwrap());
    let second = crate::jwk::text(&key(2).to_pkcs8().unwrap());
    for (name, damaged) in [
        ("empty", String::new()),
        ("cut", text[..text.len() - 2].to_owned()),
        ("an unknown field", text.replacen(r#""alg""#, r#""use":"sig","alg""#, 1)),
        ("no keys", r#"{"version":1,"keys":[]}"#.to_owned()),
        ("another algorithm", text.replacen("EdDSA", "ES256", 1)),
        ("an unknown algorithm", text.replacen("EdDSA", "none", 1)),
        ("a key twice", text.replace(&second, &first)),
        ("a cut key", text.replacen(&first, &first[..first.len() - 4], 1)),
        ("out of order", text.replacen("1767225600", "1867225600", 1)),
        ("an endless lifetime", text.replacen(":3600,", ":86401,", 1)),
        ("no lifetime", text.replacen(":3600,", ":0,", 1)),
        ("a time out of range", text.replacen("1767225600", "-9223372036854775808", 1)),
        ("too long", format!("{text}{}", " ".repeat(65_536))),
    ] {
        assert_ne!(damaged, text, "{name} changed nothing");
        let decoded = KeyRing::decode(&KeyRingBytes::from(damaged.into_bytes()));
        assert!(matches!(decoded, Err(KeyRingError::Corrupt(_))), "{name}: {decoded:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is done when: what a key signs is verifiable until it ends, and a new key is known before it signs.
    #[test]
    fn published_as_long_as_needed(
        steps in prop::collection::vec((0i64..200_000, 0u8..5, 0i64..7_200), 1..24),
        propagation in 0i64..7_200,
    ) {
        let propagation = TimeDelta::seconds(propagation);
        let mut ring = KeyRing::new(key(0), HOUR, start());
        let mut now = start();
        let mut signed: Vec<(String, DateTime<Utc>)> = Vec::new();
        for (seed, (wait, what, longest)) in (1u64..).zip(steps) {
            now += TimeDelta::seconds(wait / 10);
            let longest = TimeDelta::seconds(longest + 1);
            let before: Vec<_> = ring.infos(now);
            match what {
                0 => { let _ = ring.rotate(key(seed), propagation, longest, now); }
                1 => ring.sweep(now),
                2 => ring = KeyRing::decode(&ring.encode().unwrap()).unwrap(),
                3 => {
                    let kid = ring.active(now).unwrap().key.key_id().to_owned();
                    ring.withdraw(&kid, key(seed), longest, now).unwrap();
                    signed.retain(|(signed_by, _)| *signed_by != kid);
                    prop_assert!(ring.find(&kid, now).is_none());
                }
                _ => {}
            }
            for info in ring.infos(now) {
                let is_new = before.iter().all(|known| known.kid != info.kid);
                prop_assert!(!is_new || what == 3 || info.active_from >= now + propagation);
            }
            prop_assert_eq!(ring.infos(now).iter().filter(|info| info.state == KeyState::Active).count(), 1);
            let active = ring.active(now).unwrap();
            signed.push((active.key.key_id().to_owned(), now + active.longest));
            for (kid, until) in signed.iter().filter(|(_, until)| *until > now) {
                prop_assert!(ring.find(kid, now).is_some(), "{kid} is needed until {until}, it is {now}");
            }
            prop_assert!(ring.keys.len() <= MAX_KEYS);
        }
    }
}
