//! What makes a new name look like another one (UTS 39).

use super::{RESERVED, RESERVED_PREFIX};
use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, is_combining_mark},
};
use unicode_security::{MixedScript, skeleton};

/// The most marks stacked on one letter (UTS 39 §5.4).
const MAX_MARKS: usize = 4;

/// The dot above. On a letter that has a dot of its own it cannot be seen.
const DOT_ABOVE: char = '\u{307}';

/// Tells whether a canonical text is made to be mistaken for another.
pub(super) fn is_lookalike(text: &str) -> bool {
    // ASCII punctuation belongs to every script; what is left must belong to one.
    let letters: String = text.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    !letters.is_single_script()
        || reads_as_ascii(text)
        || reads_as_reserved(text)
        || has_deceptive_marks(text)
}

/// Whole words of another script that look like Latin: `раура` in Cyrillic, `admın` with a dotless `ı`.
fn reads_as_ascii(text: &str) -> bool {
    !text.is_ascii() && skeleton(text).all(|c| c.is_ascii())
}

/// Reserved names are held to more: letters that look like small capitals count as well, as in Cyrillic `ѕуѕтем`.
fn reads_as_reserved(text: &str) -> bool {
    let read = reading(text);
    RESERVED.iter().any(|name| read == reading(name)) || read.starts_with(&reading(RESERVED_PREFIX))
}

fn reading(text: &str) -> String {
    let letter = |c| match c {
        'ᴛ' => 't',
        'ʍ' => 'm',
        other => other,
    };
    skeleton(&skeleton(text).map(letter).collect::<String>()).collect()
}

/// Marks that hide or pile up: a second dot on an `i`, any mark on a dotless `ı`, one mark twice, more than four.
fn has_deceptive_marks(text: &str) -> bool {
    let (mut base, mut previous, mut stacked) = ('\0', '\0', 0);
    for c in text.nfd() {
        if !is_combining_mark(c) {
            (base, stacked) = (c, 0);
        } else {
            // Vowel signs and the like have class 0: they are written side by side, not stacked.
            stacked += usize::from(canonical_combining_class(c) != 0);
            let unseen = base == 'ı' || (c == DOT_ABOVE && matches!(base, 'i' | 'j' | 'ɨ' | 'і' | 'ј'));
            if unseen || c == previous || stacked > MAX_MARKS {
                return true;
            }
        }
        previous = c;
    }
    false
}
