use super::{SaveOutcome, StoreError, twin::storage_trait};
use crate::authn::{AuthnScope, FactorConfig, FactorPolicy};
use axess_identity::{FactorKind, TenantId, UserId};

/// A stored value with the version its next conditional write must name.
///
/// ```
/// use axess_core::store::Stored;
/// let stored = Stored { value: "seed", version: 3 };
/// assert_eq!(stored.version, 3);
/// ```
#[derive(Debug, Clone)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Its version, from 1.
    pub version: u64,
}

/// One factor of one user, resolved through the scope chain in one round trip.
///
/// ```
/// use axess_core::store::ScopedFactor;
/// let nothing = ScopedFactor { record: None, policy: None };
/// assert!(nothing.record.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct ScopedFactor {
    /// What the user enrolled, if anything.
    pub record: Option<Stored<FactorConfig>>,
    /// The narrowest policy for this factor (User → Tenant → Global).
    pub policy: Option<FactorPolicy>,
}

/// What a conditional write expects to find.
///
/// ```
/// use axess_core::store::Expected;
/// assert_ne!(Expected::Absent, Expected::Version(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// No record.
    Absent,
    /// A record with this version.
    Version(u64),
    /// Whatever is there: only for administrators' resets.
    Any,
}

impl Expected {
    /// Tells whether a conditional write may happen on a record with this version (`None`: there is none).
    #[must_use]
    pub fn admits(self, version: Option<u64>) -> bool {
        match self {
            Self::Absent => version.is_none(),
            Self::Version(expected) => version == Some(expected),
            Self::Any => true,
        }
    }
}

storage_trait! {
    /// Keeps what users enrolled, and the policies for it.
    ///
    /// A one-time code is spent by [`save_factor`](FactorStore::save_factor) with [`Expected::Version`]: of two racing
    /// requests exactly one gets [`SaveOutcome::Saved`].
    ///
    /// ```
    /// use axess_core::{memory::InMemoryBackend, store::{FactorStore, StoreError}};
    /// use axess_identity::{FactorKind, TenantId, UserId};
    /// # async fn example(tenant: TenantId, user: UserId) -> Result<(), StoreError> {
    /// let found = InMemoryBackend::new().load_factor(tenant, user, FactorKind::Totp).await?;
    /// assert!(found.record.is_none());
    /// # Ok(()) }
    /// ```
    pub trait FactorStore / DynFactorStore for [DynFactorStore] {
        /// Reads one factor of one user and its policy.
        async fn load_factor(tenant_id: TenantId, user_id: UserId, kind: FactorKind) -> Result<ScopedFactor, StoreError>;
        /// Lists what one user has enrolled.
        async fn find_factors(tenant_id: TenantId, user_id: UserId) -> Result<Vec<FactorKind>, StoreError>;
        /// Writes a user's record in one conditional step; the new version is the old one plus 1.
        async fn save_factor(tenant_id: TenantId, user_id: UserId, config: FactorConfig, expected: Expected) -> Result<SaveOutcome, StoreError>;
        /// Removes a user's record; tells whether there was one.
        async fn delete_factor(tenant_id: TenantId, user_id: UserId, kind: FactorKind) -> Result<bool, StoreError>;
        /// Removes everything a user enrolled.
        async fn delete_factors(tenant_id: TenantId, user_id: UserId) -> Result<u64, StoreError>;
        /// Replaces the policy for one factor at one scope; `None` removes it.
        async fn save_factor_policy(scope: AuthnScope, kind: FactorKind, policy: Option<FactorPolicy>) -> Result<(), StoreError>;
    }
}
