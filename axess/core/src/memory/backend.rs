use super::attempts::Ledger;
use crate::{
    authn::{AuthnScope, FactorConfig, FactorPolicy, Method, PasswordRecord},
    store::Stored,
};
use axess_factors::{Argon2idParams, KdfPool, PasswordHasher, PepperRing};
use axess_identity::{
    FactorKind, Identifier, LockoutPolicy, Password, Tenant, TenantId, TenantSlug, TenantStatus, User,
    UserId, UserStatus,
};
use axess_rng::{SecureRng, SystemRng, random_array};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Keeps identities, factors and attempts in memory: one type for both the identity and the factor store.
///
/// Clones share the data. A new backend knows one global method, `password`, and no tenant.
///
/// ```
/// use axess_core::memory::InMemoryBackend;
/// let backend = InMemoryBackend::new().with_user_password("alice", "default", "Gnomes2+");
/// assert_eq!(format!("{backend:?}"), "InMemoryBackend { tenants: 1, users: 1 }");
/// ```
#[derive(Clone)]
pub struct InMemoryBackend {
    pub(super) tables: Arc<Mutex<Tables>>,
    rng: Arc<dyn SecureRng>,
    hasher: Arc<PasswordHasher>,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) tenants: BTreeMap<TenantId, Tenant>,
    pub(super) users: BTreeMap<(TenantId, UserId), User>,
    pub(super) names: HashMap<(TenantId, Identifier), UserId>,
    pub(super) methods: HashMap<AuthnScope, Vec<Method>>,
    pub(super) lockout_policies: HashMap<AuthnScope, LockoutPolicy>,
    pub(super) factors: HashMap<(TenantId, UserId, FactorKind), Stored<FactorConfig>>,
    pub(super) factor_policies: HashMap<(AuthnScope, FactorKind), FactorPolicy>,
    pub(super) ledger: Ledger,
}

impl InMemoryBackend {
    /// Creates a backend with the global method `password`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_rng(Arc::new(SystemRng))
    }

    /// Creates a backend that draws ids and salts from `rng`.
    #[must_use]
    pub fn with_rng(rng: Arc<dyn SecureRng>) -> Self {
        let pool = Arc::new(KdfPool::inline());
        let hasher =
            PasswordHasher::new(Argon2idParams::default(), PepperRing::none(), pool, Arc::clone(&rng));
        let tables = Tables {
            methods: HashMap::from([(AuthnScope::Global, vec![Method::password()])]),
            ..Tables::default()
        };
        Self { tables: Arc::new(Mutex::new(tables)), rng, hasher: Arc::new(hasher) }
    }

    /// Hashes seeded passwords with `hasher`; its pool must be [`KdfPool::inline`].
    ///
    /// Tests pass cheap parameters.
    #[must_use]
    pub fn with_hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = Arc::new(hasher);
        self
    }

    /// Seeds an active account with a password, and its tenant when it is new: for development and tests.
    ///
    /// Names and passwords are taken as they are, without the policy that signing up applies.
    ///
    /// # Panics
    ///
    /// Panics when the identifier or the tenant is not valid: the program's own seed data is wrong.
    #[must_use]
    pub fn with_user_password(self, identifier: &str, tenant: &str, password: &str) -> Self {
        self.with_user(identifier, tenant, None, password)
    }

    /// Seeds an active account with a verified mail address and a password.
    ///
    /// See [`Self::with_user_password`].
    ///
    /// # Panics
    ///
    /// Panics when the identifier, the tenant or the address is not valid.
    #[must_use]
    pub fn with_user_email_password(
        self,
        identifier: &str,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> Self {
        self.with_user(identifier, tenant, Some(email), password)
    }

    /// Seeds an active tenant.
    ///
    /// See [`Self::with_user_password`].
    ///
    /// # Panics
    ///
    /// Panics when the slug is not valid.
    #[must_use]
    pub fn with_tenant(self, tenant: &str) -> Self {
        let slug = valid(tenant.parse::<TenantSlug>(), "tenant slug");
        self.tenant_named(&slug);
        self
    }

    /// Replaces the global methods.
    #[must_use]
    pub fn with_methods(self, methods: Vec<Method>) -> Self {
        self.lock().methods.insert(AuthnScope::Global, methods);
        self
    }

    /// Replaces the global lockout policy.
    #[must_use]
    pub fn with_lockout_policy(self, policy: LockoutPolicy) -> Self {
        self.lock().lockout_policies.insert(AuthnScope::Global, policy);
        self
    }

    fn with_user(self, identifier: &str, tenant: &str, email: Option<&str>, password: &str) -> Self {
        let identifier = valid(Identifier::parse(identifier), "identifier");
        let slug = valid(tenant.parse::<TenantSlug>(), "tenant slug");
        let email = email.map(|email| valid(email.parse(), "mail address"));
        let tenant_id = self.tenant_named(&slug);
        let user_id = UserId::from_parts(0, random_array(&*self.rng));
        let hash = valid(now(self.hasher.hash(&Password::from(password))), "password");
        let record = PasswordRecord { hash, history: Vec::new(), changed_at: seed_time() };
        let user = User {
            user_id,
            tenant_id,
            identifier: identifier.clone(),
            display_name: None,
            email_verified: email.is_some(),
            email,
            status: UserStatus::Active,
            created_at: seed_time(),
        };
        let mut tables = self.lock();
        tables.names.insert((tenant_id, identifier), user_id);
        tables.users.insert((tenant_id, user_id), user);
        let stored = Stored { value: FactorConfig::Password(record), version: 1 };
        tables.factors.insert((tenant_id, user_id, FactorKind::Password), stored);
        drop(tables);
        self
    }

    fn tenant_named(&self, slug: &TenantSlug) -> TenantId {
        let mut tables = self.lock();
        if let Some(known) = tables.tenants.values().find(|tenant| tenant.slug == *slug) {
            return known.tenant_id;
        }
        let tenant_id = TenantId::from_parts(0, random_array(&*self.rng));
        let tenant = Tenant {
            tenant_id,
            slug: slug.clone(),
            status: TenantStatus::Active,
            display_name: slug.to_string(),
            fingerprint_pepper: random_array::<32>(&*self.rng).into(),
            lockout_policy: None,
            device_retention_days: 90,
            created_at: seed_time(),
            suspended_at: None,
        };
        tables.tenants.insert(tenant_id, tenant);
        tenant_id
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Walks the scope chain and returns the narrowest entry.
    pub(super) fn resolve<'a, T>(
        scopes: AuthnScope,
        find: impl Fn(AuthnScope) -> Option<&'a T>,
    ) -> Option<&'a T> {
        scopes.lookup_chain().into_iter().find_map(find)
    }
}

impl Default for InMemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for InMemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.lock();
        f.debug_struct("InMemoryBackend")
            .field("tenants", &tables.tenants.len())
            .field("users", &tables.users.len())
            .finish()
    }
}

/// Seeded records carry the epoch: the backend has no clock, and a seed has no history.
fn seed_time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// Runs a future that never waits: an inline pool hashes on the spot.
#[expect(clippy::expect_used, reason = "`with_hasher` documents that the pool must be inline")]
fn now<T>(hashing: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(hashing).poll(&mut context) {
        Poll::Ready(hash) => Some(hash),
        Poll::Pending => None,
    }
    .expect("the hasher's pool must be KdfPool::inline()")
}

#[expect(
    clippy::panic,
    reason = "seeding takes literals of the program itself; a wrong one must not go unnoticed"
)]
fn valid<T, E: std::fmt::Display>(parsed: Result<T, E>, what: &str) -> T {
    parsed.unwrap_or_else(|error| panic!("cannot seed this {what}: {error}"))
}
