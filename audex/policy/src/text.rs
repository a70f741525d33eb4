//! Which characters people see.

/// Tells whether a character shows nothing of its own: white space, a control, or one that is there for others.
///
/// ```
/// use audex_policy::is_unseen;
/// assert!("  \u{200b}\u{2060}\n".chars().all(is_unseen));
/// assert!(!"é٣漢👍".chars().any(is_unseen));
/// ```
pub fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || is_deceptive(c)
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Tells whether a character has a text read as something else.
///
/// That is a control other than a line break or a tab, one that turns the order of others around (UAX #9), or one that breaks a
/// line unseen.
///
/// ```
/// use audex_policy::is_deceptive;
/// assert!(is_deceptive('\u{202e}') && is_deceptive('\u{7}'));
/// assert!(!"two\r\nlines\tof שלום".chars().any(is_deceptive));
/// ```
pub fn is_deceptive(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
