//! The site under test: two users, a handful of routes, and every port of the session layer in view.

use super::{browser::Browser, probe::ProbeStore};
use axess_clock::{Clock, MockClock};
use axess_core::{
    audit::MemoryAuditSink,
    authn::{FactorConfig, FactorCredential, FactorOutcome, FactorStep, Method},
    memory::InMemoryBackend,
    metrics::AuthnMetrics,
    service::AuthnService,
    session::WorkflowKind,
    store::{Expected, FactorStore, IdentityLookup, Owner, SaveOutcome},
};
use axess_factors::{Argon2idParams, KdfPool, PasswordHasher, PepperRing, TotpConfig};
use axess_http::{AuthSession, AuthnRejection, SessionLayer};
use axess_identity::{FactorKind, Identifier};
use axess_rng::{MockRng, SystemRng};
use axum::{
    Router,
    extract::{Query, State},
    routing::{get, post},
};
use http::StatusCode;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Everybody's password.
const PASSWORD: &str = "correct horse battery staple";

/// The key that signs cookies.
pub(super) const KEY: [u8; 32] = [7; 32];

pub(super) type Service = Arc<AuthnService<InMemoryBackend, InMemoryBackend>>;
type Params = Query<HashMap<String, String>>;

/// Two users, `alice` and `bob`; `bob` has an authenticator too.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) store: ProbeStore,
    pub(super) clock: MockClock,
    pub(super) audit: MemoryAuditSink,
    pub(super) counts: Arc<Counts>,
    pub(super) service: Service,
    authenticator: TotpConfig,
    bob: Owner,
}

/// What the session layer counted.
#[derive(Default)]
pub(super) struct Counts {
    mismatches: AtomicUsize,
    store_faults: AtomicUsize,
}

impl Counts {
    pub(super) fn mismatches(&self) -> usize {
        self.mismatches.load(Ordering::SeqCst)
    }

    pub(super) fn store_faults(&self) -> usize {
        self.store_faults.load(Ordering::SeqCst)
    }
}

impl AuthnMetrics for Counts {
    fn fingerprint_mismatch(&self) {
        self.mismatches.fetch_add(1, Ordering::SeqCst);
    }

    fn store_failed(&self) {
        self.store_faults.fetch_add(1, Ordering::SeqCst);
    }
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::with_store(ProbeStore::new()).await
    }

    pub(super) async fn with_store(store: ProbeStore) -> Self {
        let cheap = Argon2idParams::new(8, 1, 1).unwrap();
        let pool = Arc::new(KdfPool::inline());
        let hasher = PasswordHasher::new(cheap, PepperRing::none(), Arc::clone(&pool), Arc::new(SystemRng));
        let backend = InMemoryBackend::new()
            .with_hasher(hasher)
            .with_methods(vec![Method::password(), Method::password_then_totp()])
            .with_user_password("alice", "default", PASSWORD)
            .with_user_password("bob", "default", PASSWORD);
        let name = Identifier::parse("bob").unwrap();
        let user = backend.find_login("default".parse().unwrap(), name).await.unwrap().user.unwrap();
        let authenticator = TotpConfig::generate(&MockRng::new(9));
        let record = FactorConfig::Totp(authenticator.clone());
        let stored = backend.save_factor(user.tenant_id, user.user_id, record, Expected::Absent).await;
        assert_eq!(stored.unwrap(), SaveOutcome::Saved);
        let clock = MockClock::default();
        let service = AuthnService::new(backend.clone(), backend)
            .with_argon2id(cheap)
            .with_kdf_pool(pool)
            .with_clock(Arc::new(clock.clone()));
        Self {
            store,
            clock,
            audit: MemoryAuditSink::default(),
            counts: Arc::default(),
            service: Arc::new(service),
            authenticator,
            bob: Owner { tenant_id: user.tenant_id, user_id: user.user_id },
        }
    }

    /// The session layer with its defaults, on this site's store, clock, audit trail and metrics.
    pub(super) fn layer(&self) -> SessionLayer {
        self.layer_with_key(KEY)
    }

    pub(super) fn layer_with_key(&self, key: [u8; 32]) -> SessionLayer {
        SessionLayer::new(self.store.clone(), key)
            .with_clock(Arc::new(self.clock.clone()))
            .with_audit_sink(Arc::new(self.audit.clone()))
            .with_metrics(Arc::clone(&self.counts) as Arc<dyn AuthnMetrics>)
    }

    /// The site's own routes, behind the default layer.
    pub(super) fn app(&self) -> Router {
        self.app_with(&self.layer())
    }

    pub(super) fn app_with(&self, layer: &SessionLayer) -> Router {
        self.routes().layer(layer.clone())
    }

    /// The site's own routes, without sessions.
    pub(super) fn routes(&self) -> Router {
        Router::new()
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/remove", get(remove))
            .route("/whoami", get(whoami))
            .route("/login", post(login))
            .route("/code", post(code))
            .route("/step-up", post(step_up))
            .route("/password", post(password))
            .route("/ceremony", post(ceremony))
            .route("/rotate", post(rotate))
            .route("/logout", post(logout))
            .with_state(Arc::clone(&self.service))
    }

    /// A browser of nobody in particular.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.app())
    }

    /// A browser in which `alice` is logged in with her password.
    pub(super) async fn alice(&self) -> Browser {
        self.logged_in(self.browser()).await
    }

    /// Logs `alice` in.
    pub(super) async fn logged_in(&self, mut browser: Browser) -> Browser {
        let reply = browser.post("/login?user=alice").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "in"));
        browser
    }

    /// A browser in which `bob` has given his password and no code yet.
    pub(super) async fn bob_halfway(&self) -> Browser {
        self.bob_halfway_in(self.browser()).await
    }

    async fn bob_halfway_in(&self, mut browser: Browser) -> Browser {
        let reply = browser.post("/login?user=bob&method=password-then-totp").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "next"));
        browser
    }

    /// A browser in which `bob` is logged in with two factors.
    pub(super) async fn bob(&self) -> Browser {
        self.bob_in(self.browser()).await
    }

    /// Logs `bob` in with two factors. A code works once: the clock must have moved on since the last time.
    pub(super) async fn bob_in(&self, browser: Browser) -> Browser {
        let mut browser = self.bob_halfway_in(browser).await;
        let code = self.authenticator.code_at(self.clock.now()).unwrap();
        let reply = browser.post(&format!("/code?code={}", code.expose())).await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "in"));
        browser
    }

    /// Who `bob` is.
    pub(super) fn bob_as_owner(&self) -> Owner {
        self.bob
    }
}

async fn read(session: AuthSession, Query(params): Params) -> String {
    let key = params.get("key").map_or("color", String::as_str);
    session.get_custom::<String>(key).unwrap().unwrap_or_default()
}

async fn write(session: AuthSession, Query(params): Params) -> StatusCode {
    let key = params.get("key").map_or("color", String::as_str);
    session.set_custom(key, params.get("value").map_or("green", String::as_str)).unwrap();
    StatusCode::NO_CONTENT
}

async fn remove(session: AuthSession) -> StatusCode {
    session.remove_custom("color");
    StatusCode::NO_CONTENT
}

async fn whoami(session: AuthSession) -> String {
    session.state().name().to_owned()
}

async fn login(
    State(service): State<Service>,
    session: AuthSession,
    Query(params): Params,
) -> Result<&'static str, AuthnRejection> {
    let method = params.get("method").map_or("password", String::as_str);
    service.begin_login_with_method(&session, &params["user"], "default", method).await?;
    verify(&service, &session, FactorCredential::Password(PASSWORD.into())).await
}

async fn code(
    State(service): State<Service>,
    session: AuthSession,
    Query(params): Params,
) -> Result<&'static str, AuthnRejection> {
    verify(&service, &session, FactorCredential::totp(params["code"].as_str())).await
}

async fn password(
    State(service): State<Service>,
    session: AuthSession,
    Query(params): Params,
) -> Result<&'static str, AuthnRejection> {
    let typed = params.get("password").map_or(PASSWORD, String::as_str);
    verify(&service, &session, FactorCredential::Password(typed.into())).await
}

async fn step_up(State(service): State<Service>, session: AuthSession) -> Result<String, AuthnRejection> {
    let steps = vec![FactorStep::Required(FactorKind::Password)];
    let first = service.require_step_up(&session, steps).await?;
    Ok(first.kinds()[0].to_string())
}

async fn verify(
    service: &Service,
    session: &AuthSession,
    credential: FactorCredential,
) -> Result<&'static str, AuthnRejection> {
    Ok(match service.verify_factor(session, credential).await? {
        FactorOutcome::Authenticated => "in",
        FactorOutcome::FactorRequired(_) => "next",
        FactorOutcome::InvalidCredential | FactorOutcome::Locked { .. } => "refused",
    })
}

async fn ceremony(session: AuthSession) -> StatusCode {
    let owner = session.owner().unwrap();
    let kind = WorkflowKind::Custom("terms".into());
    session.set_pending_workflow(owner.tenant_id, owner.user_id, kind, 1).unwrap();
    StatusCode::NO_CONTENT
}

async fn rotate(session: AuthSession) -> StatusCode {
    session.regenerate().await.unwrap();
    StatusCode::NO_CONTENT
}

async fn logout(State(service): State<Service>, session: AuthSession) -> Result<StatusCode, AuthnRejection> {
    service.logout(&session).await?;
    Ok(StatusCode::NO_CONTENT)
}
