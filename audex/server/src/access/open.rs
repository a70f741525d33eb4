use super::{
    policy, reload,
    sso::{self, Joining, Parts, Paths, Sso, SsoFault},
    sweep,
    workload::Workloads,
};
use crate::{
    evidence::Evidence,
    settings::{ServerSettings, SsoSettings},
    store::{Store, StoreFault},
};
use aws_lc_rs::hkdf;
use axess::{
    AuthnError, AuthnScope, AuthnService, AuthzStore, SessionCrypto, SessionLayer, Sessions, TenantId,
    audit::AuditSink,
    authz::PolicyLoadError,
    backends::sqlite::{
        Backend, Db, FederatedLinkStore, JtiReplayStore, SessionStore, SidStore, Store as KeyValues,
    },
    clock::Clock,
    envelope::Envelope,
    identity::{BackoffPolicy, LockoutPolicy, LockoutScale},
    middleware::{CsrfConfig, MemoryBuckets, ShellAudit},
    rng::{SecureRng, random_array},
    store::{IdentityAdmin, IdentityLookup, StoreError, TenantBootstrap},
};
use http::Uri;
use std::{error::Error, fmt, net::IpAddr, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// The one tenant.
pub(super) const TENANT: &str = "default";
/// What authenticator apps show.
const ISSUER: &str = "audex";
/// How long a session lives without use, and at most.
const SESSION_TTL: Duration = Duration::from_secs(12 * 3_600);
const LONGEST_SESSION: Duration = Duration::from_secs(7 * 86_400);
/// How long axess remembers devices.
const DEVICE_DAYS: u32 = 90;

pub(super) type Service = AuthnService<Backend, Backend>;

/// The front door, opened once.
///
/// ```no_run
/// use audex_server::access::{Access, Action, Caller, Subject};
/// fn may_read_all(access: &Access, caller: &Caller) -> bool {
///     access.may(caller, Action::Read, &Subject::Sessions).is_ok()
/// }
/// ```
pub struct Access {
    pub(super) service: Service,
    pub(super) sessions: SessionLayer,
    pub(super) csrf: CsrfConfig,
    pub(super) refusals: ShellAudit,
    pub(super) tenant_id: TenantId,
    pub(super) store: Store,
    /// Logins that wait for a browser.
    pub(super) waiting: KeyValues,
    pub(super) policies: AuthzStore,
    pub(super) workloads: Workloads,
    /// Where people may sign in beside, and whose identities there are whose.
    pub(super) sso: Option<Sso>,
    pub(super) links: FederatedLinkStore,
    /// What the provider may end, and what it ended.
    pub(super) provider_logouts: Option<(SidStore, JtiReplayStore)>,
    pub(super) paths: Paths,
    /// Bearers that did not work, by address.
    pub(super) failures: MemoryBuckets,
    /// Serialises changes of people: who is the last administrator is looked at before.
    pub(super) people: Mutex<()>,
    pub(super) settings: ServerSettings,
    pub(super) origin: Origin,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn SecureRng>,
}

/// Where people find the server, as its settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    text: String,
    pub(super) is_secure: bool,
}

/// Says why the front door cannot be opened.
///
/// ```
/// use audex_server::access::OpenAccessError;
/// let error = OpenAccessError::PublicUrl { url: "audex.example.com".to_owned() };
/// assert!(error.to_string().starts_with("server.public_url"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum OpenAccessError {
    /// The address people use is none.
    #[error("server.public_url is not an address such as https://audex.example.com: {url}")]
    PublicUrl {
        /// What the settings say.
        url: String,
    },
    /// The policies cannot be used.
    #[error(transparent)]
    Policies(#[from] PolicyLoadError),
    /// Keys of an issuer of workloads cannot be where the settings say.
    #[error(
        "workload.issuers: the JWKS of {issuer} has to be a file, an https address, or an http one on loopback"
    )]
    Workload {
        /// Which issuer.
        issuer: String,
    },
    /// Single sign-on is set up wrongly.
    #[error("single sign-on cannot be set up: {}", listed(.0))]
    Sso(Vec<SsoFault>),
    /// The database failed.
    #[error("the accounts cannot be read")]
    Store(#[from] StoreFault),
    /// The login cannot be set up.
    #[error("the login cannot be set up")]
    Login(#[source] Box<dyn Error + Send + Sync>),
}

impl Access {
    /// Opens it.
    ///
    /// Every key of it is derived from `secret`: of cookies, of CSRF tokens, of what is sealed at rest.
    ///
    /// # Errors
    ///
    /// [`OpenAccessError`].
    pub async fn open(
        settings: &ServerSettings,
        secret: &[u8; 32],
        store: &Store,
        evidence: &Evidence,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Arc<Self>, OpenAccessError> {
        let origin = Origin::of(&settings.public_url)?;
        let bundle = policy::read(settings.policies.as_deref())?;
        let workloads = Workloads::new(&settings.workload_issuers, &clock)?;
        let sink: Arc<dyn AuditSink> = evidence.sink();
        let db = store.db();
        let sealing = Envelope::new(derive(secret, "accounts at rest")).map_err(login)?;
        let backend = Backend::new(db.clone(), sealing);
        let tenant_id = prepare(&backend, settings.sso.as_ref(), &*clock, &*rng).await.map_err(login)?;
        let parts = single_sign_on(settings, &origin, store, tenant_id, (&clock, &rng))?;
        let mut service = AuthnService::new(backend.clone(), backend.clone())
            .with_clock(Arc::clone(&clock))
            .with_rng(Arc::clone(&rng))
            .with_issuer(ISSUER)
            .with_lockout_policy(lockout())
            .with_stand_in_key(derive(secret, "stand-ins"))
            .with_audit_sink(Arc::clone(&sink));
        let (mut sso, mut joining, mut provider_logouts) = (None, None, None);
        if let Some(Parts { sso: made, federation, joining: joins, sids, replays }) = parts {
            service = service.with_federation(federation);
            (sso, joining, provider_logouts) = (Some(made), Some(joins), Some((sids, replays)));
        }
        let paths = Paths::of(settings.sso.as_ref(), origin.as_str());
        let sessions = session_layer(settings, secret, &origin, db)?.with_audit_sink(Arc::clone(&sink));
        let sessions = sessions.with_clock(Arc::clone(&clock)).with_rng(Arc::clone(&rng));
        sessions.check().map_err(OpenAccessError::Login)?;
        let refusals = ShellAudit::new(sink).with_clock(Arc::clone(&clock)).with_rng(Arc::clone(&rng));
        let csrf = CsrfConfig::new(derive(secret, "cookies"))
            .and_then(|csrf| csrf.allow_origin(origin.as_str()))
            .map_err(login)?
            .secure(origin.is_secure)
            .with_rng(Arc::clone(&rng))
            .with_audit(refusals.clone())
            .exempt_bearer();
        let csrf = paths.posted().try_fold(csrf, CsrfConfig::exempt_path).map_err(login)?;
        let access = Arc::new(Self {
            service,
            sessions,
            csrf,
            refusals,
            tenant_id,
            store: store.clone(),
            waiting: KeyValues::new(db.clone()),
            policies: AuthzStore::new(policy::compose(bundle.clone())?),
            workloads,
            sso,
            links: FederatedLinkStore::new(db.clone()),
            provider_logouts,
            paths,
            failures: MemoryBuckets::default(),
            people: Mutex::new(()),
            settings: settings.clone(),
            origin,
            clock,
            rng,
        });
        if let Some(joining) = joining {
            joining.belongs_to(&access);
        }
        reload::keep_up_to_date(&access, bundle);
        sweep::keep_clean(&access);
        Ok(access)
    }

    /// Returns the sessions of logins: to end what is over by now, and to ask whether the database answers.
    pub fn sessions(&self) -> &Sessions {
        self.sessions.sessions()
    }

    /// Returns a link of this server to a path.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin.as_str())
    }
}

impl Origin {
    pub(super) fn of(url: &str) -> Result<Self, OpenAccessError> {
        let refuse = || OpenAccessError::PublicUrl { url: url.to_owned() };
        let parsed: Uri = url.parse().map_err(|_| refuse())?;
        let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
            return Err(refuse());
        };
        let is_bare = parsed.path_and_query().is_none_or(|rest| rest.as_str() == "/");
        if !matches!(scheme, "http" | "https") || authority.as_str().contains('@') || !is_bare {
            return Err(refuse());
        }
        Ok(Self {
            text: format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()),
            is_secure: scheme == "https",
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether it is on this machine alone.
    pub(super) fn is_loopback(&self) -> bool {
        let host =
            self.text.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
        let is_ip = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_ip || host == "localhost"
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Makes what the identity provider needs, where there is one.
fn single_sign_on(
    settings: &ServerSettings,
    origin: &Origin,
    store: &Store,
    tenant_id: TenantId,
    (clock, rng): (&Arc<dyn Clock>, &Arc<dyn SecureRng>),
) -> Result<Option<Parts>, OpenAccessError> {
    let Some(sso) = &settings.sso else { return Ok(None) };
    let joining =
        Joining::new((sso, &settings.rules), store.clone(), store.db(), tenant_id, Arc::clone(clock));
    Sso::open(sso, origin, store.db(), joining, (Arc::clone(clock), Arc::clone(rng))).map(Some)
}

fn session_layer(
    settings: &ServerSettings,
    secret: &[u8; 32],
    origin: &Origin,
    db: &Db,
) -> Result<SessionLayer, OpenAccessError> {
    let crypto = SessionCrypto::new(derive(secret, "sessions at rest")).map_err(login)?;
    Ok(SessionLayer::new(SessionStore::new(db.clone()), derive(secret, "cookies"))
        .with_crypto(crypto)
        .with_ttl(SESSION_TTL)
        .with_absolute_ttl(LONGEST_SESSION)
        .with_secure(origin.is_secure)
        .with_trusted_proxies(settings.trusted_proxies.iter().copied()))
}

fn listed(faults: &[SsoFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn login(error: impl Error + Send + Sync + 'static) -> OpenAccessError {
    OpenAccessError::Login(Box::new(error))
}

/// Derives the key of one purpose (RFC 5869).
fn derive(secret: &[u8; 32], purpose: &'static str) -> [u8; 32] {
    struct Len;
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    let info = ["audex access: ".as_bytes(), purpose.as_bytes()];
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
    let filled = salt.extract(secret).expand(&info, Len).and_then(|okm| okm.fill(&mut key));
    debug_assert!(filled.is_ok(), "32 bytes are one block");
    key
}

/// Says how many wrong passwords and codes are too many.
///
/// Strangers who fail on purpose keep nobody out for longer than a quarter of an hour at a time, and never everybody: there is
/// one tenant, so its lever is off. Each address has its own.
/// After 100 failures without a success in between an account stays locked, as NIST SP 800-63B-4 section 3.2.2 has it, until
/// its owner is invited anew: see [`Access::first_admin`].
pub(super) fn lockout() -> LockoutPolicy {
    const MINUTE: Duration = Duration::from_secs(60);
    let default = LockoutPolicy::default();
    LockoutPolicy {
        per_user: LockoutScale {
            failures_before_lockout: 5,
            window: MINUTE.saturating_mul(15),
            base_lockout: MINUTE,
            backoff: BackoffPolicy::Exponential,
            max_lockout: MINUTE.saturating_mul(15),
        },
        per_tenant: LockoutScale { failures_before_lockout: 0, ..default.per_tenant },
        ..default
    }
}

/// Sets how everybody logs in, and creates the tenant where there is none.
async fn prepare(
    backend: &Backend,
    sso: Option<&SsoSettings>,
    clock: &dyn Clock,
    rng: &dyn SecureRng,
) -> Result<TenantId, AuthnError> {
    backend.save_methods(AuthnScope::Global, sso::methods(sso)).await?;
    let slug = || TENANT.parse().map_err(|_| AuthnError::NoSuchRecord);
    if let Some(tenant) = backend.find_tenant(slug()?).await? {
        return Ok(tenant.tenant_id);
    }
    let now = clock.now();
    let bootstrap = TenantBootstrap {
        tenant_id: TenantId::generate(now, rng),
        slug: slug()?,
        display_name: "Everybody".to_owned(),
        methods: Vec::new(),
        fingerprint_pepper: random_array::<32>(rng).into(),
        // The service has it: so an older database gets it as well.
        lockout_policy: None,
        device_retention_days: DEVICE_DAYS,
        created_at: now,
    };
    // Another server may have been faster.
    let _ = backend.create_tenant(bootstrap).await?;
    let tenant = backend.find_tenant(slug()?).await?;
    tenant.map(|tenant| tenant.tenant_id).ok_or(AuthnError::NoSuchRecord)
}

impl From<StoreError> for OpenAccessError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_keep_nobody_out_for_long_and_never_everybody() {
        let policy = lockout();
        let longest = (1..100).map(|nth| policy.per_user.lockout_after(nth)).max();
        assert_eq!(longest, Some(Duration::from_secs(900)));
        assert_eq!(policy.per_tenant.failures_before_lockout, 0, "off");
        assert_eq!(policy.per_ip, LockoutPolicy::default().per_ip);
    }
}
