//! How texts of others get into a page: what means something in HTML is escaped, what cannot be seen is shown.

use askama::filters::Escaper;
use std::fmt::{self, Write};

/// The escaper of every template.
///
/// Beside what HTML needs it spells out control characters and marks that turn the direction of writing or cannot be
/// seen, so that a policy reads as it is. Line ends and tabs stay.
///
/// ```
/// use askama::filters::Escaper;
/// use audex_server::console::text::Shown;
/// let mut page = String::new();
/// Shown.write_escaped_str(&mut page, "<b>\u{202e}x\"").unwrap();
/// assert_eq!(page, r"&#60;b&#62;\u{202e}x&#34;");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown;

impl Escaper for Shown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut rest = string;
        while let Some(at) = rest.find(is_special) {
            let (plain, tail) = rest.split_at(at);
            dest.write_str(plain)?;
            let Some(c) = tail.chars().next() else { break };
            match c {
                '<' => dest.write_str("&#60;")?,
                '>' => dest.write_str("&#62;")?,
                '&' => dest.write_str("&#38;")?,
                '"' => dest.write_str("&#34;")?,
                '\'' => dest.write_str("&#39;")?,
                c => write!(dest, "\\u{{{:x}}}", u32::from(c))?,
            }
            rest = tail.get(c.len_utf8()..).unwrap_or_default();
        }
        dest.write_str(rest)
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '"' | '\'') || is_hidden(c)
}

fn is_hidden(c: char) -> bool {
    if matches!(c, '\n' | '\r' | '\t') {
        return false;
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let mut page = String::new();
        Shown.write_escaped_str(&mut page, text).unwrap();
        page
    }

    #[test]
    fn what_is_plain_stays() {
        for text in ["", "día 日\n\tx", "s3:GetObject=arn:aws:s3:::a/*", "שלום"] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("a\u{200b}b\u{0}"), "a\\u{200b}b\\u{0}");
    }

    proptest! {
        #[test]
        fn nothing_acts_and_nothing_hides(text in "(?s).{0,40}") {
            let page = shown(&text);
            prop_assert!(!page.contains(['<', '>', '"', '\'']));
            prop_assert!(!page.contains(is_hidden));
            prop_assert_eq!(page.matches('&').count(), page.matches("&#").count());
        }
    }
}
