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
    let short = PasswordConfig { min_length_with_mfa: 1, ..PasswordConfig::default() };
    assert_eq!(short.validate_new(&"BOB".into(), with("bob", &[])), Err(ContainsIdentifier));
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
        let capacity = 3 * text.len();
        prop_assert!(folded(&text).len() <= capacity);
        let _ = judge(&text, PasswordContext { identifier: Some(&name), ..MFA });
    }
}
