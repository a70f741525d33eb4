use crate::MailBox;
use axess_clock::MockClock;
use axess_core::{
    audit::{AuditSink, MemoryAuditSink},
    authn::{FactorConfig, Method},
    memory::{InMemoryBackend, InMemorySessionStore},
    service::AuthnService,
    session::{CookieAction, RequestContext, SessionHandle, Sessions},
    store::{Expected, FactorStore, IdentityLookup, Owner, SaveOutcome, SessionStore},
};
use axess_factors::{Argon2idParams, KdfPool, PasswordHasher, PepperRing};
use axess_identity::{Identifier, LockoutPolicy, SessionId, User};
use axess_rng::{MockRng, SecureRng};
use std::sync::Arc;

/// The login name of the account every suite has.
pub const USER: &str = "alice";
/// The short name of its tenant.
pub const TENANT: &str = "default";
/// Its password.
pub const PASSWORD: &str = "Gnomes2+ under the hill";
/// Its verified mail address.
pub const EMAIL: &str = "alice@example.com";

/// The key of stand-in ids: the same in every suite, so that runs can be repeated.
const STAND_IN_KEY: [u8; 32] = [0x5a; 32];

/// A whole authentication service on mocks.
///
/// The clock stands still, randomness is seeded, everything is in memory, password hashes are cheap and computed on the
/// spot, and mail lands in a box.
///
/// There is one account, [`USER`] in [`TENANT`] with [`PASSWORD`] and the verified address [`EMAIL`].
///
/// ```
/// use axess_core::authn::FactorOutcome;
/// use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let suite = TestSuite::default();
/// let session = suite.session().await;
/// let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await?;
/// assert_eq!(outcome, FactorOutcome::Authenticated);
/// assert!(suite.reopen(&session).await.is_authenticated());
/// # Ok::<(), axess_core::authn::AuthnError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct TestSuite {
    /// The time everything goes by.
    pub clock: MockClock,
    /// The randomness everything is drawn from.
    pub rng: Arc<MockRng>,
    /// The pool that counts password hashes.
    pub kdf: Arc<KdfPool>,
    /// Identities, factors and attempts.
    pub backend: InMemoryBackend,
    /// The stored sessions.
    pub store: InMemorySessionStore,
    /// The recorded events.
    pub audit: MemoryAuditSink,
    /// The sent mails.
    pub mail: MailBox,
    /// The service over all of these.
    pub service: AuthnService<InMemoryBackend, InMemoryBackend>,
    /// The sessions over all of these.
    pub sessions: Sessions,
    context: RequestContext,
    params: Argon2idParams,
}

/// Sets up a [`TestSuite`].
///
/// ```
/// use axess_core::authn::Method;
/// use axess_testing::TestSuite;
/// let suite = TestSuite::builder().seed(7).methods(vec![Method::password_then_totp()]).build();
/// assert_eq!(suite.kdf.runs(), 0);
/// ```
#[derive(Debug)]
pub struct TestSuiteBuilder {
    seed: u64,
    params: Argon2idParams,
    pool: Arc<KdfPool>,
    context: RequestContext,
    methods: Option<Vec<Method>>,
    lockout: Option<LockoutPolicy>,
    users: Vec<(String, String, Option<String>, String)>,
}

impl TestSuite {
    /// Begins with the defaults.
    #[must_use]
    pub fn builder() -> TestSuiteBuilder {
        TestSuiteBuilder {
            seed: 0,
            params: Argon2idParams::light(),
            pool: Arc::new(KdfPool::inline()),
            context: RequestContext::default(),
            methods: None,
            lockout: None,
            users: vec![(USER.into(), TENANT.into(), Some(EMAIL.into()), PASSWORD.into())],
        }
    }

    /// Opens a guest session, as a first request does.
    pub async fn session(&self) -> SessionHandle {
        self.open(&self.sessions, None).await
    }

    /// Opens a session by id, as a request with that cookie does.
    pub async fn session_by_id(&self, id: SessionId) -> SessionHandle {
        self.open(&self.sessions, Some(id)).await
    }

    /// Ends the request that `session` belongs to and opens the session again as the same browser's next request.
    ///
    /// # Panics
    ///
    /// Panics when the store fails.
    pub async fn reopen(&self, session: &SessionHandle) -> SessionHandle {
        let before = session.session_id();
        let action = session.finish().await;
        let id = match must(action, "the session is written") {
            CookieAction::Issue { id, .. } => Some(id),
            CookieAction::Keep => Some(before),
            CookieAction::Remove => None,
        };
        self.open(session.sessions(), id).await
    }

    /// Makes a service like this suite's over other stores: counting, failing or pausing ones.
    pub fn service_over<I, F>(&self, identity: I, factors: F) -> AuthnService<I, F> {
        AuthnService::new(identity, factors)
            .with_clock(Arc::new(self.clock.clone()))
            .with_rng(Arc::<MockRng>::clone(&self.rng))
            .with_argon2id(self.params)
            .with_kdf_pool(Arc::clone(&self.kdf))
            .with_audit_sink(Arc::new(self.audit.clone()))
            .with_delivery(Arc::new(self.mail.clone()))
            .with_stand_in_key(STAND_IN_KEY)
    }

    /// Makes a service like this suite's that records its events in `audit`.
    pub fn service_recording_in(
        &self,
        audit: impl AuditSink,
    ) -> AuthnService<InMemoryBackend, InMemoryBackend> {
        self.service_over(self.backend.clone(), self.backend.clone()).with_audit_sink(Arc::new(audit))
    }

    /// Makes sessions like this suite's over another store.
    pub fn sessions_over(&self, store: impl SessionStore) -> Sessions {
        Sessions::new(store)
            .with_clock(Arc::new(self.clock.clone()))
            .with_rng(Arc::<MockRng>::clone(&self.rng))
    }

    /// Finds an account.
    ///
    /// # Panics
    ///
    /// Panics when there is no such account.
    pub async fn user(&self, identifier: &str, tenant: &str) -> User {
        let slug = must(tenant.parse(), "the tenant's name is valid");
        let name = must(Identifier::parse(identifier), "the login name is valid");
        let found = must(self.backend.find_login(slug, name).await, "the backend answers");
        must(found.user.ok_or("no such account"), "the account exists")
    }

    /// Returns whose sessions those of [`USER`] are.
    pub async fn owner(&self) -> Owner {
        let user = self.user(USER, TENANT).await;
        Owner { tenant_id: user.tenant_id, user_id: user.user_id }
    }

    /// Stores a factor of [`USER`], in place of what was there.
    ///
    /// # Panics
    ///
    /// Panics when the store fails.
    pub async fn enrol(&self, config: FactorConfig) {
        let owner = self.owner().await;
        let saved = self.backend.save_factor(owner.tenant_id, owner.user_id, config, Expected::Any).await;
        assert_eq!(must(saved, "the factor is stored"), SaveOutcome::Saved);
    }

    async fn open(&self, sessions: &Sessions, id: Option<SessionId>) -> SessionHandle {
        must(sessions.open(id, self.context.clone()).await, "the session opens")
    }
}

impl Default for TestSuite {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl TestSuiteBuilder {
    /// Sets the seed of all randomness.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets what a password hash costs.
    #[must_use]
    pub fn argon2id(mut self, params: Argon2idParams) -> Self {
        self.params = params;
        self
    }

    /// Sets the pool of the service's password hashes; accounts are always seeded on the spot.
    #[must_use]
    pub fn kdf_pool(mut self, pool: KdfPool) -> Self {
        self.pool = Arc::new(pool);
        self
    }

    /// Sets what is known about every request.
    #[must_use]
    pub fn context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }

    /// Replaces the global login methods.
    #[must_use]
    pub fn methods(mut self, methods: Vec<Method>) -> Self {
        self.methods = Some(methods);
        self
    }

    /// Replaces the global lockout policy.
    #[must_use]
    pub fn lockout(mut self, policy: LockoutPolicy) -> Self {
        self.lockout = Some(policy);
        self
    }

    /// Adds an active account, and its tenant when it is new.
    #[must_use]
    pub fn user(mut self, identifier: &str, tenant: &str, email: Option<&str>, password: &str) -> Self {
        self.users.push((identifier.into(), tenant.into(), email.map(Into::into), password.into()));
        self
    }

    /// Builds everything.
    ///
    /// # Panics
    ///
    /// Panics when the name, tenant or address of an account is not valid.
    #[must_use]
    pub fn build(self) -> TestSuite {
        let rng = Arc::new(MockRng::new(self.seed));
        let shared: Arc<dyn SecureRng> = Arc::<MockRng>::clone(&rng);
        let seeding = PasswordHasher::new(
            self.params,
            PepperRing::none(),
            Arc::new(KdfPool::inline()),
            Arc::clone(&shared),
        );
        let mut backend = InMemoryBackend::with_rng(shared).with_hasher(seeding);
        for (identifier, tenant, email, password) in &self.users {
            backend = match email {
                Some(email) => backend.with_user_email_password(identifier, tenant, email, password),
                None => backend.with_user_password(identifier, tenant, password),
            };
        }
        if let Some(methods) = self.methods {
            backend = backend.with_methods(methods);
        }
        if let Some(policy) = self.lockout {
            backend = backend.with_lockout_policy(policy);
        }
        // `service_over` and `sessions_over` need a suite, so the first one gets parts that are replaced at once.
        let mut suite = TestSuite {
            clock: MockClock::default(),
            rng,
            kdf: self.pool,
            service: AuthnService::new(backend.clone(), backend.clone()),
            backend,
            sessions: Sessions::new(InMemorySessionStore::new()),
            store: InMemorySessionStore::new(),
            audit: MemoryAuditSink::default(),
            mail: MailBox::default(),
            context: self.context,
            params: self.params,
        };
        suite.service = suite.service_over(suite.backend.clone(), suite.backend.clone());
        suite.sessions = suite.sessions_over(suite.store.clone());
        suite
    }
}

#[expect(clippy::expect_used, reason = "a fixture's fault must stop the test")]
fn must<T, E: std::fmt::Debug>(result: Result<T, E>, what: &str) -> T {
    result.expect(what)
}
