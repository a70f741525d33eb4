mod changes;

use super::{
    AuthState, Change, RequestContext, SessionError, Sessions, WorkflowKind,
    codec::Decoded,
    data::{Ceremony, SessionData},
    transition::is_stale,
};
use crate::{authn::FactorStep, store::Owner};
use axess_identity::{
    DeviceId, FactorKind, HumanPrincipal, Principal, SessionId, TenantId, TokenFamilyId, UserId,
};
use chrono::{DateTime, Utc};
use std::sync::{
    Arc, LazyLock, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The session of one request.
///
/// Clones are the same session. Reading is cheap and never waits. What is written through the handle is kept until the
/// request ends ([`SessionHandle::finish`]); the verbs of the service that grant or end something write at once.
///
/// ```
/// # use axess_core::{memory::InMemorySessionStore, session::{RequestContext, Sessions}};
/// # async fn example() -> Result<(), axess_core::session::SessionError> {
/// let sessions = Sessions::new(InMemorySessionStore::new());
/// let session = sessions.open(None, RequestContext::default()).await?;
/// session.set_custom("theme", &"dark")?;
/// assert_eq!(session.get_custom::<String>("theme")?, Some("dark".to_owned()));
/// session.finish().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SessionHandle(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) sessions: Sessions,
    pub(super) context: RequestContext,
    pub(super) live: Mutex<Live>,
    /// Serialises the writes of one request; readers do not wait for it.
    pub(super) gate: tokio::sync::Mutex<()>,
    pub(super) touched: AtomicBool,
}

pub(super) struct Live {
    /// A guest's is drawn when somebody asks for it.
    pub(super) id: Option<SessionId>,
    pub(super) row: Option<RowRef>,
    /// The id this request came with, when no row is stored under it (any more): what a logout ends all the same.
    pub(super) dead: Option<SessionId>,
    /// The data as last read or written, with `changes` applied.
    pub(super) data: Arc<SessionData>,
    pub(super) changes: Vec<Change>,
    /// Whether the row should be written even without changes.
    pub(super) stale: bool,
    pub(super) cookie: CookieAction,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RowRef {
    pub(super) id: SessionId,
    pub(super) lineage: SessionId,
    pub(super) version: u64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// What a guest's session holds until something is written: one for all guests.
static BLANK: LazyLock<Arc<SessionData>> = LazyLock::new(Arc::default);

/// What the response must do with the session cookie.
///
/// ```
/// use axess_core::session::CookieAction;
/// assert_eq!(CookieAction::Keep, CookieAction::Keep);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieAction {
    /// Nothing.
    Keep,
    /// Set it to this id.
    Issue {
        /// The session's id.
        id: SessionId,
        /// When the session ends by itself.
        expires_at: DateTime<Utc>,
    },
    /// Remove it.
    Remove,
}

impl SessionHandle {
    /// Returns the session's id.
    ///
    /// It changes with every elevation.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        *self.live().id.get_or_insert_with(|| SessionId::generate(&*self.0.sessions.0.rng))
    }

    /// Returns a copy of the typed state.
    #[must_use]
    pub fn state(&self) -> AuthState {
        self.live().data.auth_state.clone()
    }

    /// Reads the typed state without copying it.
    pub fn with_state<T>(&self, read: impl FnOnce(&AuthState) -> T) -> T {
        let data = Arc::clone(&self.live().data);
        read(&data.auth_state)
    }

    /// Tells whether nobody has said who they are.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.with_state(AuthState::is_guest)
    }

    /// Tells whether a login is in progress.
    #[must_use]
    pub fn is_authenticating(&self) -> bool {
        self.with_state(AuthState::is_authenticating)
    }

    /// Tells whether every step of a method was proved.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.with_state(AuthState::is_authenticated)
    }

    /// Returns the authenticated user; `None` while a login is unfinished.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.owner().map(|owner| owner.user_id)
    }

    /// Returns the authenticated user's tenant; `None` while a login is unfinished.
    #[must_use]
    pub fn tenant_id(&self) -> Option<TenantId> {
        self.owner().map(|owner| owner.tenant_id)
    }

    /// Returns the authenticated user and tenant.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.with_state(owner_of)
    }

    /// Returns when the latest proof was given.
    #[must_use]
    pub fn authn_time(&self) -> Option<DateTime<Utc>> {
        self.with_state(|state| match state {
            AuthState::Authenticated { authn_time, .. } => Some(*authn_time),
            _ => None,
        })
    }

    /// Returns the factors proved in this authenticated session.
    #[must_use]
    pub fn factors_completed(&self) -> Vec<FactorKind> {
        self.with_state(|state| match state {
            AuthState::Authenticated { factors_completed, .. } => factors_completed.clone(),
            _ => Vec::new(),
        })
    }

    /// Returns the step that waits for a credential.
    #[must_use]
    pub fn expected_step(&self) -> Option<FactorStep> {
        self.with_state(|state| state.expected_step().cloned())
    }

    /// Returns the caller; `None` unless the session is authenticated.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        let owner = self.owner()?;
        Some(Principal::Human(HumanPrincipal {
            user_id: owner.user_id,
            tenant_id: owner.tenant_id,
            session_id: Some(self.session_id()),
            attributes: std::collections::BTreeMap::new(),
        }))
    }

    /// Turns a guest session that nothing happened to into the stored session `id`, as [`Sessions::open`] does.
    ///
    /// It stays a guest's when there is no such session (any more).
    ///
    /// # Errors
    ///
    /// [`SessionError::NotAllowed`] when something happened to it; [`SessionError::Store`] when the store or the registry
    /// fails.
    pub async fn load(&self, id: SessionId) -> Result<(), SessionError> {
        let stored = self.0.sessions.reload(id).await?;
        self.live().take_up(id, stored)
    }

    /// Returns what is known about the request.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.0.context
    }

    /// Returns where sessions come from.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Returns the fingerprint the session is bound to.
    #[must_use]
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.live().data.fingerprint
    }

    /// Returns the device the session is used on, once [`AuthnService::resolve_device`] has recognised it.
    ///
    /// [`AuthnService::resolve_device`]: crate::service::AuthnService::resolve_device
    #[must_use]
    pub fn device_id(&self) -> Option<DeviceId> {
        self.live().data.device
    }

    /// Returns the user whose session it is, also while a ceremony interrupts their authenticated session.
    pub(crate) fn bound_owner(&self) -> Option<Owner> {
        self.with_state(row_owner)
    }

    pub(crate) fn refresh_family(&self) -> Option<TokenFamilyId> {
        self.live().data.refresh_family
    }

    /// Returns what the response must do with the cookie as things stand; [`SessionHandle::finish`] settles it.
    #[must_use]
    pub fn cookie_action(&self) -> CookieAction {
        self.live().cookie
    }

    /// Tells whether a row is stored for this session.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.live().row.is_some()
    }

    /// Returns when the stored session ends by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.live().row.map(|row| row.expires_at)
    }

    /// Tells whether this request wrote, or is about to write, anything.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.0.touched.load(Ordering::Acquire)
    }

    /// A dead cookie is left alone: the browser may have got its successor meanwhile.
    pub(super) fn guest(sessions: Sessions, context: RequestContext) -> Self {
        Self(Arc::new(Shared {
            sessions,
            context,
            live: Mutex::new(Live::guest(None, CookieAction::Keep)),
            gate: tokio::sync::Mutex::new(()),
            touched: AtomicBool::new(false),
        }))
    }

    /// Records a change to be written at the end of the request; tells whether it applied.
    pub(crate) fn record(&self, change: Change) -> bool {
        let mut live = self.live();
        let mut data = Arc::clone(&live.data);
        let applied = change.apply(Arc::make_mut(&mut data), &self.0.sessions.0.policy, self.now());
        if applied {
            live.data = data;
            live.changes.push(change);
            drop(live);
            self.touch();
        }
        applied
    }

    pub(crate) fn ceremony<T>(&self, read: impl FnOnce(&Ceremony) -> T) -> T {
        let data = Arc::clone(&self.live().data);
        read(data.ceremony())
    }

    /// Returns whose ceremony of this kind the session is in, and at which step, unless it has taken too long.
    pub(crate) fn workflow_step(&self, kind: &WorkflowKind) -> Option<(TenantId, UserId, u32)> {
        let (policy, now) = (&self.0.sessions.0.policy, self.now());
        self.with_state(|state| match state {
            AuthState::PendingWorkflow { user_id, tenant_id, workflow }
                if workflow.kind == *kind && !is_stale(workflow, policy, now) =>
            {
                Some((*tenant_id, *user_id, workflow.current_step))
            }
            _ => None,
        })
    }

    pub(crate) fn touch(&self) {
        self.0.touched.store(true, Ordering::Release);
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.sessions.0.clock.now()
    }
}

impl Live {
    pub(super) fn guest(dead: Option<SessionId>, cookie: CookieAction) -> Self {
        let data = Arc::clone(&BLANK);
        Self { id: None, row: None, dead, data, changes: Vec::new(), stale: false, cookie }
    }

    fn take_up(&mut self, id: SessionId, stored: Option<(RowRef, Decoded)>) -> Result<(), SessionError> {
        if self.id.is_some() || self.row.is_some() || self.dead.is_some() || !self.changes.is_empty() {
            return Err(SessionError::NotAllowed);
        }
        match stored {
            None => self.dead = Some(id),
            Some((row, decoded)) => {
                self.id = Some(row.id);
                self.row = Some(row);
                self.data = decoded.data;
                self.stale = decoded.stale;
            }
        }
        Ok(())
    }
}

/// Returns the user whose sessions a row counts among: also while a ceremony interrupts an authenticated session, which
/// must not outlive the end of all sessions of its user only to be resumed afterwards.
pub(super) fn row_owner(state: &AuthState) -> Option<Owner> {
    match state {
        AuthState::PendingWorkflow { user_id, tenant_id, workflow } if workflow.resume.is_some() => {
            Some(Owner { tenant_id: *tenant_id, user_id: *user_id })
        }
        other => owner_of(other),
    }
}

pub(super) fn owner_of(state: &AuthState) -> Option<Owner> {
    match state {
        AuthState::Authenticated { user_id, tenant_id, .. } => {
            Some(Owner { tenant_id: *tenant_id, user_id: *user_id })
        }
        _ => None,
    }
}

impl std::fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let live = self.live();
        f.debug_struct("SessionHandle")
            .field("id", &live.id)
            .field("state", &live.data.auth_state.name())
            .finish()
    }
}
