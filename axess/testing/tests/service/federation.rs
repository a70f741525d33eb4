//! Logins at identity providers, with a provider that says what it is told: the protocols have tests of their own.

mod device;
mod flow;
mod linking;
mod logout;
mod outliving;
mod overtaken;
pub(crate) mod provider;
pub(crate) mod provisioning;
mod refusals;
mod steps;
mod tenants;
mod unsolicited;

use crate::fixtures::{step, with_totp};
use axess_core::{
    authn::Method,
    federation::{Federation, FederationProviders, LinkPolicy, ProviderPolicy, Provisioner},
    memory::{InMemoryBackend, MemoryFederatedLinkStore, MemoryJtiReplayStore, MemorySidStore},
    service::{AuthnService, FederatedCompletion, FederatedOutcome},
    session::SessionHandle,
    store::{Expected, FederatedLink, FederatedLinkStore, Owner, SaveOutcome},
};
use axess_events::{AuthEvent, federation::FederationRefusalReason};
use axess_factors::federated::{FederatedIdentity, FederationOptions, FederationProvider};
use axess_identity::{FactorKind, ProviderName};
use axess_testing::{TENANT, TestSuite};
use provider::Scripted;
use std::sync::Arc;

type Service = AuthnService<InMemoryBackend, InMemoryBackend>;

pub(crate) fn okta() -> ProviderName {
    "okta".parse().unwrap()
}

pub(crate) fn federated() -> Method {
    Method::federated(&okta())
}

/// A login at the provider, then `kind`.
fn federated_then(kind: FactorKind) -> Method {
    let mut method = federated();
    method.steps.push(step(kind));
    method
}

/// A suite whose service knows one provider, `okta`, for all tenants.
pub(crate) struct Wired {
    pub(crate) suite: TestSuite,
    pub(crate) idp: Scripted,
    pub(crate) links: MemoryFederatedLinkStore,
    pub(crate) sids: MemorySidStore,
    pub(crate) service: Service,
}

impl Wired {
    /// Users log in with a password or at the provider.
    pub(crate) fn new() -> Self {
        Self::with(vec![Method::password(), federated()])
    }

    pub(crate) fn with(methods: Vec<Method>) -> Self {
        Self::over(TestSuite::builder().methods(methods).build(), ProviderPolicy::default(), None)
    }

    pub(crate) fn over(
        suite: TestSuite,
        policy: ProviderPolicy,
        provisioner: Option<Arc<dyn Provisioner>>,
    ) -> Self {
        let idp = Scripted::new("https://acme.okta.example");
        let providers = FederationProviders::new().with(okta(), Arc::new(idp.clone()), policy);
        Self::from(suite, idp, providers, provisioner)
    }

    pub(crate) fn from(
        suite: TestSuite,
        idp: Scripted,
        providers: FederationProviders,
        provisioner: Option<Arc<dyn Provisioner>>,
    ) -> Self {
        let links = MemoryFederatedLinkStore::new();
        let (sids, replay) = (MemorySidStore::new(), MemoryJtiReplayStore::new());
        let mut federation = Federation::new(providers, Arc::new(links.clone()))
            .with_provider_logout(Arc::new(sids.clone()), Arc::new(replay));
        if let Some(provisioner) = provisioner {
            federation = federation.with_provisioner(provisioner);
        }
        let service =
            suite.service_over(suite.backend.clone(), suite.backend.clone()).with_federation(federation);
        Self { suite, idp, links, sids, service }
    }

    /// Links the suite's account with a subject at the provider.
    pub(crate) async fn link(&self, subject: &str) {
        self.link_of(self.suite.owner().await, subject).await;
    }

    async fn link_of(&self, owner: Owner, subject: &str) {
        let link = FederatedLink {
            owner,
            issuer: self.idp.protocol().link_issuer(self.idp.issuer_name()),
            subject: subject.into(),
            provider: okta(),
            linked_at: chrono::DateTime::UNIX_EPOCH,
            last_used_at: None,
        };
        assert_eq!(self.links.save_link(link, Expected::Absent).await.unwrap(), SaveOutcome::Saved);
    }

    /// Sends a browser to the provider; returns it as it is when it comes back, and the state it comes back with.
    pub(crate) async fn begin(&self, session: &SessionHandle) -> (SessionHandle, String) {
        let options =
            FederationOptions { return_to: Some("/reports".into()), ..FederationOptions::default() };
        let there = self.service.begin_federated_login(session, TENANT, "okta", options).await.unwrap();
        (self.suite.reopen(session).await, provider::state_of(&there))
    }

    /// Lets a browser come back with the word of the provider.
    pub(crate) async fn come_back(
        &self,
        session: &SessionHandle,
        state: &str,
        identity: FederatedIdentity,
    ) -> FederatedCompletion {
        let response = self.idp.answer(state, identity);
        self.service.complete_federated_login(session, "okta", response).await.unwrap()
    }

    /// A whole round trip of a new browser; returns its session as its next request has it.
    pub(crate) async fn log_in(&self, identity: FederatedIdentity) -> (SessionHandle, FederatedCompletion) {
        let (session, state) = self.begin(&self.suite.session().await).await;
        let done = self.come_back(&session, &state, identity).await;
        (self.suite.reopen(&session).await, done)
    }

    /// The same, which must succeed.
    pub(crate) async fn logged_in(&self, identity: FederatedIdentity) -> SessionHandle {
        let (session, done) = self.log_in(identity).await;
        assert!(done.outcome.is_authenticated(), "{:?}", done.outcome);
        session
    }

    /// The word of the provider about a subject.
    pub(crate) fn word(&self, subject: &str) -> FederatedIdentity {
        self.idp.word(subject)
    }

    fn refusals(&self) -> Vec<FederationRefusalReason> {
        let events = self.suite.audit.events();
        let refused = events.into_iter().filter_map(|event| match event.payload {
            AuthEvent::FederationRefused(refused) => Some(refused.reason),
            _ => None,
        });
        refused.collect()
    }

    fn names(&self) -> Vec<&'static str> {
        crate::fixtures::events(&self.suite)
    }
}

/// Says what an outcome is called.
fn called(outcome: &FederatedOutcome) -> &'static str {
    match outcome {
        FederatedOutcome::Authenticated => "authenticated",
        FederatedOutcome::FactorRequired(_) => "more",
        FederatedOutcome::Linked => "linked",
        FederatedOutcome::LinkedElsewhere => "elsewhere",
        FederatedOutcome::NotLinked => "not linked",
        FederatedOutcome::NotAllowed => "not allowed",
        FederatedOutcome::Locked { .. } => "locked",
        FederatedOutcome::Refused(_) => "refused",
    }
}

/// A provider whose word for mail addresses of `example.com` counts.
fn authority() -> ProviderPolicy {
    ProviderPolicy {
        link: LinkPolicy::VerifiedEmail { domains: vec!["example.com".into()] },
        provision: false,
    }
}
