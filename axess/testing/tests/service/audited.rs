//! Whatever changes something is on record: every public verb has a row here or a reason why it needs none.
//!
//! Each row runs its verb over stores that log their calls and a trail that holds what this one verb recorded. Then it
//! runs the verb again for each of these events with a trail that refuses it.

mod accounts;
mod ceremonies;
mod federation;
mod logins;
mod operators;
mod others;
mod sources;

use crate::{
    federation::{federated, okta, provider::Scripted},
    refresh::Wired,
};
use axess_clock::Clock;
use axess_core::{
    audit::{Emitter, EventContext},
    authn::{AuthnError, AuthnScope, Method},
    delegated::DelegatedCredentials,
    device::Devices,
    envelope::Envelope,
    federation::{Federation, FederationProviders, ProviderPolicy},
    memory::{
        InMemoryBackend, InMemorySessionStore, MemoryDelegatedCredentialStore, MemoryDeviceStore,
        MemoryFederatedLinkStore, MemoryJtiReplayStore, MemoryRefreshTokenStore, MemorySidStore,
    },
    refresh::{RefreshTokenConfig, RefreshTokens},
    service::{AuthnService, Operator},
    session::{RequestContext, SessionHandle, Sessions},
    store::{IdentityAdmin, Owner},
};
use axess_events::{Actor, AuthEventEnvelope};
use axess_identity::{SessionId, TenantId};
use axess_testing::{CallLog, FaultyAuditSink, Instrumented, TestSuite};
use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, sync::Mutex};

type Counted<S> = Instrumented<S, CallLog>;
type Run = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Result<(), AuthnError>> + 'a>>;

/// At whose request a verb is done.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    User,
    /// Nobody until the login is complete, then its user.
    Login,
    Operator,
    System,
}

/// One way to do one verb, and exactly what is recorded of it.
struct Row {
    verb: &'static str,
    who: Who,
    events: &'static [&'static str],
    run: Run,
}

fn row(verb: &'static str, who: Who, events: &'static [&'static str], run: Run) -> Row {
    Row { verb, who, events, run }
}

/// What a row arranges with (`ground`, neither logged nor recorded) and acts with (the rest).
struct World {
    ground: Wired,
    service: AuthnService<Counted<InMemoryBackend>, Counted<InMemoryBackend>>,
    sessions: Sessions,
    /// The same service with a trail that nobody looks at.
    quiet: AuthnService<InMemoryBackend, InMemoryBackend>,
    delegated: DelegatedCredentials,
    idp: Scripted,
    links: MemoryFederatedLinkStore,
    log: CallLog,
    trail: FaultyAuditSink,
    owner: Owner,
    /// The session the verb is done in, and whether somebody was logged in before.
    subject: Mutex<Option<(SessionHandle, bool)>>,
}

impl World {
    async fn new(suite: TestSuite, refused: &'static str) -> Self {
        let ground = Wired::with(suite, RefreshTokenConfig::default());
        let (log, trail) = (CallLog::default(), FaultyAuditSink::on(refused));
        let backend = Instrumented::new(ground.suite.backend.clone(), log.clone());
        let tokens: Counted<MemoryRefreshTokenStore> = Instrumented::new(ground.tokens.clone(), log.clone());
        let devices: Counted<MemoryDeviceStore> = Instrumented::new(ground.devices.clone(), log.clone());
        let store: Counted<InMemorySessionStore> = Instrumented::new(ground.suite.store.clone(), log.clone());
        let kept = Instrumented::new(MemoryDelegatedCredentialStore::new(), log.clone());
        let emitter = Emitter::new(Arc::new(trail.clone())).with_clock(Arc::new(ground.suite.clock.clone()));
        let delegated = DelegatedCredentials::new(Arc::new(kept), Envelope::new([1; 32]).unwrap(), emitter);
        let (idp, links) = (Scripted::new("https://acme.okta.example"), MemoryFederatedLinkStore::new());
        let (sids, replay) = (MemorySidStore::new(), MemoryJtiReplayStore::new());
        let providers =
            FederationProviders::new().with(okta(), Arc::new(idp.clone()), ProviderPolicy::default());
        let kept: Counted<MemoryFederatedLinkStore> = Instrumented::new(links.clone(), log.clone());
        let federation =
            Federation::new(providers, Arc::new(kept)).with_provider_logout(Arc::new(sids), Arc::new(replay));
        let scope = AuthnScope::Global;
        let methods = vec![Method::password(), federated()];
        ground.suite.backend.save_methods(scope, methods).await.unwrap();
        let quiet = ground
            .suite
            .service_over(ground.suite.backend.clone(), ground.suite.backend.clone())
            .with_federation(federation.clone());
        let service = ground
            .suite
            .service_over(backend.clone(), backend)
            .with_audit_sink(Arc::new(trail.clone()))
            .with_refresh_tokens(RefreshTokens::new(Arc::new(tokens)))
            .with_devices(Devices::new(Arc::new(devices)))
            .with_delegated_credentials(delegated.clone())
            .with_federation(federation);
        let sessions = ground.suite.sessions_over(store).with_audit_sink(Arc::new(trail.clone()));
        let owner = ground.suite.owner().await;
        let subject = Mutex::new(None);
        Self { ground, service, sessions, quiet, delegated, idp, links, log, trail, owner, subject }
    }

    /// What is known of every request here.
    fn request() -> RequestContext {
        RequestContext {
            client_ip: "192.0.2.7".parse().ok(),
            user_agent: Some("curl/8.5".into()),
            request_id: Some("req-1".into()),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
            ..RequestContext::default()
        }
    }

    fn operator() -> Operator {
        Operator::new("ops@example.com", "ticket 4711").in_request(&Self::request())
    }

    fn by_user(&self) -> EventContext {
        let actor = Some(Actor::User(self.owner.user_id));
        EventContext { actor, request: Self::request(), tenant_id: None }
    }

    /// Opens the session that the verb is done in. What went before is not looked at.
    async fn open(&self, id: Option<SessionId>) -> SessionHandle {
        let session = self.sessions.open(id, Self::request()).await.unwrap();
        *self.subject.lock().unwrap() = Some((session.clone(), session.is_authenticated()));
        let _ = self.log.take();
        session
    }

    async fn guest(&self) -> SessionHandle {
        self.open(None).await
    }

    /// Goes on with a session of the ground as its browser's next request.
    async fn next(&self, session: &SessionHandle) -> SessionHandle {
        let reopened = self.ground.suite.reopen(session).await;
        self.open(Some(reopened.session_id())).await
    }

    async fn logged_in(&self) -> SessionHandle {
        self.next(&self.ground.logged_in().await).await
    }

    fn took(&self) -> Vec<AuthEventEnvelope> {
        self.trail.kept().events()
    }
}

fn names(events: &[AuthEventEnvelope]) -> Vec<&'static str> {
    events.iter().map(|event| event.payload.wire_name()).collect()
}

fn rows() -> Vec<Row> {
    let all = [
        logins::rows(),
        ceremonies::rows(),
        accounts::rows(),
        operators::rows(),
        federation::rows(),
        others::rows(),
    ];
    all.into_iter().flatten().collect()
}

/// What changes something. That a known device was seen again is noted with every request, and no event.
fn writes(calls: &[&'static str]) -> Vec<&'static str> {
    let reads = ["find", "get_", "load", "is_valid", "last_attempts", "scan", "record_sighting"];
    calls.iter().filter(|call| !reads.iter().any(|read| call.starts_with(read))).copied().collect()
}

/// Checks that an envelope says where, when, at whose request and in which request.
fn check_envelope(world: &World, row: &Row, event: &AuthEventEnvelope, last: bool) {
    let what = format!("{}: {event:?}", row.verb);
    assert_eq!(event.occurred_at, world.ground.suite.clock.now(), "{what}");
    if row.verb == "service::create_tenant" {
        assert_eq!(event.tenant_id, Some(operators::new_tenant()), "{what}");
    } else {
        assert_eq!(event.tenant_id, Some(world.owner.tenant_id), "{what}");
    }
    let user = Actor::User(world.owner.user_id);
    let actor = event.actor.clone();
    match row.who {
        Who::Nobody => assert_eq!(actor, None, "{what}"),
        Who::User => assert_eq!(actor, Some(user), "{what}"),
        Who::Login if last => assert!(matches!(actor, Some(Actor::User(_))), "{what}"),
        Who::Login => assert!(actor.is_none_or(|actor| matches!(actor, Actor::User(_))), "{what}"),
        Who::Operator => assert_eq!(actor, Some(Actor::Operator("ops@example.com".into())), "{what}"),
        Who::System => assert_eq!(actor, Some(Actor::System), "{what}"),
    }
    if row.who != Who::System {
        let request = World::request();
        assert_eq!(event.client_ip, request.client_ip, "{what}");
        let texts = [&event.user_agent, &event.request_id, &event.trace_id];
        let texts = texts.map(|text| text.as_ref().map(|text| text.as_str().to_owned()));
        let sent = [request.user_agent, request.request_id, request.trace_id];
        assert_eq!(texts, sent.map(|text| text.as_deref().map(str::to_owned)), "{what}");
    }
}

#[tokio::test]
async fn every_effect_is_recorded_with_all_that_is_known_of_it() {
    let mut faults = Vec::new();
    for row in rows() {
        let world = World::new(TestSuite::default(), "").await;
        if let Err(error) = (row.run)(&world).await {
            faults.push(format!("{}: {error:?}", row.verb));
            continue;
        }
        let (events, calls) = (world.took(), world.log.take());
        if names(&events) != row.events {
            faults.push(format!("{}: {:?}, not {:?} {calls:?}", row.verb, names(&events), row.events));
            continue;
        }
        assert!(
            !events.is_empty() || writes(&calls).is_empty(),
            "{} writes {calls:?} and says nothing",
            row.verb
        );
        for (n, event) in events.iter().enumerate() {
            check_envelope(&world, &row, event, n + 1 == events.len());
        }
        let ids: BTreeSet<_> = events.iter().map(|event| event.event_id).collect();
        assert_eq!(ids.len(), events.len(), "{}", row.verb);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_an_error_and_grants_nothing() {
    let mut faults = Vec::new();
    for row in rows() {
        // It is over whether or not that can be recorded, and nobody asked for it.
        if row.verb == "session::load" {
            continue;
        }
        for refused in row.events.iter().copied().collect::<BTreeSet<_>>() {
            let world = World::new(TestSuite::default(), refused).await;
            let done = (row.run)(&world).await;
            if !matches!(done, Err(AuthnError::Audit(_))) {
                faults.push(format!("{} {refused}: {done:?}", row.verb));
            }
            let subject = world.subject.lock().unwrap().clone();
            if let Some((session, false)) = subject {
                assert!(!session.is_authenticated(), "{} {refused}", row.verb);
                let live = world.ground.suite.sessions.is_live(session.session_id()).await.unwrap();
                assert!(!live, "{} {refused}", row.verb);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_public_verb_has_a_row_or_a_reason() {
    let rows = rows();
    let covered: BTreeSet<String> = rows.iter().map(|row| row.verb.to_owned()).collect();
    let excused: BTreeSet<String> = sources::EXCUSED.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    let both: Vec<_> = covered.intersection(&excused).collect();
    assert!(both.is_empty(), "a row and an excuse: {both:?}");
    let known: BTreeSet<String> = covered.union(&excused).cloned().collect();
    let declared = sources::verbs();
    let missing: Vec<_> = declared.difference(&known).collect();
    assert!(missing.is_empty(), "say what these record: {missing:?}");
    let gone: Vec<_> = known.difference(&declared).collect();
    assert!(gone.is_empty(), "there is no such verb: {gone:?}");
}

#[tokio::test]
async fn every_event_of_the_catalogue_is_emitted_or_has_a_reason() {
    let mut emitted: BTreeSet<&str> = rows().iter().flat_map(|row| row.events.iter().copied()).collect();
    emitted.extend(sources::emitted_by_the_layers());
    let excused: BTreeSet<&str> =
        sources::NOT_EMITTED.iter().flat_map(|(names, _)| *names).copied().collect();
    for name in axess_events::AuthEvent::ALL_NAMES {
        assert_ne!(emitted.contains(name), excused.contains(name), "{name}: by a row, or for a reason");
    }
}

/// A tenant that no suite has.
fn other_tenant(seed: u8) -> TenantId {
    TenantId::from_parts(0, [seed; 10])
}
