use crate::{
    Identifier, TenantId, UserId,
    identifier::{canonical, is_allowed},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use unicode_normalization::char::is_combining_mark;

/// The longest address and the longest part before its `@`, in bytes (RFC 5321 §4.5.3.1).
const MAX_ADDRESS_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;

/// The longest label of a domain, in characters (RFC 1035 §2.3.4).
const MAX_LABEL_CHARS: usize = 63;

/// One human account in one tenant.
///
/// ```
/// use axess_identity::{Identifier, TenantId, User, UserId, UserStatus};
/// let user = User {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     identifier: Identifier::parse("alice").unwrap(),
///     display_name: None,
///     email: Some("alice@example.com".parse().unwrap()),
///     email_verified: true,
///     status: UserStatus::Active,
///     created_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert!(user.status.admits_logins());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account's id.
    pub user_id: UserId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What the user types to log in, unique inside the tenant.
    pub identifier: Identifier,
    /// A name for people.
    pub display_name: Option<String>,
    /// Where mail for this account goes: codes are sent here and nowhere else.
    pub email: Option<EmailAddress>,
    /// Whether the user has proved to read mail at that address.
    pub email_verified: bool,
    /// Where in its life the account is.
    pub status: UserStatus,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Where in its life an account is.
///
/// ```
/// use axess_identity::UserStatus;
/// assert!(UserStatus::Active.admits_logins());
/// assert!(!UserStatus::Suspended.admits_logins());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Signed up but the sign-up ceremony is not finished.
    Pending,
    /// In use.
    Active,
    /// Kept, but may not log in.
    Suspended,
    /// Erased; only the id is left.
    Erased,
}

impl UserStatus {
    /// Tells whether such an account may log in.
    #[must_use]
    pub fn admits_logins(self) -> bool {
        matches!(self, Self::Active)
    }
}

/// An address mail can be sent to.
///
/// The check is shallow, because only a delivered code proves an address: at most 254 bytes (RFC 5321), 64 of them before
/// the last `@`; no white space, quoting, control, invisible or bidirectional character; and a domain of labels of
/// letters, digits and inner hyphens, letters of any script included (RFC 6531). The local part stays as typed; the domain
/// is NFKC-normalised and lower-cased, so that one mailbox domain has one spelling.
///
/// ```
/// use axess_identity::EmailAddress;
/// assert_eq!("Bob@Example.COM".parse::<EmailAddress>().unwrap().as_str(), "Bob@example.com");
/// assert!("a@b\r\nBcc: c@d".parse::<EmailAddress>().is_err());
/// assert!("bob@exam\u{200b}ple.com".parse::<EmailAddress>().is_err(), "a zero-width space");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// Says that a text cannot be an e-mail address.
///
/// ```
/// use axess_identity::EmailAddress;
/// assert_eq!("nobody".parse::<EmailAddress>().unwrap_err().to_string(), "not an e-mail address");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct EmailAddressError;

impl EmailAddress {
    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(EmailAddressError)?;
        if text.len() > MAX_ADDRESS_BYTES || !is_local_part(local) || domain.contains(char::is_whitespace) {
            return Err(EmailAddressError);
        }
        let domain = canonical(domain);
        let address = format!("{local}@{domain}");
        // Normalising may have made it longer.
        if address.len() > MAX_ADDRESS_BYTES || !domain.split('.').all(is_label) {
            return Err(EmailAddressError);
        }
        Ok(Self(address))
    }
}

fn is_local_part(text: &str) -> bool {
    (1..=MAX_LOCAL_BYTES).contains(&text.len())
        && text.chars().all(|c| is_allowed(c) && !"<>()[]\\,;:\"@".contains(c))
}

fn is_label(text: &str) -> bool {
    // Some scripts write vowels as marks, which need a letter before them.
    let inner = |c| c == '-' || is_combining_mark(c);
    text.chars().count() <= MAX_LABEL_CHARS
        && text.chars().all(|c| is_allowed(c) && (c.is_alphanumeric() || inner(c)))
        && text.chars().next().is_some_and(|first| !inner(first))
        && !text.ends_with('-')
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailAddressError;

    fn try_from(text: String) -> Result<Self, EmailAddressError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    /// Prints the domain only: an address is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(…@{})", self.0.rsplit_once('@').map_or("", |(_, domain)| domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        text.parse::<EmailAddress>().ok().map(String::from)
    }

    #[test]
    fn one_domain_has_one_spelling() {
        for (typed, kept) in [
            ("Bob+News@Example.COM", "Bob+News@example.com"),
            ("o'neil@localhost", "o'neil@localhost"),
            ("bob@ＥＸＡＭＰＬＥ．com", "bob@example.com"),
            ("bob@bu\u{308}cher.example", "bob@b\u{fc}cher.example"),
            ("пётр@ПРИМЕР.рф", "пётр@пример.рф"),
            ("a@हिन्दी.भारत", "a@हिन्दी.भारत"),
            ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ] {
            let once = parse(typed);
            assert_eq!(once.as_deref(), Some(kept), "{typed}");
            assert_eq!(parse(kept), once, "what is written can be read");
        }
    }

    #[test]
    fn unseen_characters_are_refused_everywhere() {
        for c in "\u{200b}\u{200c}\u{200d}\u{ad}\u{202e}\u{2066}\u{2060}\u{feff}\u{34f}\u{3164}\u{fe0f}\u{e0061}\u{e000}\t\n\0\u{85} \u{a0}\u{2028}".chars() {
            for address in [format!("b{c}ob@example.com"), format!("bob@exam{c}ple.com"), format!("bob@{c}example.com"), format!("bob@example.com{c}")] {
                assert_eq!(parse(&address), None, "{address:?}");
            }
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            "",
            "@",
            "bob",
            "bob@",
            "@example.com",
            "b@b@example.com",
            "bob@a..example.com",
            "bob@.example.com",
            "bob@example.com.",
            "bob@-example.com",
            "bob@a-.example.com",
            "bob@exa_mple.com",
            "bob@exa/mple.com",
            "bob@[127.0.0.1]",
            "bob@example.com>",
            "\"b b\"@example.com",
            "bob@\u{301}example.com",
            "bob@exam%ple.com",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_part_is_bounded_before_and_after_normalisation() {
        let domain = |letter: &str, times| vec![letter.repeat(times); 3].join(".");
        assert!(parse(&format!("{}@{}", "a".repeat(58), domain("b", 63))).is_some(), "250 bytes");
        assert_eq!(parse(&format!("{}@{}", "a".repeat(63), domain("b", 63))), None, "255 bytes");
        assert!(parse(&format!("{}@b.c", "a".repeat(64))).is_some());
        assert_eq!(parse(&format!("{}@b.c", "a".repeat(65))), None);
        assert_eq!(parse(&format!("a@{}.c", "b".repeat(64))), None);
        // `㌀` is 3 bytes as typed and 12 as written.
        assert!(parse(&format!("a@{}", domain("\u{3300}", 6))).is_some());
        assert_eq!(parse(&format!("a@{}", domain("\u{3300}", 7))), None);
    }
}
