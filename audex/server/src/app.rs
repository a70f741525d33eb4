//! The whole server, composed once.

use crate::{
    access::{Access, OpenAccessError},
    evidence::Evidence,
    handover::HandoverSeal,
    notify::{Notice, NoticeSeal, Notifier, NotifyFault},
    requests::{Changes, Spending},
    settings::ServerSettings,
    store::{Store, StoreFault},
    telemetry::{self, Meters, Readiness},
};
use audex_core::{CredentialProvider, Issuer};
use axess::{audit::chain::AuditKeys, clock::Clock, envelope::EnvelopeKeyError, rng::SecureRng};
use hmac_key::derived;
use std::{error::Error, fmt, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often what is due is looked for: sessions past their deadline, requests nobody decided, answers kept long enough.
const ROUNDS: Duration = Duration::from_secs(5);

/// How long the evidence has at the end to reach its sinks.
const CLOSING: Duration = Duration::from_secs(10);

/// The server: what every handler has.
///
/// ```
/// fn waits_for(app: &audex_server::app::App) -> std::time::Duration {
///     app.settings.approval_expires
/// }
/// ```
pub struct App {
    /// What it goes by.
    pub settings: ServerSettings,
    /// What it keeps.
    pub store: Store,
    /// What happened.
    pub evidence: Evidence,
    /// Who calls, and what they may do.
    pub access: Arc<Access>,
    /// What issues.
    pub issuer: Issuer<Store>,
    /// Who is told.
    pub notifier: Notifier,
    /// What is counted.
    pub meters: Meters,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn SecureRng>,
    pub(crate) readiness: Readiness,
    pub(crate) changes: Changes,
    pub(crate) spending: Spending,
    pub(crate) end: watch::Sender<bool>,
}

/// The keys of a server.
///
/// ```
/// use audex_server::app::ServerKeys;
/// use axess::{audit::chain::AuditKeys, rng::MockRng};
/// let keys = ServerKeys { audit: AuditKeys::generate(&MockRng::new(1)), secret: [7; 32] };
/// assert!(!format!("{keys:?}").contains("7, 7"));
/// ```
pub struct ServerKeys {
    /// Those of the audit log.
    pub audit: AuditKeys,
    /// What every other key is derived from, each with a label of its own. The same on all servers of one database.
    pub secret: [u8; 32],
}

/// Says why the server cannot be opened.
///
/// ```
/// use audex_server::app::OpenError;
/// use std::error::Error;
/// fn cause(error: &OpenError) -> Option<String> {
///     error.source().map(ToString::to_string)
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error("cannot open the database")]
    Store(#[from] StoreFault),
    /// The audit log, or where it is searched.
    #[error("cannot open the audit log")]
    Evidence(#[source] Box<dyn Error + Send + Sync>),
    /// The front door.
    #[error(transparent)]
    Access(#[from] OpenAccessError),
    /// A setting of who is told.
    #[error(transparent)]
    Notify(#[from] NotifyFault),
    /// The key that answers are kept under.
    #[error(transparent)]
    Seal(#[from] EnvelopeKeyError),
}

impl App {
    /// Opens everything and begins the rounds of what is due.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing runs then.
    pub async fn open(
        settings: ServerSettings,
        providers: Vec<Arc<dyn CredentialProvider>>,
        keys: ServerKeys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Arc<Self>, OpenError> {
        let ServerKeys { audit, secret } = keys;
        let seal = HandoverSeal::new(derived(&secret, b"handover"), Arc::clone(&rng))?;
        let store = Store::open(&settings, seal, Arc::clone(&clock), Arc::clone(&rng)).await?;
        let evidence = Evidence::open(&settings, &store, audit, Arc::clone(&clock), Arc::clone(&rng))
            .await
            .map_err(|error| OpenError::Evidence(Box::new(error)))?;
        let door = derived(&secret, b"access");
        let access =
            Access::open(&settings, &door, &store, &evidence, Arc::clone(&clock), Arc::clone(&rng)).await?;
        let seal = NoticeSeal::new(derived(&secret, b"notices"), Arc::clone(&rng))?;
        let callbacks = derived(&secret, b"callback");
        let notifier = Notifier::new(&settings, callbacks, seal, store.clone(), Arc::clone(&clock))?;
        let issuer = Issuer {
            rules: settings.rules.clone(),
            providers: providers.into_iter().map(telemetry::traced).collect(),
            store: store.clone(),
            clock: Arc::clone(&clock),
            rng: Arc::clone(&rng),
        };
        let (end, ended) = watch::channel(false);
        let app = Arc::new(Self {
            settings,
            store,
            evidence,
            access,
            issuer,
            notifier,
            meters: Meters::new(),
            readiness: Readiness::default(),
            clock,
            rng,
            changes: Changes::new(),
            spending: Spending::default(),
            end,
        });
        tokio::spawn(rounds(Arc::downgrade(&app), ended));
        Ok(app)
    }

    /// Returns the routes, with everything around them.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        self.access.front(Arc::clone(self))
    }

    /// Has those who wait for a decision wait no longer: the server is about to end.
    pub fn halt(&self) {
        let _ = self.end.send(true);
    }

    /// Ends what runs beside requests, once no request is answered any more.
    pub async fn close(&self) {
        self.halt();
        self.notifier.close(CLOSING).await;
        if let Err(error) = self.evidence.close(CLOSING).await {
            // What waits in the database is brought to the log at the next start.
            tracing::error!(error = &error as &dyn Error, "the audit log was not closed in order");
        }
        self.store.close().await;
    }

    /// Does what is due now.
    pub async fn round(&self) {
        let now = self.clock.now();
        let report = |what: &str, error: StoreFault| {
            tracing::warn!(error = &error as &dyn Error, "{what}");
        };
        match self.store.lapse_requests(now, |lapsed| self.notifier.notices(Notice::Decided(lapsed))).await {
            Ok(lapsed) => {
                lapsed.iter().for_each(|pending| self.changes.tell(pending.session_id));
                self.notifier.wake();
            }
            Err(error) => report("requests that nobody decided stay", error),
        }
        if let Err(error) = self.store.expire_sessions(now).await {
            report("sessions past their deadline stay active", error);
        }
        if let Err(error) = self.store.sweep_handovers(now).await {
            report("answers are kept longer than they should be", error);
        }
        if let Err(error) = self.store.sweep_notices(now).await {
            report("notifications are kept longer than they should be", error);
        }
        self.look_at_spending(now).await;
    }
}

async fn rounds(app: std::sync::Weak<App>, mut ended: watch::Receiver<bool>) {
    if let Some(app) = app.upgrade() {
        app.end_of_disabled().await;
    }
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            () = tokio::time::sleep(ROUNDS) => {}
        }
        let Some(app) = app.upgrade() else { return };
        app.round().await;
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKeys").finish_non_exhaustive()
    }
}

mod hmac_key {
    use aws_lc_rs::hmac;

    /// Derives a key for one purpose (HMAC-SHA-256 of its label, NIST SP 800-108 in its simplest form).
    pub(super) fn derived(secret: &[u8; 32], label: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, label);
        let mut derived = [0; 32];
        derived.copy_from_slice(tag.as_ref());
        derived
    }
}
