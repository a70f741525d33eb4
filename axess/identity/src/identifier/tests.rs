use super::*;

#[test]
fn spellings_of_one_identifier_are_equal() {
    for (typed, canonical) in [
        ("Alice@Example.COM", "alice@example.com"),
        ("\u{212a}elvin", "kelvin"),                          // Kelvin sign
        ("ａｌｉｃｅ", "alice"),                              // full-width letters
        ("caf\u{65}\u{301}", "caf\u{e9}"),                    // combining accent
        ("alice+news@example.com", "alice+news@example.com"), // plus addressing is part of the name
        ("Straße", "straße"),
    ] {
        assert_eq!(Identifier::parse(typed).unwrap().as_str(), canonical, "{typed}");
    }
}

#[test]
fn canonical_form_is_a_fixed_point() {
    for typed in ["İstanbul", "ﬁsh", "ΣΑΣ", "①②", "ſecret"] {
        let Ok(once) = Identifier::parse(typed) else {
            continue;
        };
        assert_eq!(Identifier::parse(once.as_str()).unwrap(), once, "{typed}");
    }
}

#[test]
fn dotless_i_is_not_i() {
    assert_ne!(
        Identifier::parse("adm\u{131}n").ok(),
        Identifier::parse("admin").ok()
    );
}

#[test]
fn hostile_characters_are_refused() {
    for bad in [
        "ali\u{200b}ce",
        "ali\u{200d}ce",
        "\u{202e}ecila",
        "ali\u{ad}ce",
        "al ice",
        "al\nice",
        "al\0ice",
        "\u{feff}alice",
        "\u{e0061}alice",
        "al\u{1b}[31mice",
    ] {
        assert_eq!(
            Identifier::parse(bad),
            Err(IdentifierError::ForbiddenCharacter),
            "{bad:?}"
        );
    }
}

#[test]
fn length_is_bounded_before_and_after_normalisation() {
    assert!(Identifier::parse(&"a".repeat(254)).is_ok());
    assert_eq!(Identifier::parse(&"a".repeat(255)), Err(IdentifierError::TooLong));
    assert_eq!(
        Identifier::parse(&"a".repeat(10_000_000)),
        Err(IdentifierError::TooLong)
    );
    // U+FDFA expands to 18 characters under NFKC.
    assert!(Identifier::parse(&"\u{fdfa}".repeat(100)).is_err());
}

#[test]
fn new_identifiers_may_not_imitate_others() {
    for bad in ["аdmin", "pаypal", "ｓｙｓｔｅｍ", "axess:sweeper", "AXESS"] {
        assert!(Identifier::parse_new(bad).is_err(), "{bad}");
    }
    for good in ["alice", "алиса", "アリス", "alice@example.com", "o'neil", "josé"] {
        assert!(Identifier::parse_new(good).is_ok(), "{good}");
    }
}
