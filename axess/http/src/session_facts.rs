//! What the layers inside the session layer need to know of a request's caller.

use crate::{RequestId, TraceContext, client_ip::client_ip_of};
use axess_core::{
    audit::EventContext,
    session::{RequestContext, SessionHandle},
};
use axess_events::Actor;
use axess_identity::{Principal, SessionId, TenantId, UserId, WorkloadId};
use http::{Extensions, HeaderMap, header};

/// Who is calling, as far as the layers outside have established it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SessionFacts {
    /// The id of the authenticated session. A guest's names nobody: guests can have any number of sessions.
    pub(crate) session_id: Option<SessionId>,
    /// The authenticated user.
    pub(crate) user_id: Option<UserId>,
    /// The authenticated user's tenant, or the workload's.
    pub(crate) tenant_id: Option<TenantId>,
    /// The authenticated workload.
    pub(crate) workload_id: Option<WorkloadId>,
}

/// Left in a request by a layer that finds callers who have no session: who is not found is nobody, and no layer is missing.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(any(feature = "jwt-svid", feature = "authz")),
    expect(dead_code, reason = "nothing that leaves or reads it is compiled")
)]
pub(crate) struct CallersAreSought;

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
        facts.session_id = authenticated_id(session).or(facts.session_id);
        facts.user_id = session.user_id().or(facts.user_id);
        facts.tenant_id = session.tenant_id().or(facts.tenant_id);
    }
    facts
}

/// Reads what the layers outside know of a request without a session.
pub(crate) fn request_context(extensions: &Extensions, headers: &HeaderMap) -> RequestContext {
    let trace = extensions.get::<TraceContext>();
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    RequestContext {
        client_ip: client_ip_of(extensions).ip,
        user_agent: user_agent.map(Into::into),
        request_id: extensions.get::<RequestId>().map(|id| id.as_str().into()),
        trace_id: trace.map(|trace| trace.traceparent().trace_id.to_string().into()),
        ..RequestContext::default()
    }
}

/// Reads what the event of a request says of it: who is calling, and in which request.
pub(crate) fn event_context(extensions: &Extensions, headers: &HeaderMap) -> EventContext {
    let facts = session_facts(extensions);
    let user = facts.user_id.map(Actor::User);
    EventContext {
        tenant_id: facts.tenant_id,
        actor: user.or(facts.workload_id.map(Actor::Workload)),
        request: request_context(extensions, headers),
    }
}

/// The session of a request, which may change while the request is served.
#[derive(Clone)]
pub(crate) struct LiveSession(Option<SessionHandle>);

impl LiveSession {
    /// Takes the session from a request's extensions, where a session layer outside put it.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self(extensions.get::<SessionHandle>().cloned())
    }

    /// Returns the session's id now; `None` unless somebody is authenticated in it.
    pub(crate) fn authenticated_id(&self) -> Option<SessionId> {
        self.0.as_ref().and_then(authenticated_id)
    }
}

fn authenticated_id(session: &SessionHandle) -> Option<SessionId> {
    session.user_id().map(|_| session.session_id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::TestSite;
    use axess_identity::HumanPrincipal;

    fn facts_of(session: &SessionHandle) -> SessionFacts {
        let mut extensions = Extensions::new();
        extensions.insert(session.clone());
        session_facts(&extensions)
    }

    #[tokio::test]
    async fn a_guest_has_no_id_stored_or_not() {
        let site = TestSite::new();
        let guest = site.guest().await;
        assert_eq!(facts_of(&guest), SessionFacts::default());
        guest.set_custom("theme", "dark").unwrap();
        guest.finish().await.unwrap();
        assert!(guest.is_stored());
        assert_eq!(facts_of(&guest), SessionFacts::default());
    }

    #[tokio::test]
    async fn an_authenticated_session_wins_over_a_principal() {
        let site = TestSite::new();
        let alice = site.logged_in().await;
        let facts = facts_of(&alice);
        assert_eq!(facts.session_id, Some(alice.session_id()));
        assert!(facts.user_id.is_some() && facts.user_id == alice.user_id());
        assert!(facts.tenant_id.is_some() && facts.tenant_id == alice.tenant_id());

        let mut extensions = Extensions::new();
        extensions.insert(Principal::Human(HumanPrincipal {
            user_id: UserId::from_parts(0, [1; 10]),
            tenant_id: TenantId::from_parts(0, [2; 10]),
            session_id: None,
            attributes: Default::default(),
        }));
        assert_eq!(session_facts(&extensions).user_id, Some(UserId::from_parts(0, [1; 10])));
        extensions.insert(alice);
        assert_eq!(session_facts(&extensions), facts);
    }

    #[tokio::test]
    async fn the_live_session_follows_a_login() {
        let site = TestSite::new();
        let session = site.guest().await;
        let mut extensions = Extensions::new();
        assert_eq!(LiveSession::of(&extensions).authenticated_id(), None);
        extensions.insert(session.clone());
        let live = LiveSession::of(&extensions);
        assert_eq!(live.authenticated_id(), None);
        site.log_in(&session).await;
        assert_eq!(live.authenticated_id(), Some(session.session_id()));
    }
}
