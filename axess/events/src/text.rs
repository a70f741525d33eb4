use rkyv::{
    Archive, Place,
    rancor::{Fallible, Source},
    ser::{Allocator, Writer},
    string::{ArchivedString, StringResolver},
    vec::{ArchivedVec, VecResolver},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{convert::Infallible, fmt, str::FromStr};

/// The longest text in an event, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// The most items in a list of texts.
pub const MAX_LIST_ITEMS: usize = 64;

/// Ends a text or a list that was cut.
const CUT: char = '…';

/// A text of an event, which an outsider may have chosen: bounded and on one line.
///
/// Making one never fails. A text longer than [`MAX_TEXT_BYTES`] is cut at a character and ends in `…`. Control
/// characters, line separators and the marks that reorder text on a screen become U+FFFD, so that no value can forge a
/// second record in a log or a terminal. Nothing is escaped: that is the work of the format it is written in. Reading
/// one from any format applies the same rule.
///
/// ```
/// use axess_events::{AuditText, MAX_TEXT_BYTES};
/// assert_eq!(AuditText::from("curl/8\r\nlogin ok").as_str(), "curl/8\u{fffd}\u{fffd}login ok");
/// assert_eq!(AuditText::from("x".repeat(9_999)).as_str().len(), MAX_TEXT_BYTES);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditText(String);

/// A list of texts of an event, at most [`MAX_LIST_ITEMS`] long.
///
/// A longer list is cut, and its last item is then `…`.
///
/// ```
/// use axess_events::AuditList;
/// let scopes: AuditList = ["calendar.read", "mail.read"].into_iter().collect();
/// assert_eq!(scopes.len(), 2);
/// let cut: AuditList = (0..1_000).map(|n| n.to_string()).collect();
/// assert_eq!((cut.len(), cut[63].as_str()), (64, "…"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditList(Vec<AuditText>);

impl AuditText {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AuditText {
    fn from(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len().min(MAX_TEXT_BYTES));
        for c in text.chars().map(visible) {
            if kept.len() + c.len_utf8() > MAX_TEXT_BYTES {
                while kept.len() + CUT.len_utf8() > MAX_TEXT_BYTES {
                    kept.pop();
                }
                kept.push(CUT);
                break;
            }
            kept.push(c);
        }
        Self(kept)
    }
}

fn visible(c: char) -> char {
    let reorders =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_a_line = matches!(c, '\u{2028}' | '\u{2029}');
    if c.is_control() || reorders || breaks_a_line { char::REPLACEMENT_CHARACTER } else { c }
}

impl From<String> for AuditText {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl FromStr for AuditText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for AuditText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AuditText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T: Into<AuditText>> FromIterator<T> for AuditList {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut kept: Vec<AuditText> = items.into_iter().take(MAX_LIST_ITEMS + 1).map(Into::into).collect();
        if kept.len() > MAX_LIST_ITEMS {
            kept.truncate(MAX_LIST_ITEMS - 1);
            kept.push(AuditText(CUT.to_string()));
        }
        Self(kept)
    }
}

impl std::ops::Deref for AuditList {
    type Target = [AuditText];

    fn deref(&self) -> &[AuditText] {
        &self.0
    }
}

impl Serialize for AuditText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AuditText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for AuditList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AuditList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<AuditText>::deserialize(deserializer).map(Self::from_iter)
    }
}

// The archived forms are those of a plain string and a plain list of strings; written out instead of derived so that
// reading one goes through the same bounds as making one.

impl Archive for AuditText {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    fn resolve(&self, resolver: StringResolver, out: Place<ArchivedString>) {
        ArchivedString::resolve_from_str(&self.0, resolver, out);
    }
}

impl<S: Fallible + Writer + ?Sized> rkyv::Serialize<S> for AuditText
where
    S::Error: Source,
{
    fn serialize(&self, serializer: &mut S) -> Result<StringResolver, S::Error> {
        ArchivedString::serialize_from_str(&self.0, serializer)
    }
}

impl<D: Fallible + ?Sized> rkyv::Deserialize<AuditText, D> for ArchivedString {
    fn deserialize(&self, _: &mut D) -> Result<AuditText, D::Error> {
        Ok(AuditText::from(self.as_str()))
    }
}

impl Archive for AuditList {
    type Archived = ArchivedVec<ArchivedString>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_slice(&self.0, resolver, out);
    }
}

impl<S: Fallible + Allocator + Writer + ?Sized> rkyv::Serialize<S> for AuditList
where
    S::Error: Source,
{
    fn serialize(&self, serializer: &mut S) -> Result<VecResolver, S::Error> {
        ArchivedVec::serialize_from_slice(&self.0, serializer)
    }
}

impl<D: Fallible + ?Sized> rkyv::Deserialize<AuditList, D> for ArchivedVec<ArchivedString> {
    fn deserialize(&self, _: &mut D) -> Result<AuditList, D::Error> {
        Ok(self.iter().map(|text| AuditText::from(text.as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_at_the_limit_is_kept_and_one_past_it_is_cut() {
        let full = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(AuditText::from(full.as_str()).as_str(), full);
        let cut = AuditText::from(format!("{full}x"));
        assert_eq!(cut.as_str(), format!("{}…", "x".repeat(MAX_TEXT_BYTES - 3)));
    }

    #[test]
    fn what_reorders_or_breaks_a_line_is_replaced() {
        for c in "\0\n\r\t\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}".chars() {
            assert_eq!(AuditText::from(format!("a{c}b")).as_str(), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(AuditText::from("\"Zoë\" <\\> 日本").as_str(), "\"Zoë\" <\\> 日本");
    }

    #[test]
    fn a_list_is_cut_past_its_limit_only() {
        let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<AuditList>();
        assert_eq!(list(MAX_LIST_ITEMS)[MAX_LIST_ITEMS - 1].as_str(), "63");
        let cut = list(MAX_LIST_ITEMS + 1);
        assert_eq!((cut.len(), cut[62].as_str(), cut[63].as_str()), (64, "62", "…"));
    }

    proptest! {
        #[test]
        fn every_text_is_bounded_and_stays_as_it_is(text in any::<String>(), times in 0..400_usize) {
            let once = AuditText::from(text.repeat(times));
            prop_assert!(once.as_str().len() <= MAX_TEXT_BYTES);
            prop_assert!(!once.as_str().chars().any(char::is_control));
            prop_assert_eq!(&AuditText::from(once.as_str()), &once);
            let json = serde_json::to_string(&once).unwrap();
            prop_assert_eq!(serde_json::from_str::<AuditText>(&json).unwrap(), once);
        }
    }

    #[test]
    fn reading_applies_the_bounds() {
        let json = serde_json::to_string(&"\n".repeat(2_000)).unwrap();
        let read: AuditText = serde_json::from_str(&json).unwrap();
        assert!(read.as_str().starts_with('\u{fffd}') && read.as_str().len() <= MAX_TEXT_BYTES);

        let foreign = rkyv::to_bytes::<rkyv::rancor::Error>(&vec!["a\nb".to_owned(); 100]).unwrap();
        let read: AuditList = rkyv::from_bytes::<AuditList, rkyv::rancor::Error>(&foreign).unwrap();
        assert_eq!((read.len(), read[0].as_str()), (MAX_LIST_ITEMS, "a\u{fffd}b"));
    }
}
