use super::*;
use PasswordPolicyError::{Blocklisted, ContainsIdentifier, TooLong, TooShort};
use proptest::prelude::*;

const SOLE: PasswordContext<'_> =
    PasswordContext { sole_factor: true, identifier: None, forbidden_words: &[] };
const MFA: PasswordContext<'_> = PasswordContext { sole_factor: false, ..SOLE };

fn judge(password: &str, context: PasswordContext<'_>) -> Result<(), PasswordPolicyError> {
    PasswordConfig::default().validate_new(&Password::from(password), context)
}

/// `length` characters without any pattern.
fn varied(length: usize) -> String {
    "mouse, keyboard & 7 purple elephants! ".chars().cycle().take(length).collect()
}

#[test]
fn length_edges() {
    assert_eq!(judge(&varied(14), SOLE), Err(TooShort { min: 15 }));
    assert_eq!(judge(&varied(15), SOLE), Ok(()));
    assert_eq!(judge(&varied(7), MFA), Err(TooShort { min: 8 }));
    assert_eq!(judge(&varied(8), MFA), Ok(()));
    assert_eq!(judge("", MFA), Err(TooShort { min: 8 }));
    let long = format!("{}{}", varied(64), "x, y; z? ".repeat(7)) + "!";
    assert_eq!(long.len(), 128);
    assert_eq!(judge(&long, SOLE), Ok(()));
    assert_eq!(judge(&(long + "!"), SOLE), Err(TooLong { max: 128 }));
}

#[test]
fn characters_are_counted_not_bytes() {
    let crabs = format!("{}{}", "🦀🐙🦑🐡🦞".repeat(25), "🐠🐬🦈");
    assert_eq!((crabs.chars().count(), crabs.len()), (128, 512));
    assert_eq!(judge(&format!("{crabs}🐚"), MFA), Err(TooLong { max: 128 }));
    assert_eq!(judge("пароль кошки", MFA), Ok(()));
    assert_eq!(judge("🦀🐙🦑🐡🦞🐠🐬", MFA), Err(TooShort { min: 8 }), "7 characters");
}

#[test]
fn a_megabyte_is_refused_by_its_length_alone() {
    assert_eq!(judge(&"x".repeat(1_000_000), SOLE), Err(TooLong { max: 128 }));
}

#[test]
fn a_configuration_cannot_lift_the_ceiling() {
    let config = PasswordConfig { max_length: usize::MAX, ..PasswordConfig::default() };
    assert_eq!(config.validate_new(&varied(129).into(), SOLE), Err(TooLong { max: 128 }));
}

#[test]
fn identifiers_and_words() {
    let with = |identifier: &'static str, words: &'static [&'static str]| PasswordContext {
        identifier: Some(identifier),
        forbidden_words: words,
        ..MFA
    };
    for (password, identifier, verdict) in [
        ("the Alice of old", "alice", Err(ContainsIdentifier)),
        ("ALICE@EXAMPLE.COM", "alice@example.com", Err(ContainsIdentifier)),
        ("xx alice xx", "alice@example.com", Err(ContainsIdentifier)),
        ("the example", "alice@example.com", Ok(())),
        ("bobsled and ice", "bob", Ok(())),
        ("ЁЖИК в тумане", "ёжик", Err(ContainsIdentifier)),
    ] {
        assert_eq!(judge(password, with(identifier, &[])), verdict, "{password}");
    }
    assert_eq!(judge("Welcome to Acme!", with("bob", &["acme"])), Err(Blocklisted));
    // Three syllables, typed as the eight letters they are made of.
    let typed = "\u{1100}\u{1175}\u{11b7}\u{110e}\u{1165}\u{11af}\u{1109}\u{116e}";
    assert_eq!(judge(typed, with("김철수", &[])), Err(ContainsIdentifier), "short, but the whole password");
    assert_eq!(judge("x김철수 y z 7", with("김철수", &[])), Ok(()));
}

#[test]
fn no_spelling_hides_an_identifier() {
    for (password, identifier) in [
        ("jose\u{301} jose\u{301} 7", "jos\u{e9}"),
        ("jos\u{e9} jos\u{e9} 7", "jose\u{301}"),
        ("ｍａｌｌｏｒｙ rides", "mallory"),
        ("the ΟΔΥΣΣΕΥΣ of old", "οδυσσευς"),
        ("οδυσσευσ rides", "ΟΔΥΣΣΕΥΣ"),
        ("\u{130}stanbul rides", "i\u{307}stanbul"),
        ("i\u{307}stanbul rides", "\u{130}stanbul"),
        ("\u{212a}elvin rides", "kelvin"),
        ("mallory rides", "mallory\u{ff20}example.com"),
    ] {
        let context = PasswordContext { identifier: Some(identifier), ..MFA };
        assert_eq!(judge(password, context), Err(ContainsIdentifier), "{password:?} {identifier:?}");
        let context =
            PasswordContext { forbidden_words: &[identifier.split('\u{ff20}').next().unwrap()], ..MFA };
        assert_eq!(judge(password, context), Err(Blocklisted), "{password:?} {identifier:?}");
    }
}

#[test]
fn every_character_folds_like_its_canonical_identifier() {
    // Ideographs and Hangul syllables, most of all characters, have no case; past this plane little folds.
    let plain = |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}');
    for c in ('\0'..='\u{1ffff}').filter(|c| !plain(c)) {
        let text = format!("x{c}x");
        assert_eq!(folded(&folded(&text)), folded(&text), "{c:?}");
        if let Ok(identifier) = axess_identity::Identifier::parse(&text) {
            assert_eq!(folded(identifier.as_str()), folded(&text), "{c:?}");
        }
    }
}

#[test]
fn numbers_set_in_code_count_as_the_nearest_bound() {
    let none =
        PasswordConfig { min_length: 0, min_length_with_mfa: 0, max_length: 0, ..PasswordConfig::default() };
    assert_eq!(none.validate_new(&varied(7).into(), SOLE), Err(TooShort { min: 8 }));
    assert_eq!(none.validate_new(&varied(7).into(), MFA), Err(TooShort { min: 8 }));
    assert_eq!(none.validate_new(&varied(64).into(), MFA), Ok(()));
    assert_eq!(none.validate_new(&varied(65).into(), MFA), Err(TooLong { max: 64 }));
    let huge = usize::MAX;
    let all =
        PasswordConfig { min_length: huge, min_length_with_mfa: huge, max_length: 70, history: huge, ..none };
    assert_eq!(all.validate_new(&varied(69).into(), SOLE), Err(TooShort { min: 70 }));
    let clamped = all.clamped();
    assert_eq!((clamped.min_length, clamped.min_length_with_mfa, clamped.history), (70, 70, 24));
    let written = serde_json::to_string(&all).unwrap();
    assert_eq!(
        serde_json::from_str::<PasswordConfig>(&written).unwrap(),
        clamped,
        "what is written can be read"
    );
}

#[test]
fn numbers_out_of_range_are_not_read() {
    for (json, message) in [
        (r#"{"min_length":7}"#, "min_length must be between 8 and 128"),
        (r#"{"min_length":129}"#, "min_length must be between 8 and 128"),
        (r#"{"min_length":65,"max_length":64}"#, "min_length must be between 8 and 64"),
        (r#"{"min_length_with_mfa":7}"#, "min_length_with_mfa must be between 8 and 128"),
        (r#"{"min_length_with_mfa":65,"max_length":64}"#, "min_length_with_mfa must be between 8 and 64"),
        (r#"{"max_length":63}"#, "max_length must be between 64 and 128"),
        (r#"{"max_length":129}"#, "max_length must be between 64 and 128"),
        (r#"{"history":25}"#, "history must be between 0 and 24"),
    ] {
        assert_eq!(serde_json::from_str::<PasswordConfig>(json).unwrap_err().to_string(), message, "{json}");
    }
    let edge = r#"{"min_length":64,"min_length_with_mfa":8,"max_length":64,"history":24}"#;
    assert!(serde_json::from_str::<PasswordConfig>(edge).is_ok());
}

#[test]
fn the_blocklist_ignores_case_and_can_be_switched_off() {
    for password in ["PASSWORD1", "PassWord1", "12345678", "QWERTYUIOP"] {
        assert_eq!(judge(password, MFA), Err(Blocklisted), "{password}");
        let lax = PasswordConfig { blocklist: false, ..PasswordConfig::default() };
        assert_eq!(lax.validate_new(&password.into(), MFA), Ok(()));
        let word = PasswordContext { forbidden_words: &[password], ..MFA };
        assert_eq!(lax.validate_new(&password.into(), word), Err(Blocklisted));
    }
}

#[test]
fn configuration_files() {
    let config: PasswordConfig = serde_json::from_str(r#"{"min_length": 20}"#).unwrap();
    assert_eq!(config, PasswordConfig { min_length: 20, ..PasswordConfig::default() });
    assert!(serde_json::from_str::<PasswordConfig>(r#"{"minlength": 20}"#).is_err());
    assert!(
        serde_json::from_str::<PasswordConfig>(r#"{"argon":{"memory_kib":1,"time_cost":1,"parallelism":1}}"#)
            .is_err()
    );
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<PasswordConfig>(&json).unwrap(), config);
}

proptest! {
    #[test]
    fn no_input_panics_and_folding_does_not_reallocate(text: String, name: String) {
        let folded = folded(&text);
        prop_assert_eq!(folded.len(), folded.capacity());
        let _ = judge(&text, PasswordContext { identifier: Some(&name), ..MFA });
    }
}
