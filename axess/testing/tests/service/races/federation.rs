//! Callbacks of identity providers against each other, and against whatever takes away what they stand on.

use super::*;
use crate::federation::{
    federated, okta,
    provider::{Scripted, message, state_of},
    provisioning::{Staff, provisioning},
};
use axess_core::{
    federation::{Federation, FederationProviders, ProviderPolicy, Provisioner},
    memory::{MemoryFederatedLinkStore, MemoryJtiReplayStore, MemorySidStore},
    service::{FederatedCompletion, FederatedOutcome, Operator, ProviderLogoutOutcome},
    store::{Expected, FederatedLink, FederatedLinkStore, IdentityLookup, Page, SaveOutcome, SidStore},
};
use axess_factors::federated::{CallbackResponse, FederatedIdentity};
use chrono::DateTime;
use std::sync::Arc;

/// A world whose service knows the provider `okta`, with stores that pause at every call.
struct Sso {
    world: World,
    service: AuthnService<Paused, Paused>,
    idp: Scripted,
    links: MemoryFederatedLinkStore,
    sids: MemorySidStore,
}

impl Sso {
    fn new(seed: u64) -> Self {
        Self::with(seed, ProviderPolicy::default(), None)
    }

    fn with(seed: u64, policy: ProviderPolicy, provisioner: Option<Arc<dyn Provisioner>>) -> Self {
        let world = World::new(seed, vec![Method::password(), federated()], LockoutPolicy::default());
        let idp = Scripted::new("https://acme.okta.example");
        let providers = FederationProviders::new().with(okta(), Arc::new(idp.clone()), policy);
        let (links, sids) = (MemoryFederatedLinkStore::new(), MemorySidStore::new());
        let paused: Yielding<MemoryFederatedLinkStore> = Yielding::new(links.clone(), YieldPoints);
        let bound: Yielding<MemorySidStore> = Yielding::new(sids.clone(), YieldPoints);
        let replay: Yielding<MemoryJtiReplayStore> = Yielding::new(MemoryJtiReplayStore::new(), YieldPoints);
        let mut federation = Federation::new(providers, Arc::new(paused))
            .with_provider_logout(Arc::new(bound), Arc::new(replay));
        if let Some(provisioner) = provisioner {
            federation = federation.with_provisioner(provisioner);
        }
        let backend: Paused = Yielding::new(world.suite.backend.clone(), YieldPoints);
        let service = world.suite.service_over(backend.clone(), backend).with_federation(federation);
        Self { world, service, idp, links, sids }
    }

    /// A world in which the suite's account is linked.
    fn linked(seed: u64) -> Self {
        let sso = Self::new(seed);
        alone(async {
            let link = FederatedLink {
                owner: sso.world.suite.owner().await,
                issuer: sso.idp.issuer_name().into(),
                subject: "1".into(),
                provider: okta(),
                linked_at: DateTime::UNIX_EPOCH,
                last_used_at: None,
            };
            assert_eq!(sso.links.save_link(link, Expected::Absent).await.unwrap(), SaveOutcome::Saved);
        });
        sso
    }

    fn word(&self, subject: &str) -> FederatedIdentity {
        FederatedIdentity { session_id: Some("sid-1".into()), ..self.idp.word(subject) }
    }

    /// A login begun in a stored session, and what its browser comes back with.
    fn begun(&self, identity: FederatedIdentity) -> (SessionId, CallbackResponse) {
        alone(async {
            let session = self.world.suite.session().await;
            let begun =
                self.service.begin_federated_login(&session, TENANT, "okta", Default::default()).await;
            let response = self.idp.answer(&state_of(&begun.unwrap()), identity);
            (self.world.suite.reopen(&session).await.session_id(), response)
        })
    }

    /// A callback from the load of its session to its response.
    async fn callback(&self, id: SessionId, response: CallbackResponse) -> &'static str {
        let session = self.world.open(id).await;
        let done = self.service.complete_federated_login(&session, "okta", response).await;
        session.finish().await.unwrap();
        ended_as(&done)
    }

    fn bindings(&self) -> usize {
        alone(async {
            let (tenant, now) = (self.world.suite.owner().await.tenant_id, DateTime::UNIX_EPOCH);
            let issuer = self.idp.issuer_name().to_owned();
            self.sids.find_by_sid(Some(tenant), issuer, "sid-1".into(), now).await.unwrap().len()
        })
    }
}

fn ended_as(done: &Result<FederatedCompletion, AuthnError>) -> &'static str {
    match done.as_ref().map(|done| &done.outcome) {
        Ok(FederatedOutcome::Authenticated) => "in",
        Ok(FederatedOutcome::Refused(_)) => "refused",
        Ok(FederatedOutcome::NotAllowed) => "not allowed",
        Ok(FederatedOutcome::NotLinked) => "not linked",
        Err(AuthnError::SessionEnded) => "ended",
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_two_callbacks_one_goes_on_and_the_provider_is_asked_once() {
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let (id, response) = sso.begun(sso.word("1"));
        let racer = || task(sso.callback(id, response.clone()));
        let seen = sso.world.run(vec![racer(), racer(), racer()]);
        let won = seen.iter().filter(|ending| **ending == "in").count();
        assert_eq!((won, sso.idp.asked().len(), sso.world.live()), (1, 1, 1), "{seen:?}");
    });
}

#[test]
fn a_logout_ends_a_callback_it_races_whichever_comes_first() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let (id, response) = sso.begun(sso.word("1"));
        let logout = task(async {
            let session = sso.world.open(id).await;
            sso.service.logout(&session).await.unwrap();
            session.finish().await.unwrap();
            "logout"
        });
        let seen = sso.world.run(vec![task(sso.callback(id, response)), logout]);
        assert!(sso.world.suite.store.is_empty(), "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&[r#""in""#, r#""ended""#, r#""refused""#]);
}

#[test]
fn a_new_begin_and_a_callback_leave_no_login_that_was_replaced() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let (id, response) = sso.begun(sso.word("1"));
        let again = task(async {
            let session = sso.world.open(id).await;
            let begun = sso.service.begin_federated_login(&session, TENANT, "okta", Default::default()).await;
            session.finish().await.unwrap();
            begun.unwrap();
            "begun"
        });
        let seen = sso.world.run(vec![task(sso.callback(id, response)), again]);
        assert!(seen[0] == "in" || seen[0] == "refused", "{seen:?}");
        assert_eq!(sso.world.live(), usize::from(seen[0] == "in"), "{seen:?}");
        assert_eq!(sso.idp.asked().len(), usize::from(seen[0] == "in"), "{seen:?}");
        endings.saw(seen);
    });
    endings.must_include(&[r#"["in", "begun"]"#, r#"["refused", "begun"]"#]);
}

#[test]
fn first_logins_that_race_make_one_account() {
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::with(seed, provisioning(), Some(Arc::new(Staff::default())));
        let word = || FederatedIdentity { groups: vec!["staff".into()], ..sso.word("bob") };
        let begun: Vec<_> = (0..3).map(|_| sso.begun(word())).collect();
        let tasks = begun.into_iter().map(|(id, response)| task(sso.callback(id, response))).collect();
        let seen = sso.world.run(tasks);
        assert_eq!(seen, ["in"; 3]);
        alone(async {
            let tenant = sso.world.suite.owner().await.tenant_id;
            let page = Page { after: None, limit: 100 };
            let users = sso.world.suite.backend.find_users(tenant, page).await.unwrap();
            assert_eq!(users.len(), 2, "the suite's account and the new one: {users:?}");
        });
    });
}

/// A login that is written while the provider logs its user out is found, finds that it is bound no more, or that it was logged
/// out before it was bound: whoever comes first, nobody is logged in.
#[test]
fn no_session_outlives_the_providers_it_is_bound_to() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let (id, response) = sso.begun(sso.word("1"));
        sso.world.suite.clock.advance(std::time::Duration::from_secs(1));
        let logout = task(async {
            let session = sso.world.visitor().await;
            let message = message(Some("sid-1"), None, Some("jti"));
            let done = sso.service.complete_backchannel_logout(&session, TENANT, "okta", message).await;
            match done.unwrap() {
                ProviderLogoutOutcome::Ended { sessions: 0, .. } => "none",
                ProviderLogoutOutcome::Ended { .. } => "some",
                ProviderLogoutOutcome::Refused(error) => panic!("{error}"),
            }
        });
        let seen = sso.world.run(vec![task(sso.callback(id, response)), logout]);
        assert_eq!((sso.world.live(), sso.bindings()), (0, 0), "{seen:?}");
        endings.saw(seen);
    });
    // That the login finds its binding gone takes a whole logout between two of its writes: a test of its own shows it.
    endings.must_include(&[r#"["refused", "none"]"#, r#"["in", "some"]"#]);
}

#[test]
fn an_account_that_is_suspended_during_its_callback_is_not_logged_in() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let (id, response) = sso.begun(sso.word("1"));
        let suspension = task(async {
            let (owner, by) = (sso.world.suite.owner().await, Operator::new("ops", "left"));
            let (tenant_id, user_id) = (owner.tenant_id, owner.user_id);
            sso.service.suspend_user(&sso.world.sessions, tenant_id, user_id, &by).await.unwrap();
            "suspended"
        });
        let seen = sso.world.run(vec![task(sso.callback(id, response)), suspension]);
        assert_eq!(sso.world.live(), 0, "{seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&[r#""in""#, r#""not allowed""#]);
}

#[test]
fn an_identity_that_is_unlinked_during_its_callback_logs_nobody_in() {
    let mut endings = Endings::default();
    for_each_seed(SEEDS, |seed| {
        let sso = Sso::linked(seed);
        let mine = sso.world.password_proved();
        let (id, response) = sso.begun(sso.word("1"));
        let unlinking = task(async {
            let session = sso.world.open(mine).await;
            let issuer = sso.idp.issuer_name();
            assert!(sso.service.unlink_federated(&session, issuer, "1").await.unwrap());
            session.finish().await.unwrap();
            "unlinked"
        });
        let seen = sso.world.run(vec![task(sso.callback(id, response)), unlinking]);
        assert_eq!(sso.world.live(), 1, "the session that did it: {seen:?}");
        endings.saw(seen[0]);
    });
    endings.must_include(&[r#""in""#, r#""not allowed""#, r#""not linked""#]);
}
