//! Passwords that an attacker tries first: a list of common ones, and patterns that need no list.

use std::{collections::HashSet, sync::LazyLock};
use zeroize::Zeroizing;

/// Common passwords in lower case; `data/README.md` says where they come from.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../data/blocklist.txt").lines().collect());

/// A repetition of less than this many characters is refused whatever it repeats: nothing shorter could stand alone.
const MIN_UNIT: usize = 8;

/// A run along one of [`LINES`], or of one character, starts to count at this length.
const MIN_RUN: usize = 3;

/// What fingers and minds follow: counting, the alphabet, keyboard rows (QWERTY, QWERTZ, AZERTY, ЙЦУКЕН) and columns.
const LINES: [&str; 20] = [
    "01234567890-=",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "asdfghjklöä",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn,;:!",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
    "!@#$%^&*()_+",
    "!\"§$%&/()=",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

/// Tells whether a password, already folded, is among the first an attacker would try.
pub(crate) fn is_guessable(folded: &str) -> bool {
    let chars = Zeroizing::new(folded.chars().collect::<Vec<char>>());
    COMMON.contains(folded) || is_repetition(&chars) || is_walk(&chars)
}

/// Tells whether the whole is one short or common unit, twice or more; the last time may be cut off.
fn is_repetition(chars: &[char]) -> bool {
    let repeats = |unit: usize| chars.iter().zip(chars.iter().skip(unit)).all(|(a, b)| a == b);
    let Some(unit) = (1..=chars.len() / 2).find(|&unit| repeats(unit)) else {
        return false;
    };
    let first: Zeroizing<String> = Zeroizing::new(chars.iter().take(unit).collect());
    unit < MIN_UNIT || COMMON.contains(first.as_str())
}

/// Tells whether the whole is made of runs along lines, like `qwerty123456` or `abcddcba`.
fn is_walk(chars: &[char]) -> bool {
    let mut rest = chars;
    while !rest.is_empty() {
        let run = longest_run(rest);
        if run < MIN_RUN {
            return false;
        }
        rest = rest.get(run..).unwrap_or_default();
    }
    !chars.is_empty()
}

/// How many characters at the start of `chars` are equal, or follow a line in one direction.
fn longest_run(chars: &[char]) -> usize {
    let Some(&first) = chars.first() else { return 0 };
    let equal = chars.iter().take_while(|&&c| c == first).count();
    LINES
        .iter()
        .flat_map(|line| line.match_indices(first).map(|(at, _)| line.split_at(at)))
        .map(|(before, from)| {
            let back = std::iter::once(first).chain(before.chars().rev());
            common(chars, from.chars()).max(common(chars, back))
        })
        .fold(equal, usize::max)
}

fn common(chars: &[char], line: impl Iterator<Item = char>) -> usize {
    chars.iter().zip(line).take_while(|&(&c, l)| c == l).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::config::folded;

    #[test]
    fn the_list_is_what_its_readme_says() {
        let lines: Vec<&str> = include_str!("../../data/blocklist.txt").lines().collect();
        assert_eq!(lines.len(), 10_180);
        assert!(lines.is_sorted(), "sorted by bytes");
        assert_eq!(COMMON.len(), lines.len(), "no duplicates");
        for line in lines {
            assert!(
                line.chars().count() >= 8 && line == folded(line).as_str() && line == line.trim(),
                "{line}"
            );
        }
    }

    #[test]
    fn guessable_passwords() {
        for password in [
            "password",
            "passwordpassword",
            "passwordpasswordpassword",
            "iloveyou",
            "qwertyuiop12345",
            "123456789987654321",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "121212121212121",
            "monkeymonkeymonkey",
            "01234567890123456789",
            "98765432109876543210",
            "abcdefghijklmno",
            "zyxwvutsrqponmlk",
            "xyzabc123321cba",
            "asdfghjklpoiuytrewq",
            "1qaz2wsx3edc4rfv",
            "zaq12wsxcde34rfv",
            "q1w2e3r4t5y6u7i8",
            "!@#$%^&*()_+",
            "йцукенгшщзхъ",
            "qwertzuiopasdfg",
            "aaabbbcccdddeee",
            "🦀🦀🦀🦀🦀🦀🦀🦀",
        ] {
            assert!(is_guessable(password), "{password}");
        }
    }

    #[test]
    fn ordinary_passwords() {
        for password in [
            "",
            "correct horse battery staple",
            "my cat eats at seven",
            "tr0ub4dor&3 tr0ub4dor&4",
            "abcdefgh i jumped",
            "123456789 goats",
            "correct horsecorrect horse",
            "ein pferd frisst keinen gurkensalat",
            "пароль для моей кошки",
        ] {
            assert!(!is_guessable(password), "{password}");
        }
    }
}
