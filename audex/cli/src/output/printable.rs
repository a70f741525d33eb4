use std::fmt::Write;

/// Returns a text with nothing in it that a terminal would act on or that hides what stands there.
///
/// Control characters, and marks that turn the direction of writing or cannot be seen, are escaped.
///
/// ```
/// use audex_cli::output::printable;
/// assert_eq!(printable("a\u{1b}[31mb\n\u{202e}c"), "a\\x1b[31mb\\n\\u{202e}c");
/// assert_eq!(printable("día 日"), "día 日");
/// ```
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => {
                // A string takes whatever is written.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Returns a printable text of at most this many characters; what was cut is an ellipsis.
///
/// ```
/// use audex_cli::output::shortened;
/// assert_eq!(shortened("s3:GetObject", 6), "s3:Ge…");
/// assert_eq!(shortened("s3", 6), "s3");
/// ```
pub fn shortened(text: &str, most: usize) -> String {
    // No more of a long text is looked at than is shown.
    let beginning: String = text.chars().take(most.saturating_add(1)).collect();
    let text = printable(&beginning);
    if text.chars().count() <= most {
        return text;
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left() {
        for c in ('\0'..='\u{9f}').chain('\u{200b}'..='\u{206f}').filter(|c| c.is_control() || is_hidden(*c))
        {
            let text = printable(&format!("a{c}b"));
            assert!(text.starts_with("a\\") && text.ends_with('b'), "{text}");
        }
    }

    #[test]
    fn an_escape_counts_as_it_is_shown() {
        assert_eq!(shortened("\u{1b}\u{1b}\u{1b}", 5), "\\x1b…");
        assert_eq!(shortened("", 0), "");
    }
}
