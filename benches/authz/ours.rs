//! axess: policies in a store with a sink for events, facts behind a cache that is warm.

use crate::{
    Fault,
    engine::Engine,
    site::{SCHEMA, Site},
};
use axess_authz::{
    AuthzEntityProvider, AuthzProviderError, AuthzSession, AuthzSinkError, AuthzStore, CachedEntityProvider,
    DynAuthzEntityProvider, EntitySet, PolicyBundle, PolicyStore, ResourceUid, StandardRequestContext,
};
use axess_clock::SystemClock;
use axess_events::AuthEvent;
use axess_identity::Principal;
use std::{
    hint::black_box,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long facts are kept: longer than a measurement takes.
const TTL: Duration = Duration::from_secs(3_600);
const CAPACITY: NonZeroUsize = NonZeroUsize::new(100).expect("more than zero");

pub(crate) struct Ours {
    store: AuthzStore,
    provider: Arc<dyn DynAuthzEntityProvider>,
    principal: Principal,
    context: StandardRequestContext,
    document: ResourceUid,
    foreign: ResourceUid,
    recorded: Arc<AtomicU64>,
    /// One request that asks again and again.
    session: AuthzSession,
}

/// Facts in memory: they are asked for once per question.
struct Facts(EntitySet);

impl AuthzEntityProvider for Facts {
    fn name(&self) -> &str {
        "memory"
    }

    async fn entities(&self, _: &Principal, _: &[ResourceUid]) -> Result<EntitySet, AuthzProviderError> {
        Ok(self.0.clone())
    }
}

impl Ours {
    pub(crate) fn new(site: &Site) -> Result<Self, Fault> {
        let app = PolicyBundle::new("app")
            .with_file("app.cedarschema", SCHEMA)
            .with_file("app.cedar", site.policies.as_str());
        let policies = PolicyStore::compose(vec![PolicyBundle::base(), app])?;
        let recorded = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&recorded);
        let sink = move |_: &Principal, event: AuthEvent| {
            // Where an event goes from here is not the decision's business; that it is made is.
            drop(black_box(event));
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<(), AuthzSinkError>(())
        };
        let store = AuthzStore::new(policies).with_sink(Arc::new(sink));
        let cached =
            CachedEntityProvider::new(Facts(site.entities.clone()), CAPACITY, TTL, Arc::new(SystemClock));
        let provider: Arc<dyn DynAuthzEntityProvider> = Arc::new(cached);
        let (principal, context) = (site.principal.clone(), site.context());
        let session = store.session(principal.clone(), Arc::clone(&provider), context.clone());
        let (document, foreign) = (site.document.clone(), site.foreign.clone());
        Ok(Self { store, provider, principal, context, document, foreign, recorded, session })
    }

    /// Compares both sides' answers, and that every decision is recorded. It warms the cache.
    pub(crate) async fn check(&self, engine: &Engine) -> Result<(), Fault> {
        let before = self.recorded.load(Ordering::Relaxed);
        let allowed = self.session.decide("read", &self.document).await?;
        let refused = self.session.decide("read", &self.foreign).await?;
        let recorded = self.recorded.load(Ordering::Relaxed) - before;
        if !allowed.is_allow() || refused.is_allow() || recorded != 2 {
            return Err(format!("axess: {allowed}; {refused}; {recorded} events").into());
        }
        match (engine.decide()?, engine.decide_foreign()?) {
            (true, false) => Ok(()),
            other => Err(format!("the engine: {other:?}").into()),
        }
    }

    /// Decides once more within a request.
    pub(crate) async fn decide(&self) -> Result<bool, Fault> {
        Ok(self.session.decide("read", &self.document).await?.is_allow())
    }

    /// Decides once for a new request.
    pub(crate) async fn decide_anew(&self) -> Result<bool, Fault> {
        let session =
            self.store.session(self.principal.clone(), Arc::clone(&self.provider), self.context.clone());
        Ok(session.decide("read", &self.document).await?.is_allow())
    }
}
