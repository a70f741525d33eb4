//! Text that shows all that is in it: nothing hides, reorders or breaks what is around it.

use std::borrow::Cow;

/// Writes the characters that a condition holds for as `\u{...}`.
pub(crate) fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_escaped(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out.into()
}

/// Tells whether a character is a control, a line's end, or one of those that set the direction, join or are nothing.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
                | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
                | 0xfff0..=0xfffb | 0xe000..=0xf8ff | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        for (text, written) in [
            ("alice@example.com", "alice@example.com"),
            ("a\n\u{202e}gpj.exe\u{200b}", "a\\u{a}\\u{202e}gpj.exe\\u{200b}"),
            ("\u{e0041}\u{feff}é", "\\u{e0041}\\u{feff}é"),
        ] {
            assert_eq!(escaped(text, is_hidden), written);
        }
    }
}
