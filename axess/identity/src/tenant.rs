use crate::{LockoutPolicy, Pepper, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest slug, in characters (one DNS label).
const MAX_SLUG: usize = 63;

/// One tenant and the configuration that applies to everybody in it.
///
/// ```
/// use axess_identity::{LockoutPolicy, Tenant, TenantId, TenantSlug, TenantStatus};
/// let tenant = Tenant {
///     tenant_id: TenantId::from_parts(0, [0; 10]),
///     slug: "acme".parse::<TenantSlug>().unwrap(),
///     status: TenantStatus::Active,
///     display_name: "Acme Inc.".into(),
///     fingerprint_pepper: [7u8; 32].into(),
///     lockout_policy: Some(LockoutPolicy::default()),
///     device_retention_days: 90,
///     created_at: chrono::DateTime::UNIX_EPOCH,
///     suspended_at: None,
/// };
/// assert!(tenant.status.admits_logins());
/// ```
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// The name users and URLs call it by, unique in the deployment.
    pub slug: TenantSlug,
    /// Where in its life the tenant is.
    pub status: TenantStatus,
    /// A name for people.
    pub display_name: String,
    /// The secret that keeps device fingerprints of different tenants apart.
    pub fingerprint_pepper: Pepper,
    /// The tenant's own lockout policy; `None` takes the global one.
    pub lockout_policy: Option<LockoutPolicy>,
    /// How long device records are kept after their last use.
    pub device_retention_days: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was suspended, while it is.
    pub suspended_at: Option<DateTime<Utc>>,
}

/// Where in its life a tenant is.
///
/// ```
/// use axess_identity::TenantStatus;
/// assert!(!TenantStatus::Suspended.admits_logins());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// In use.
    Active,
    /// Kept, but nobody can log in.
    Suspended,
    /// Marked for erasure; nobody can log in.
    Deleted,
}

impl TenantStatus {
    /// Tells whether users of such a tenant may log in.
    #[must_use]
    pub fn admits_logins(self) -> bool {
        matches!(self, Self::Active)
    }
}

/// A tenant's short name: 1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit.
///
/// Parsing lower-cases, so `ACME` and `acme` are one tenant.
///
/// ```
/// use axess_identity::TenantSlug;
/// assert_eq!("Default".parse::<TenantSlug>().unwrap().as_str(), "default");
/// assert!("../etc".parse::<TenantSlug>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantSlug(String);

/// Says that a text cannot be a tenant slug.
///
/// ```
/// use axess_identity::TenantSlug;
/// let error = "".parse::<TenantSlug>().unwrap_err();
/// assert!(error.to_string().contains("1 to 63"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant slug is 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit")]
pub struct TenantSlugError;

impl TenantSlug {
    /// Returns the slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantSlug {
    type Err = TenantSlugError;

    fn from_str(text: &str) -> Result<Self, TenantSlugError> {
        let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let first = text.bytes().next().ok_or(TenantSlugError)?;
        if text.len() > MAX_SLUG || !first.is_ascii_alphanumeric() || !text.bytes().all(inner) {
            return Err(TenantSlugError);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for TenantSlug {
    type Error = TenantSlugError;

    fn try_from(text: String) -> Result<Self, TenantSlugError> {
        text.parse()
    }
}

impl From<TenantSlug> for String {
    fn from(slug: TenantSlug) -> Self {
        slug.0
    }
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantSlug({:?})", self.0)
    }
}
