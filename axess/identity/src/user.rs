use crate::{Identifier, TenantId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

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
/// The check is deliberately shallow (one `@`, no control characters or spaces, at most 254 characters, RFC 5321): only a
/// delivered code proves an address. The local part keeps its case; the domain is lower-cased.
///
/// ```
/// use axess_identity::EmailAddress;
/// assert_eq!("Bob@Example.COM".parse::<EmailAddress>().unwrap().as_str(), "Bob@example.com");
/// assert!("a@b\r\nBcc: c@d".parse::<EmailAddress>().is_err());
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
        let clean = |part: &str| {
            !part.is_empty()
                && !part
                    .chars()
                    .any(|c| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"@".contains(c))
        };
        if text.len() > 254 || local.len() > 64 || !clean(local) || !clean(domain) {
            return Err(EmailAddressError);
        }
        Ok(Self(format!("{local}@{}", domain.to_lowercase())))
    }
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
        write!(
            f,
            "EmailAddress(…@{})",
            self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
        )
    }
}
