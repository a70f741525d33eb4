//! What the layers inside the session layer need to know of a request's caller.

use axess_core::session::SessionHandle;
use axess_identity::{Principal, SessionId, TenantId, UserId, WorkloadId};
use http::Extensions;

/// Who is calling, as far as the layers outside have established it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionFacts {
    /// The id of a *stored* session. A guest without one gets a new id with every request, which names nobody.
    pub(crate) session_id: Option<SessionId>,
    /// The authenticated user.
    pub(crate) user_id: Option<UserId>,
    /// The authenticated user's tenant, or the workload's.
    pub(crate) tenant_id: Option<TenantId>,
    /// The authenticated workload.
    pub(crate) workload_id: Option<WorkloadId>,
}

/// Reads the facts from a request's extensions: the session first, then the principal.
pub(crate) fn session_facts(extensions: &Extensions) -> SessionFacts {
    let mut facts = match extensions.get::<Principal>() {
        Some(Principal::Human(human)) => SessionFacts {
            session_id: human.session_id,
            user_id: Some(human.user_id),
            tenant_id: Some(human.tenant_id),
            workload_id: None,
        },
        Some(Principal::Workload(workload)) => SessionFacts {
            tenant_id: Some(workload.tenant_id),
            workload_id: Some(workload.workload_id.clone()),
            ..SessionFacts::default()
        },
        None => SessionFacts::default(),
    };
    if let Some(session) = extensions.get::<SessionHandle>() {
        let stored = session.is_stored().then(|| session.session_id());
        facts.session_id = stored.or(facts.session_id);
        facts.user_id = session.user_id().or(facts.user_id);
        facts.tenant_id = session.tenant_id().or(facts.tenant_id);
    }
    facts
}

/// The session of a request, which may change while the request is served.
#[derive(Clone)]
pub(crate) enum LiveSession {
    /// There is no session layer outside.
    None,
    /// The request's session.
    Session(SessionHandle),
    /// A test's own idea of who is logged in.
    #[cfg(test)]
    Fake(FakeSession),
}

/// Stands for a session in tests of layers that only ask for the authenticated id.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct FakeSession(pub(crate) std::sync::Arc<std::sync::Mutex<Option<SessionId>>>);

impl LiveSession {
    /// Takes the session from a request's extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        #[cfg(test)]
        if let Some(fake) = extensions.get::<FakeSession>() {
            return Self::Fake(fake.clone());
        }
        extensions
            .get::<SessionHandle>()
            .map_or(Self::None, |session| Self::Session(session.clone()))
    }

    /// Returns the session's id now; `None` unless somebody is authenticated in it.
    pub(crate) fn authenticated_id(&self) -> Option<SessionId> {
        match self {
            Self::None => None,
            Self::Session(session) => session.user_id().map(|_| session.session_id()),
            #[cfg(test)]
            Self::Fake(fake) => *fake.0.lock().unwrap(),
        }
    }
}
