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
    assert_ne!(Identifier::parse("adm\u{131}n").ok(), Identifier::parse("admin").ok());
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
        assert_eq!(Identifier::parse(bad), Err(IdentifierError::ForbiddenCharacter), "{bad:?}");
    }
}

#[test]
fn length_is_bounded_before_and_after_normalisation() {
    assert!(Identifier::parse(&"a".repeat(254)).is_ok());
    assert_eq!(Identifier::parse(&"a".repeat(255)), Err(IdentifierError::TooLong));
    assert_eq!(Identifier::parse(&"a".repeat(10_000_000)), Err(IdentifierError::TooLong));
    // The ligature becomes three allowed letters: only their number can be what is refused.
    assert_eq!(Identifier::parse(&"ﬃ".repeat(84)).unwrap().as_str(), "ffi".repeat(84));
    assert_eq!(Identifier::parse(&"ﬃ".repeat(85)), Err(IdentifierError::TooLong));
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

#[test]
fn whole_words_may_not_imitate_ascii() {
    for bad in
        ["adm\u{131}n", "ѕсоре", "раура", "раура-7", "οο", "ρορ", "ѕуѕтем", "ахеѕѕ", "ахеѕѕ:ж", "systern"]
    {
        assert_eq!(Identifier::parse_new(bad), Err(IdentifierError::Confusable), "{bad}");
        assert!(Identifier::parse(bad).is_ok(), "an account that has the name can log in: {bad}");
    }
    for good in
        ["анна", "марта", "тамара", "ёжик", "ніка", "їжак", "ışık", "straße", "δήμητρα", "раура@пример.рф"]
    {
        assert!(Identifier::parse_new(good).is_ok(), "{good}");
    }
}

#[test]
fn marks_may_neither_hide_nor_pile_up() {
    for bad in [
        "ADM\u{130}N",
        "admi\u{323}\u{307}n",
        "\u{456}\u{307}жак",
        "j\u{307}an",
        "adm\u{131}\u{307}n",
        "s\u{131}\u{301}",
        "jose\u{301}\u{301}",
        "a\u{323}\u{300}\u{301}\u{302}\u{303}",
        "ก\u{e34}\u{e34}",
    ] {
        assert_eq!(Identifier::parse_new(bad), Err(IdentifierError::Confusable), "{bad:?}");
    }
    for good in ["việt", "a\u{323}\u{300}\u{301}\u{302}", "हिन्दी", "လျှို့", "ที่", "żaba"]
    {
        assert!(Identifier::parse_new(good).is_ok(), "{good}");
    }
}
