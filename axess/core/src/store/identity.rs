use super::{
    AttemptOutcome, AttemptRecord, AttemptRequest, Reservation, SaveOutcome, Settled, StoreError,
    StoreErrorKind, twin::storage_trait,
};
use crate::authn::{AuthnScope, Method};
use axess_identity::{
    EmailAddress, Identifier, LockoutPolicy, Pepper, Tenant, TenantId, TenantSlug, TenantStatus, User,
    UserId, UserStatus,
};
use chrono::{DateTime, Utc};

mod noop;

pub use noop::NoopAuthnLog;

/// Everything a login needs to know before a credential is seen, found in one round trip.
///
/// ```
/// use axess_core::store::LoginSubject;
/// let nobody = LoginSubject { tenant: None, user: None, methods: vec![] };
/// assert!(nobody.user.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct LoginSubject {
    /// The tenant, if the slug names one.
    pub tenant: Option<Tenant>,
    /// The account, if the identifier names one in that tenant.
    pub user: Option<User>,
    /// The enabled methods of the narrowest scope that has any (User → Tenant → Global). The first is the default.
    pub methods: Vec<Method>,
}

impl LoginSubject {
    /// Returns the account a login may proceed for: one that exists and may log in, in a tenant that may.
    #[must_use]
    pub fn active_user(&self) -> Option<&User> {
        let tenant_admits = self.tenant.as_ref().is_some_and(|tenant| tenant.status.admits_logins());
        self.user.as_ref().filter(|user| tenant_admits && user.status.admits_logins())
    }

    /// Returns the attempt to reserve: for the active account, else for the stand-in it came with.
    #[must_use]
    pub fn attempt(&self, stand_in: AttemptRequest) -> AttemptRequest {
        match (self.active_user(), &self.tenant) {
            (Some(user), _) => {
                AttemptRequest { tenant_id: user.tenant_id, user_id: user.user_id, ..stand_in }
            }
            (None, Some(tenant)) => AttemptRequest { tenant_id: tenant.tenant_id, ..stand_in },
            (None, None) => stand_in,
        }
    }
}

/// An account to be created.
///
/// ```
/// # use axess_core::store::NewUser;
/// # use axess_identity::*;
/// let new = NewUser {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     identifier: Identifier::parse("alice").unwrap(),
///     display_name: None,
///     email: None,
///     email_verified: false,
///     status: UserStatus::Pending,
///     created_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(new.status, UserStatus::Pending);
/// ```
pub type NewUser = User;

/// The longest name for people, of an account or a tenant, in bytes.
pub const MAX_DISPLAY_NAME_BYTES: usize = 4096;

/// Checks that every store can keep a name for people.
///
/// ```
/// use axess_core::store::check_display_name;
/// assert!(check_display_name("Zoë").is_ok() && check_display_name("a\0b").is_err());
/// ```
///
/// # Errors
///
/// [`StoreErrorKind::Misuse`] for one of more than [`MAX_DISPLAY_NAME_BYTES`] or with a NUL.
pub fn check_display_name(name: &str) -> Result<(), StoreError> {
    if name.len() > MAX_DISPLAY_NAME_BYTES || name.contains('\0') {
        let why = "a name for people has at most 4 KiB and no NUL";
        return Err(StoreError::new(StoreErrorKind::Misuse, why));
    }
    Ok(())
}

/// A change to an account. `None` leaves a field as it is.
///
/// ```
/// use axess_core::store::UserChange;
/// let rename = UserChange { display_name: Some("Alice".into()), ..UserChange::default() };
/// assert!(rename.email.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// A new login name; a taken one is a conflict.
    pub identifier: Option<Identifier>,
    /// A new name for people.
    pub display_name: Option<String>,
    /// A new mail address, unverified until proved.
    pub email: Option<EmailAddress>,
    /// Whether the stored address is proved.
    pub email_verified: Option<bool>,
    /// A new status.
    pub status: Option<UserStatus>,
}

/// Everything a tenant needs to exist in a sound state.
///
/// ```
/// # use axess_core::{authn::Method, store::TenantBootstrap};
/// # use axess_identity::*;
/// let acme = TenantBootstrap {
///     tenant_id: TenantId::from_parts(0, [1; 10]),
///     slug: "acme".parse().unwrap(),
///     display_name: "Acme Inc.".into(),
///     methods: vec![Method::password()],
///     fingerprint_pepper: [7u8; 32].into(),
///     lockout_policy: None,
///     device_retention_days: 90,
///     created_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(acme.methods.len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct TenantBootstrap {
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// Its short name.
    pub slug: TenantSlug,
    /// Its name for people.
    pub display_name: String,
    /// Its enabled methods; empty takes the global ones.
    pub methods: Vec<Method>,
    /// The secret for device fingerprints.
    pub fingerprint_pepper: Pepper,
    /// Its own lockout policy, if any.
    pub lockout_policy: Option<LockoutPolicy>,
    /// How long device records are kept.
    pub device_retention_days: u32,
    /// When it is created.
    pub created_at: DateTime<Utc>,
}

/// One page of a listing.
///
/// ```
/// use axess_core::store::Page;
/// let first = Page { after: None, limit: 50 };
/// assert!(first.after.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Continue after this user; ids sort by time.
    pub after: Option<UserId>,
    /// At most this many; a store may cap it at 1000.
    pub limit: usize,
}

storage_trait! {
    /// Reads identities: the narrowest tier, enough for a read replica.
    ///
    /// Every verb that finds a tenant's row takes the tenant.
    ///
    /// ```
    /// use axess_core::{memory::InMemoryBackend, store::{IdentityLookup, StoreError}};
    /// use axess_identity::Identifier;
    /// # async fn example() -> Result<(), StoreError> {
    /// let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
    /// let found = backend.find_login("default".parse().unwrap(), Identifier::parse("alice").unwrap()).await?;
    /// assert!(found.user.is_some());
    /// # Ok(()) }
    /// ```
    pub trait IdentityLookup / DynIdentityLookup for [DynIdentityLookup, DynIdentityAuthnLog, DynIdentityAdmin] {
        /// Finds tenant, account and enabled methods for a login, in one round trip. An account of another tenant,
        /// or one that is [`UserStatus::Erased`], is not found.
        async fn find_login(tenant: TenantSlug, identifier: Identifier) -> Result<LoginSubject, StoreError>;
        /// Reads one account.
        async fn get_user(tenant_id: TenantId, user_id: UserId) -> Result<Option<User>, StoreError>;
        /// Finds an account by login name.
        async fn find_user(tenant_id: TenantId, identifier: Identifier) -> Result<Option<User>, StoreError>;
        /// Finds an account by *verified* mail address.
        async fn find_user_by_email(tenant_id: TenantId, email: EmailAddress) -> Result<Option<User>, StoreError>;
        /// Lists the accounts of a tenant in id order.
        async fn find_users(tenant_id: TenantId, page: Page) -> Result<Vec<User>, StoreError>;
        /// Reads one tenant.
        async fn get_tenant(tenant_id: TenantId) -> Result<Option<Tenant>, StoreError>;
        /// Finds a tenant by its short name.
        async fn find_tenant(slug: TenantSlug) -> Result<Option<Tenant>, StoreError>;
        /// Reads the methods stored at exactly this scope.
        async fn get_methods(scope: AuthnScope) -> Result<Vec<Method>, StoreError>;
        /// Reads the enabled methods of a user through the scope chain.
        async fn find_methods(tenant_id: TenantId, user_id: UserId) -> Result<Vec<Method>, StoreError>;
        /// Reads the lockout policy of a user through the scope chain.
        async fn find_lockout_policy(tenant_id: TenantId, user_id: UserId) -> Result<Option<LockoutPolicy>, StoreError>;
    }
}

storage_trait! {
    /// Counts credential attempts: what lockout stands on.
    ///
    /// The user's lever counts each factor of the account by itself: a right password must not wipe out guesses at the
    /// second factor, and a stranger's guesses at the password must not lock a passkey.
    ///
    /// ```
    /// use axess_core::store::{DynIdentityAuthnLog, IdentityAuthnLog};
    /// fn erase(log: impl IdentityAuthnLog) -> std::sync::Arc<dyn DynIdentityAuthnLog> {
    ///     std::sync::Arc::new(log)
    /// }
    /// # let _ = erase(axess_core::memory::InMemoryBackend::new());
    /// ```
    pub trait IdentityAuthnLog / DynIdentityAuthnLog: IdentityLookup / DynIdentityLookup for [DynIdentityAuthnLog, DynIdentityAdmin] {
        /// Counts an attempt as failed, **before** the credential is verified, on all three levers (user, tenant, address)
        /// in one atomic step, unless one of them is locked. Racing callers can therefore never try more credentials
        /// than the policy allows. The policy is resolved through the scope chain, else the request's default.
        async fn reserve_attempt(request: AttemptRequest) -> Result<Reservation, StoreError>;
        /// Does [`find_login`](IdentityLookup::find_login) and [`reserve_attempt`](IdentityAuthnLog::reserve_attempt) for what
        /// it found ([`LoginSubject::attempt`]) in one round trip.
        async fn reserve_login(tenant: TenantSlug, identifier: Identifier, stand_in: AttemptRequest) -> Result<(LoginSubject, Reservation), StoreError>;
        /// Settles a reserved attempt and appends it to the log. Success clears the account's count for this factor and
        /// gives back the tenant's and the address's; `Abandoned` gives back all three. In the same step it reads whether
        /// the account may log in now.
        async fn settle_attempt(request: AttemptRequest, outcome: AttemptOutcome) -> Result<Settled, StoreError>;
        /// Clears the locks and counts of one account, for every factor.
        async fn clear_lockout(tenant_id: TenantId, user_id: UserId) -> Result<(), StoreError>;
        /// Reads the newest attempts on one account, newest first, at most `limit`.
        async fn last_attempts(tenant_id: TenantId, user_id: UserId, limit: usize) -> Result<Vec<AttemptRecord>, StoreError>;
    }
}

storage_trait! {
    /// Changes identities: the widest tier.
    ///
    /// ```
    /// use axess_core::{authn::{AuthnScope, Method}, memory::InMemoryBackend, store::{IdentityAdmin, StoreError}};
    /// # async fn example() -> Result<(), StoreError> {
    /// let backend = InMemoryBackend::new();
    /// backend.save_methods(AuthnScope::Global, vec![Method::password_then_totp()]).await?;
    /// # Ok(()) }
    /// ```
    pub trait IdentityAdmin / DynIdentityAdmin: IdentityAuthnLog / DynIdentityAuthnLog for [DynIdentityAdmin] {
        /// Creates an account; [`SaveOutcome::Conflict`] when its id exists or its login name is taken in the tenant. A
        /// [`UserStatus::Pending`] account does not hold its name: it is replaced.
        async fn create_user(user: NewUser) -> Result<SaveOutcome, StoreError>;
        /// Changes an account; [`SaveOutcome::Conflict`] when it does not exist, is erased, or the new name is taken.
        async fn update_user(tenant_id: TenantId, user_id: UserId, change: UserChange) -> Result<SaveOutcome, StoreError>;
        /// Erases an account's personal data and frees its name; the id stays as a tombstone.
        async fn erase_user(tenant_id: TenantId, user_id: UserId, reason: String) -> Result<SaveOutcome, StoreError>;
        /// Replaces the enabled methods of one scope; empty removes the override.
        async fn save_methods(scope: AuthnScope, methods: Vec<Method>) -> Result<(), StoreError>;
        /// Replaces the lockout policy of one scope; `None` removes the override.
        async fn save_lockout_policy(scope: AuthnScope, policy: Option<LockoutPolicy>) -> Result<(), StoreError>;
        /// Creates a tenant with everything it needs, or nothing at all; [`SaveOutcome::Conflict`] when the slug is taken.
        async fn create_tenant(bootstrap: TenantBootstrap) -> Result<SaveOutcome, StoreError>;
        /// Changes a tenant's status.
        async fn set_tenant_status(tenant_id: TenantId, status: TenantStatus, at: DateTime<Utc>) -> Result<SaveOutcome, StoreError>;
        /// Replaces a tenant's fingerprint pepper.
        async fn rotate_fingerprint_pepper(tenant_id: TenantId, pepper: Pepper) -> Result<SaveOutcome, StoreError>;
        /// Deletes log entries older than `before`, at most `limit`, and returns how many.
        async fn purge_attempts(before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}

/// Has all three tiers: what a production backend implements.
///
/// ```
/// fn takes(_: impl axess_core::store::IdentityStore) {}
/// takes(axess_core::memory::InMemoryBackend::new());
/// ```
pub trait IdentityStore: IdentityAdmin {}

impl<T: IdentityAdmin> IdentityStore for T {}
