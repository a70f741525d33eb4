use super::*;
use axess_identity::{AttemptId, UserId};
use axess_rng::MockRng;
use proptest::prelude::*;
use std::collections::HashSet;

fn subject() -> Subject {
    Subject { user_id: UserId::from_parts(1, [1; 10]), attempt: AttemptId::from_parts(2, [2; 10]) }
}

fn check(set: &RecoveryCodes, typed: &str) -> Option<RecoveryCodes> {
    match set.verify(subject(), &RecoveryCode::from(typed)) {
        RecoveryOutcome::Accepted(unspent) => {
            let (record, proof) = unspent.into_parts();
            assert_eq!(proof.factor(), &FactorKind::RecoveryCode);
            Some(record)
        }
        RecoveryOutcome::Rejected => None,
    }
}

#[test]
fn every_code_works_exactly_once_in_any_order() {
    let (codes, mut set) = RecoveryCodes::generate(10, &MockRng::new(1));
    assert_eq!((codes.len(), set.remaining()), (10, 10));
    for (spent, index) in [3, 0, 9, 5, 1, 8, 2, 7, 4, 6].into_iter().enumerate() {
        set = check(&set, codes[index].expose()).unwrap();
        assert_eq!(set.remaining(), 9 - spent);
        assert!(check(&set, codes[index].expose()).is_none());
    }
    assert_eq!(set.remaining(), 0);
    assert!(check(&set, codes[0].expose()).is_none());
}

#[test]
fn codes_are_printed_in_groups_of_an_unambiguous_alphabet() {
    let (codes, _) = RecoveryCodes::generate(32, &MockRng::new(2));
    let distinct: HashSet<&str> = codes.iter().map(RecoveryCode::expose).collect();
    assert_eq!(distinct.len(), 32);
    let mut seen = HashSet::new();
    for code in distinct {
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [5; 4]);
        seen.extend(code.bytes().filter(|&byte| byte != b'-'));
    }
    let alphabet: HashSet<u8> = ALPHABET.iter().copied().collect();
    assert_eq!(seen, alphabet, "every symbol occurs and no other");
}

#[test]
fn typing_is_forgiving() {
    let salt = [9; 16];
    let symbols = normalised("01ABC-DEFGH-JKMNP-QRS10").unwrap();
    let set =
        RecoveryCodes { v: Version1, salt: HexBytes(salt), hashes: vec![HexBytes(digest(&salt, &symbols))] };
    for typed in [
        "01ABC-DEFGH-JKMNP-QRS10",
        "01abcdefghjkmnpqrs10",
        "O1ABC DEFGH JKMNP QRS1O",
        "oIabc-defgh-jkmnp-qrslo",
        "  0-1-A-B-C-D-E-F-G-H-J-K-M-N-P-Q-R-S-1-0  ",
    ] {
        assert!(check(&set, typed).is_some(), "{typed}");
    }
    for typed in [
        "",
        "-----",
        "01ABC-DEFGH-JKMNP-QRS1",
        "01ABC-DEFGH-JKMNP-QRS100",
        "01ABC-DEFGH-JKMNP-QRS1U",
        "01ABC-DEFGH-JKMNP-QRS1\0",
        "01ABC_DEFGH_JKMNP_QRS10",
        "01ABC\u{2010}DEFGH\u{2010}JKMNP\u{2010}QRS10",
        "０1ABC-DEFGH-JKMNP-QRS10",
    ] {
        assert!(check(&set, typed).is_none(), "{typed}");
    }
    let padded = |spaces| format!("01ABCDEFGHJKMNPQRS10{}", " ".repeat(spaces));
    assert!(check(&set, &padded(44)).is_some());
    assert!(check(&set, &padded(45)).is_none(), "one byte past the limit");
    assert!(check(&set, &"0".repeat(1_000_000)).is_none());
}

#[test]
fn sets_do_not_share_codes_or_hashes() {
    let rng = MockRng::new(3);
    let ((codes, a), (_, b)) = (RecoveryCodes::generate(1, &rng), RecoveryCodes::generate(1, &rng));
    assert!(check(&a, codes[0].expose()).is_some());
    assert!(check(&b, codes[0].expose()).is_none());
    let moved = RecoveryCodes { hashes: a.hashes.clone(), ..b };
    assert!(check(&moved, codes[0].expose()).is_none(), "a hash is bound to the salt of its set");
}

#[test]
fn the_size_is_bounded() {
    let rng = MockRng::new(4);
    assert_eq!(RecoveryCodes::generate(0, &rng).0.len(), 1);
    assert_eq!(RecoveryCodes::generate(usize::MAX, &rng).1.remaining(), 32);
}

#[test]
fn the_record_holds_no_code_and_survives_storage() {
    let (codes, set) = RecoveryCodes::generate(2, &MockRng::new(5));
    let json = serde_json::to_string(&set).unwrap();
    assert!(json.starts_with(r#"{"v":1,"salt":""#), "{json}");
    assert!(!json.to_uppercase().contains(&codes[0].expose().replace('-', "")));
    assert_eq!(serde_json::from_str::<RecoveryCodes>(&json).unwrap(), set);
    let packed = rmp_serde::to_vec(&set).unwrap();
    assert_eq!(rmp_serde::from_slice::<RecoveryCodes>(&packed).unwrap(), set);

    let mut crowded = serde_json::to_value(&set).unwrap();
    crowded["hashes"] = vec!["00".repeat(32); 33].into();
    assert!(serde_json::from_value::<RecoveryCodes>(crowded).is_err());
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1"#, r#""v":1,"x":0"#),
        (r#""salt":""#, r#""salt":"00"#),
        (r#""hashes":[""#, r#""hashes":["zz"#),
    ] {
        let faulty = json.replace(from, to);
        assert!(serde_json::from_str::<RecoveryCodes>(&faulty).is_err(), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_one_symbol_mutation_fails(seed: u64) {
        let (codes, set) = RecoveryCodes::generate(3, &MockRng::new(seed));
        let code = codes[1].expose();
        for place in (0..code.len()).filter(|&place| code.as_bytes()[place] != b'-') {
            for &symbol in ALPHABET {
                let mut typed = code.as_bytes().to_vec();
                typed[place] = symbol;
                let typed = String::from_utf8(typed).unwrap();
                prop_assert_eq!(check(&set, &typed).is_some(), typed == code);
            }
        }
    }

    #[test]
    fn no_input_panics(typed: String) {
        let (_, set) = RecoveryCodes::generate(1, &MockRng::new(6));
        prop_assert!(check(&set, &typed).is_none());
    }
}
