use super::{
    RequestContext, SessionCrypto, SessionError, SessionHandle, TransitionPolicy,
    codec::{self, Decoded},
    handle::{RowRef, row_owner},
};
use crate::{
    audit::{AuditSink, Emitter, EventContext},
    store::{self, Owner, SessionRow},
};
use axess_clock::{Clock, SystemClock};
use axess_events::authentication::{Logout, LogoutReason};
use axess_identity::{DeviceId, SessionId, TenantId, TokenFamilyId};
use axess_rng::{SecureRng, SystemRng};
use chrono::{DateTime, TimeDelta, Utc};
use std::{sync::Arc, time::Duration};

/// The default lifetime since the last write.
const DEFAULT_TTL: TimeDelta = TimeDelta::hours(24);
/// The longest lifetime that can be configured: one year.
pub(super) const MAX_TTL: TimeDelta = TimeDelta::days(365);

/// How many sessions of one user are looked through for those that are bound to something.
pub(super) const MAX_SCANNED: usize = 1_000;
/// How often they are looked through when some of them moved to new ids meanwhile.
pub(super) const MAX_PASSES: usize = 8;

/// What sessions may be bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bond {
    Device(DeviceId),
    Family(TokenFamilyId),
    /// Whatever family of refresh tokens.
    AnyFamily,
}

/// Opens sessions: the store, the keys, the lifetimes and the clock behind every [`SessionHandle`].
///
/// ```
/// use axess_core::{memory::InMemorySessionStore, session::{RequestContext, Sessions}};
/// use std::{sync::Arc, time::Duration};
/// # async fn example() -> Result<(), axess_core::session::SessionError> {
/// let sessions = Sessions::new(InMemorySessionStore::new()).with_ttl(Duration::from_secs(3_600));
/// let session = sessions.open(None, RequestContext::default()).await?;
/// assert!(session.is_guest());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Sessions(pub(super) Arc<Ports>);

#[derive(Clone)]
pub(super) struct Ports {
    pub(super) store: Arc<dyn store::DynSessionStore>,
    pub(super) registry: Option<Arc<dyn store::DynSessionRegistry>>,
    pub(super) crypto: Option<SessionCrypto>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn SecureRng>,
    pub(super) ttl: TimeDelta,
    pub(super) absolute_ttl: Option<TimeDelta>,
    pub(super) policy: TransitionPolicy,
    pub(super) audit: Option<Arc<dyn AuditSink>>,
}

impl Sessions {
    /// Opens sessions from `store`, with a lifetime of 24 hours since the last write, unsealed, on the system's clock.
    pub fn new(store: impl store::SessionStore) -> Self {
        Self(Arc::new(Ports {
            store: Arc::new(store),
            registry: None,
            crypto: None,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            ttl: DEFAULT_TTL,
            absolute_ttl: None,
            policy: TransitionPolicy::default(),
            audit: None,
        }))
    }

    /// Seals payloads at rest.
    #[must_use]
    pub fn with_crypto(self, crypto: SessionCrypto) -> Self {
        self.with(|ports| ports.crypto = Some(crypto))
    }

    /// Refuses authenticated sessions that are not in `registry`.
    #[must_use]
    pub fn with_registry(self, registry: Arc<dyn store::DynSessionRegistry>) -> Self {
        self.with(|ports| ports.registry = Some(registry))
    }

    /// Sets the lifetime since the last write: 1 second to 365 days; values outside are clamped.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        self.with(|ports| ports.ttl = clamp(ttl))
    }

    /// Sets a lifetime since the session began that no activity extends.
    #[must_use]
    pub fn with_absolute_ttl(self, ttl: Duration) -> Self {
        self.with(|ports| ports.absolute_ttl = Some(clamp(ttl)))
    }

    /// Injects the clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|ports| ports.clock = clock)
    }

    /// Injects the randomness.
    #[must_use]
    pub fn with_rng(self, rng: Arc<dyn SecureRng>) -> Self {
        self.with(|ports| ports.rng = rng)
    }

    /// Sets the limits of the state machine.
    #[must_use]
    pub fn with_policy(self, policy: TransitionPolicy) -> Self {
        self.with(|ports| ports.policy = policy)
    }

    /// Records the end of sessions that are found to have outlived their absolute lifetime.
    ///
    /// Most are never found again: the store forgets them by itself.
    #[must_use]
    pub fn with_audit_sink(self, audit: Arc<dyn AuditSink>) -> Self {
        self.with(|ports| ports.audit = Some(audit))
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn store::DynSessionStore> {
        &self.0.store
    }

    /// Returns the registry, if one is configured.
    #[must_use]
    pub fn registry(&self) -> Option<&Arc<dyn store::DynSessionRegistry>> {
        self.0.registry.as_ref()
    }

    /// Returns the lifetime since the last write.
    #[must_use]
    pub fn ttl(&self) -> TimeDelta {
        self.0.ttl
    }

    /// Returns the injected clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Returns the injected randomness.
    #[must_use]
    pub fn rng(&self) -> &Arc<dyn SecureRng> {
        &self.0.rng
    }

    /// Opens the session `id` names, or a guest session when there is none.
    ///
    /// A row that has expired, cannot be read, or is no longer in the registry is treated as absent; the unreadable and
    /// the unregistered are ended in the store as well. A guest session costs nothing until something is written.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when the store or the registry fails: then nobody knows who the caller is.
    pub async fn open(
        &self,
        id: Option<SessionId>,
        context: RequestContext,
    ) -> Result<SessionHandle, SessionError> {
        let session = self.guest(context);
        if let Some(id) = id {
            session.load(id).await?;
        }
        Ok(session)
    }

    /// Begins a guest session, which costs nothing until something is written.
    #[must_use]
    pub fn guest(&self, context: RequestContext) -> SessionHandle {
        SessionHandle::guest(self.clone(), context)
    }

    /// Tells whether the session `id` is still stored, unexpired and authenticated.
    ///
    /// Long-lived connections ask this to notice that they were logged out.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when the store or the registry fails.
    pub async fn is_live(&self, id: SessionId) -> Result<bool, SessionError> {
        let stored = self.reload(id).await?;
        Ok(stored.is_some_and(|(_, decoded)| decoded.data.auth_state.is_authenticated()))
    }

    /// Ends every session of one user except `keep`, in the store and the registry, and returns how many.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when either fails; what was ended before stays ended.
    pub async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, SessionError> {
        if let Some(registry) = &self.0.registry {
            registry.invalidate_user(owner, keep).await?;
        }
        Ok(self.0.store.end_for_user(owner, keep).await?)
    }

    /// Ends one session of a user; `None` when they have no such session, else the family of refresh tokens it belongs to.
    pub(crate) async fn end_one(
        &self,
        owner: Owner,
        id: SessionId,
    ) -> Result<Option<Option<TokenFamilyId>>, SessionError> {
        let Some((row, decoded)) = self.reload(id).await? else { return Ok(None) };
        if row_owner(&decoded.data.auth_state) != Some(owner) {
            return Ok(None);
        }
        if let Some(registry) = &self.0.registry {
            registry.deregister(owner, row.id).await?;
        }
        let ended = self.0.store.end(row.id, self.0.clock.now()).await?;
        Ok((ended > 0).then_some(decoded.data.refresh_family))
    }

    /// Ends the sessions of one user, except `keep`, that are bound to a device or a family of refresh tokens, and returns
    /// how many.
    ///
    /// A session that moves to a new id meanwhile is looked for again. When there are too many to look through, or they do
    /// not stop moving, all of them end.
    pub(crate) async fn end_bound(
        &self,
        owner: Owner,
        bond: Bond,
        keep: Option<SessionId>,
    ) -> Result<u64, SessionError> {
        let mut ended = 0;
        for _ in 0..MAX_PASSES {
            let now = self.0.clock.now();
            let found = self.0.store.find_sessions_for_user(owner, now, MAX_SCANNED).await?;
            if found.len() >= MAX_SCANNED {
                break;
            }
            let (more, all) = self.end_those_bound(owner, bond, keep, found, now).await?;
            ended += more;
            if all {
                return Ok(ended);
            }
        }
        Ok(ended + self.end_for_user(owner, keep).await?)
    }

    /// Ends those of `found` that are bound; tells how many, and whether each of them was still there to be looked at.
    async fn end_those_bound(
        &self,
        owner: Owner,
        bond: Bond,
        keep: Option<SessionId>,
        found: Vec<store::SessionSummary>,
        now: DateTime<Utc>,
    ) -> Result<(u64, bool), SessionError> {
        let (mut ended, mut all) = (0, true);
        for summary in found.into_iter().filter(|summary| Some(summary.id) != keep) {
            let Some((row, decoded)) = self.reload(summary.id).await? else {
                all = false;
                continue;
            };
            let bound = match bond {
                Bond::Device(device) => decoded.data.device == Some(device),
                Bond::Family(family) => decoded.data.refresh_family == Some(family),
                Bond::AnyFamily => decoded.data.refresh_family.is_some(),
            };
            if bound {
                if let Some(registry) = &self.0.registry {
                    registry.deregister(owner, row.id).await?;
                }
                ended += self.0.store.end(row.id, now).await?;
            }
        }
        Ok((ended, all))
    }

    /// Ends every session of one tenant, in the store and the registry, and returns how many.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when either fails; what was ended before stays ended.
    pub async fn end_for_tenant(&self, tenant_id: TenantId) -> Result<u64, SessionError> {
        if let Some(registry) = &self.0.registry {
            registry.invalidate_tenant(tenant_id).await?;
        }
        Ok(self.0.store.end_for_tenant(tenant_id).await?)
    }

    /// Reads one row. What does not count any more is ended in the store as well.
    pub(super) async fn reload(&self, id: SessionId) -> Result<Option<(RowRef, Decoded)>, SessionError> {
        let now = self.0.clock.now();
        let Some(row) = self.0.store.load(id, now).await? else { return Ok(None) };
        let outlived = row.owner.filter(|_| self.has_outlived(row.created_at, now));
        let found = self.admit(row, now);
        let owner = found.as_ref().and_then(|(_, decoded)| row_owner(&decoded.data.auth_state));
        let counts = match (&self.0.registry, owner) {
            (Some(registry), Some(owner)) => registry.is_valid(owner, id, now).await?,
            _ => found.is_some(),
        };
        if !counts {
            let ended = self.0.store.end(id, now).await?;
            if let Some(owner) = outlived.filter(|_| ended > 0) {
                self.record_expiry(owner, id).await;
            }
            return Ok(None);
        }
        Ok(found)
    }

    fn has_outlived(&self, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.0.absolute_ttl.is_some_and(|ttl| created_at + ttl <= now)
    }

    /// The session is over whether or not its end can be recorded.
    async fn record_expiry(&self, owner: Owner, session_id: SessionId) {
        let Some(audit) = &self.0.audit else { return };
        let emitter = Emitter::new(Arc::clone(audit))
            .with_clock(Arc::clone(&self.0.clock))
            .with_rng(Arc::clone(&self.0.rng));
        let context = EventContext::system().in_tenant(owner.tenant_id);
        let reason = LogoutReason::SessionExpired;
        if let Err(error) =
            emitter.emit(&context, Logout { user_id: owner.user_id, session_id, reason }).await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the end of a session was not recorded"
            );
        }
    }

    /// Decodes a row, unless it is too old or cannot be read.
    fn admit(&self, row: SessionRow, now: DateTime<Utc>) -> Option<(RowRef, Decoded)> {
        let SessionRow { id, lineage, version, created_at, expires_at, payload, .. } = row;
        if self.has_outlived(created_at, now) {
            return None;
        }
        let Some(mut decoded) = codec::decode(&id, &payload, self.0.crypto.as_ref()) else {
            tracing::warn!(session = ?id, "ended a session whose stored form cannot be read");
            return None;
        };
        let ends = decoded.data.must_end_at();
        decoded.stale |= self.cookie_is_due(decoded.data.cookie_until, created_at, now, ends);
        Some((RowRef { id, lineage, version, created_at, expires_at }, decoded))
    }

    /// Tells whether the browser should be told of a later end: less than half a lifetime of what it was told is left,
    /// and there is more to be had.
    pub(super) fn cookie_is_due(
        &self,
        told: i64,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
        ends: Option<DateTime<Utc>>,
    ) -> bool {
        let half_over = told - now.timestamp() < self.0.ttl.num_seconds() / 2;
        half_over && self.expiry(created_at, now, ends).timestamp() > told
    }

    /// Returns when a session that began at `created_at`, and must end at `ends`, ends by itself if it is written `now`.
    pub(super) fn expiry(
        &self,
        created_at: DateTime<Utc>,
        now: DateTime<Utc>,
        ends: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let absolute = self.0.absolute_ttl.map(|ttl| created_at + ttl);
        [absolute, ends].into_iter().flatten().fold(now + self.0.ttl, Ord::min)
    }

    fn with(self, change: impl FnOnce(&mut Ports)) -> Self {
        let mut ports = Arc::unwrap_or_clone(self.0);
        change(&mut ports);
        Self(Arc::new(ports))
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("ttl", &self.0.ttl)
            .field("absolute_ttl", &self.0.absolute_ttl)
            .field("sealed", &self.0.crypto.is_some())
            .finish_non_exhaustive()
    }
}

fn clamp(ttl: Duration) -> TimeDelta {
    TimeDelta::from_std(ttl).unwrap_or(MAX_TTL).clamp(TimeDelta::seconds(1), MAX_TTL)
}
