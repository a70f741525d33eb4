use super::{Owner, StoreError, twin::storage_trait};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// Connects a session at an identity provider with one of ours.
///
/// The provider names its session (`sid`) or its user (`sub`) when it logs somebody out (OpenID Connect Back-Channel
/// Logout 1.0 §2.4); ours is named by its lineage, which rotations do not change.
///
/// ```
/// use axess_core::store::{Owner, SidBinding};
/// use axess_identity::{SessionId, TenantId, UserId};
/// let binding = SidBinding {
///     owner: Owner { tenant_id: TenantId::from_parts(0, [0; 10]), user_id: UserId::from_parts(0, [0; 10]) },
///     issuer: "https://login.example.com".into(),
///     sid: Some("08a5019c".into()),
///     subject: "248289761001".into(),
///     lineage: SessionId::from_bytes([1; 16]),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(binding.sid.as_deref(), Some("08a5019c"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidBinding {
    /// Whose session it is.
    pub owner: Owner,
    /// The provider's issuer as links name it ([`link_issuer`](axess_factors::federated::FederatedIdentity::link_issuer)): a SAML
    /// entity of the same name has sessions of its own. At most 512 bytes.
    pub issuer: String,
    /// The provider's session, if it names one; at most 255 bytes.
    pub sid: Option<String>,
    /// The provider's user; at most 255 bytes (OpenID Connect Core 1.0 §2).
    pub subject: String,
    /// Our session's lineage.
    pub lineage: SessionId,
    /// When our session, and what its refresh tokens opened, ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// What a provider logged out.
///
/// ```
/// use axess_core::store::LoggedOut;
/// assert_ne!(LoggedOut::Session("08a5019c"), LoggedOut::SessionOf("08a5019c", "248289761001"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedOut<'a> {
    /// One of its sessions, by its `sid`, whoever's it is.
    Session(&'a str),
    /// A user's session, by its `sid` and their `sub`. A `SessionIndex` need not be unique (SAML Core §2.7.2).
    SessionOf(&'a str, &'a str),
    /// All that a user had there, by their `sub`.
    User(&'a str),
    /// What a user had there without a name, by their `sub`.
    Nameless(&'a str),
}

/// Names a logout at a provider: a digest of where it counts, who said it, and what it ended.
///
/// ```
/// use axess_core::store::{LoggedOut, LogoutKey};
/// let at = |issuer| LogoutKey::new(None, issuer, LoggedOut::Session("08a5019c"));
/// assert_ne!(at("https://a.example"), at("https://b.example"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogoutKey([u8; 32]);

impl LogoutKey {
    /// Names what a provider of one tenant, or of all of them, logged out. `issuer` is as in [`SidBinding::issuer`].
    #[must_use]
    pub fn new(tenant_id: Option<TenantId>, issuer: &str, what: LoggedOut<'_>) -> Self {
        let tenant = tenant_id.map_or_else(String::new, |tenant_id| tenant_id.to_string());
        let (kind, sid, subject) = match what {
            LoggedOut::Session(sid) => ("session", sid, ""),
            LoggedOut::SessionOf(sid, subject) => ("session of", sid, subject),
            LoggedOut::User(subject) => ("user", "", subject),
            LoggedOut::Nameless(subject) => ("nameless", "", subject),
        };
        let mut digest = Sha256::new();
        for part in [tenant.as_str(), issuer, kind, sid, subject] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(digest.finalize().into())
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

storage_trait! {
    /// Finds our sessions by what an identity provider calls them.
    ///
    /// ```
    /// use axess_core::{memory::MemorySidStore, store::{SidStore, StoreError}};
    /// # async fn example(tenant: axess_identity::TenantId, now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
    /// let found = MemorySidStore::new().find_by_sid(Some(tenant), "https://login.example.com".into(), "08a5019c".into(), now).await?;
    /// assert!(found.is_empty());
    /// # Ok(()) }
    /// ```
    pub trait SidStore / DynSidStore for [DynSidStore] {
        /// Adds a binding, or replaces the one of the same issuer and lineage.
        async fn bind(binding: SidBinding) -> Result<(), StoreError>;
        /// Finds the bindings of one session of the provider, in the order of tenants and lineages.
        ///
        /// Without a tenant it searches all of them: for a provider that serves them all.
        async fn find_by_sid(tenant_id: Option<TenantId>, issuer: String, sid: String, now: DateTime<Utc>) -> Result<Vec<SidBinding>, StoreError>;
        /// Finds the bindings of one user of the provider, in the order of tenants and lineages; without a tenant, in all of them.
        async fn find_by_subject(tenant_id: Option<TenantId>, issuer: String, subject: String, now: DateTime<Utc>) -> Result<Vec<SidBinding>, StoreError>;
        /// Removes the binding of one lineage; an unknown one is fine.
        async fn unbind(tenant_id: TenantId, issuer: String, lineage: SessionId) -> Result<(), StoreError>;
        /// Remembers until `until` that a provider logged `key` out at `at`: of two times the later one.
        ///
        /// A login that was begun before may still be on its way, without a binding yet.
        async fn note_logout(key: LogoutKey, at: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), StoreError>;
        /// Finds when a provider last logged `key` out, as far as that is remembered at `now`.
        async fn last_logout(key: LogoutKey, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError>;
        /// Deletes at most `limit` bindings and logouts that expired before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
