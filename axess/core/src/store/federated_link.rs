use super::{Expected, Owner, SaveOutcome, StoreError, Stored, twin::storage_trait};
use axess_identity::{ProviderName, TenantId};
use chrono::{DateTime, Utc};

/// Whose account an identity at a provider is.
///
/// ```
/// use axess_core::store::{FederatedLink, Owner};
/// use axess_identity::{TenantId, UserId};
/// let link = FederatedLink {
///     owner: Owner { tenant_id: TenantId::from_parts(0, [0; 10]), user_id: UserId::from_parts(0, [0; 10]) },
///     issuer: "https://login.example.com".into(),
///     subject: "248289761001".into(),
///     provider: "okta".parse().unwrap(),
///     linked_at: chrono::DateTime::UNIX_EPOCH,
///     last_used_at: None,
/// };
/// assert!(link.last_used_at.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedLink {
    /// The account.
    pub owner: Owner,
    /// The provider's issuer identifier, after `saml:` or `oauth2:` where it is one of those; at most 512 bytes.
    pub issuer: String,
    /// The user, as the provider names them; at most 255 bytes.
    pub subject: String,
    /// What the application called the provider when they were linked.
    pub provider: ProviderName,
    /// When they were linked.
    pub linked_at: DateTime<Utc>,
    /// When the account was last logged in to with it.
    pub last_used_at: Option<DateTime<Utc>>,
}

storage_trait! {
    /// Keeps which identities at providers belong to which accounts.
    ///
    /// In a tenant, an issuer's subject belongs to at most one account.
    ///
    /// ```
    /// use axess_core::{memory::MemoryFederatedLinkStore, store::{FederatedLinkStore, StoreError}};
    /// # async fn example(tenant: axess_identity::TenantId) -> Result<(), StoreError> {
    /// let store = MemoryFederatedLinkStore::new();
    /// let found = store.find_link(tenant, "https://login.example.com".into(), "248289761001".into()).await?;
    /// assert!(found.is_none());
    /// # Ok(()) }
    /// ```
    pub trait FederatedLinkStore / DynFederatedLinkStore for [DynFederatedLinkStore] {
        /// Finds the account of one identity.
        async fn find_link(tenant_id: TenantId, issuer: String, subject: String) -> Result<Option<Stored<FederatedLink>>, StoreError>;
        /// Lists the identities of one account, ordered by issuer and subject, byte by byte.
        async fn find_links(owner: Owner) -> Result<Vec<FederatedLink>, StoreError>;
        /// Writes the link of one identity in one conditional step: of two racing callbacks one wins. The new version is the
        /// old one plus 1.
        async fn save_link(link: FederatedLink, expected: Expected) -> Result<SaveOutcome, StoreError>;
        /// Notes that an identity was used, and tells whether it is (still) linked to this account. The version stays.
        async fn touch_link(owner: Owner, issuer: String, subject: String, at: DateTime<Utc>) -> Result<bool, StoreError>;
        /// Removes the link of one identity, if it is this account's; tells whether it was.
        async fn delete_link(owner: Owner, issuer: String, subject: String) -> Result<bool, StoreError>;
        /// Removes every link of one account, and returns how many.
        async fn delete_for_user(owner: Owner) -> Result<u64, StoreError>;
        /// Removes every link of one tenant, and returns how many.
        async fn delete_for_tenant(tenant_id: TenantId) -> Result<u64, StoreError>;
    }
}
