use proptest::prelude::*;

use super::*;

fn intersection(a: &Glob, b: &Glob) -> Option<Vec<Glob>> {
    super::intersection(a, b, &mut { EFFORT })
}

/// A pattern over `a`, `b`, `?`, `*`, and `+` and `.` for wildcards that do not cross a slash.
fn glob(text: &str) -> Glob {
    let tokens = text.chars().map(|c| match c {
        '*' => Token::ANY,
        '?' => Token::except(None, false),
        '.' => Token::except(Some('/'), true),
        c => Token::literal(c),
    });
    Glob::new(tokens.collect(), false)
}

/// Matches by trying every split: short, slow, and nothing like the code it checks.
fn fits(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([], _) => false,
        ([c @ ('*' | '.'), rest @ ..], _) => {
            let length = text.iter().take_while(|&&letter| *c == '*' || letter != '/').count();
            (0..=length).any(|n| fits(rest, &text[n..]))
        }
        ([_, ..], []) => false,
        ([c, rest @ ..], [letter, others @ ..]) => (*c == '?' || c == letter) && fits(rest, others),
    }
}

fn words(letters: &[char], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last.iter().flat_map(|word| letters.iter().map(move |c| format!("{word}{c}"))).collect();
        all.extend(last.clone());
    }
    all
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// What is in a set, by the slow matcher.
fn members<'a>(pattern: &str, words: &'a [String]) -> Vec<&'a String> {
    let pattern = chars(pattern);
    words.iter().filter(|word| fits(&pattern, &chars(word))).collect()
}

#[test]
fn each_set_has_one_spelling() {
    for (a, b) in [("**", "*"), ("*?*", "?*"), ("?**?", "??*"), ("a*?b", "a?*b")] {
        assert_eq!(glob(a), glob(b), "{a} {b}");
    }
    assert_ne!(glob("?*"), glob("*"));
    assert_eq!(glob("*?*").to_string(), "?*");
}

#[test]
fn letters_compare_without_case_where_it_does_not_count() {
    let folding = |text: &str| Glob::new(glob(text).tokens().to_vec(), true);
    assert!(folding("S3:get*").matches("s3:GetObject"));
    assert!(!glob("S3:get*").matches("s3:GetObject"));
    assert_eq!(folding("AB"), folding("ab"));
    assert_eq!(covers(&[folding("A*")], &folding("ab?")), Some(true));
    assert!(intersects(&folding("A*c"), &folding("*B*C")));
    assert_eq!(intersection(&folding("Ab*"), &folding("aB*d")).unwrap(), [folding("ab*d")]);
}

#[test]
fn intersections_are_the_expected_patterns() {
    for (a, b, expected) in [
        ("a*", "*b", vec!["a*b"]),
        ("*ab*", "*ba*", vec!["*aba*", "*bab*", "*ab*ba*", "*ba*ab*"]),
        ("a?", "?b", vec!["ab"]),
        ("a*a", "a", vec![]),
        ("*", "a?*", vec!["a?*"]),
        ("a*b", "a*b*", vec!["a*b"]),
        (".", "*/*", vec![]),
        ("./b", "a*", vec!["a./b"]),
    ] {
        let found = intersection(&glob(a), &glob(b)).unwrap();
        let expected: Vec<Glob> = expected.iter().map(|text| glob(text)).collect();
        assert_eq!(
            found,
            expected,
            "{a} and {b}: {:?}",
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
    }
}

#[test]
fn unions_are_compared_as_a_whole() {
    for (union, inner, expected) in [
        (&["a*", "b*"][..], "?*", false),
        (&["?", "??", "*???", ""], "*", true),
        (&["a*", "*a"], "a*a", true),
        (&["*a*", "*b*"], "?", false),
        (&["./*", "."], "*", true),
        (&["."], "a*b", false),
        (&[], "a", false),
    ] {
        let union: Vec<Glob> = union.iter().map(|text| glob(text)).collect();
        assert_eq!(covers(&union, &glob(inner)), Some(expected), "{inner}");
    }
}

#[test]
fn intricate_patterns_end_in_a_no_instead_of_a_long_wait() {
    let stars = |letters: &str| letters.chars().map(|c| format!("*{c}")).collect::<String>() + "*";
    let many = glob(&stars("abcabcabcabc"));
    let other = glob(&stars("bacbacbacbac"));
    assert!(intersects(&many, &other));
    assert_eq!(intersection(&many, &other), None);
    let union: Vec<Glob> =
        ["a", "b", "c", "d"].iter().map(|c| glob(&format!("*{c}????????????????*"))).collect();
    assert_ne!(covers(&union, &glob("*z*z*z*")), Some(true));
}

fn pattern() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ab?*./]{0,5}").unwrap()
}

proptest! {
    #[test]
    fn matching_is_what_splitting_finds(pattern in pattern()) {
        let glob = glob(&pattern);
        for word in words(&['a', 'b', '/'], 5) {
            prop_assert_eq!(glob.matches(&word), fits(&chars(&pattern), &chars(&word)), "{}", word);
        }
    }

    #[test]
    fn intersections_hold_exactly_what_both_hold(a in pattern(), b in pattern()) {
        let (one, two) = (glob(&a), glob(&b));
        let parts = intersection(&one, &two).unwrap();
        let mut is_any_common = false;
        for word in words(&['a', 'b', '/'], 6) {
            let in_both = fits(&chars(&a), &chars(&word)) && fits(&chars(&b), &chars(&word));
            is_any_common |= in_both;
            prop_assert_eq!(parts.iter().any(|part| part.matches(&word)), in_both, "{}", word);
        }
        prop_assert!(!is_any_common || intersects(&one, &two));
        // Whatever intersects has a member: the shortest string of some part.
        for part in &parts {
            let shortest: String = part.to_string().replace('*', "").replace('?', "a");
            prop_assert!(one.matches(&shortest) && two.matches(&shortest), "{}", shortest);
        }
        prop_assert_eq!(intersects(&one, &two), !parts.is_empty());
        let turned = intersection(&two, &one).unwrap();
        prop_assert!(parts.iter().all(|part| covers(&turned, part) == Some(true)));
        prop_assert!(turned.iter().all(|part| covers(&parts, part) == Some(true)));
    }

    #[test]
    fn containment_is_what_the_members_say(a in pattern(), b in pattern(), inner in pattern()) {
        let words = words(&['a', 'b', '/', 'c'], 5);
        let union = [members(&a, &words), members(&b, &words)].concat();
        let all_inside = members(&inner, &words).iter().all(|word| union.contains(word));
        let (one, two, inner) = (glob(&a), glob(&b), glob(&inner));
        let covered = covers(&[one.clone(), two.clone()], &inner).unwrap();
        if covered {
            prop_assert!(all_inside);
        } else if all_inside {
            // What is outside is longer then, as where several slashes are too many.
            let is_outside = |word: &String| inner.matches(word) && !one.matches(word) && !two.matches(word);
            let longer = self::words(&['a', 'b', '/'], 9);
            prop_assert!(longer.iter().any(is_outside));
        }
    }
}
