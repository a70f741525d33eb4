mod error;
mod list;
mod record;

#[cfg(test)]
mod tests;

pub use error::{AuthzDenied, AuthzError, AuthzUnavailable};
pub use list::AuthzListError;

use crate::{
    ActionUid, ActivePolicies, AuthzDecision, AuthzEventSink, AuthzProviderError, AuthzQuery,
    DynAuthzEntityProvider, Entity, EntitySet, Explanation, PolicyStore, ResourceUid, Shadow,
    StandardRequestContext, StepUpOptions, ToCedarEntity,
    entities::{Prepared, proven},
};
use axess_identity::Principal;
use std::{collections::BTreeSet, fmt, sync::Arc};

/// The most questions in one [`AuthzSession::batch`].
pub const MAX_BATCH: usize = 1_000;

/// Everything one request needs to be decided: the principal, the provider of facts, the context, the policies.
///
/// It lives as long as the request and keeps the policies it began with. Each decision loads the facts it needs,
/// decides, and is recorded before it is returned; nothing is remembered from one decision to the next.
///
/// ```
/// use axess_authz::*;
/// use axess_identity::{HumanPrincipal, Principal, TenantId, UserId};
/// use std::sync::Arc;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = AuthzStore::new(PolicyStore::base().unwrap());
/// let alice = Principal::Human(HumanPrincipal {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     session_id: None,
///     attributes: Default::default(),
/// });
/// let context = StandardRequestContext::new(chrono::DateTime::UNIX_EPOCH);
/// let session = store.session(alice, Arc::new(NoEntities), context);
/// let document = ResourceUid::new("Document", "doc-1").unwrap();
/// assert!(matches!(session.require("read", &document).await, Err(AuthzError::Denied(_))));
/// assert!(!session.decide("read", &document).await.unwrap().is_allow());
/// # });
/// ```
pub struct AuthzSession {
    active: Arc<ActivePolicies>,
    shadow: Option<Arc<Shadow>>,
    sink: Arc<dyn AuthzEventSink>,
    principal: Principal,
    uid: ResourceUid,
    provider: Arc<dyn DynAuthzEntityProvider>,
    context: StandardRequestContext,
    step_up: StepUpOptions,
}

impl AuthzSession {
    pub(crate) fn new(
        active: Arc<ActivePolicies>,
        shadow: Option<Arc<Shadow>>,
        sink: Arc<dyn AuthzEventSink>,
        principal: Principal,
        provider: Arc<dyn DynAuthzEntityProvider>,
        context: StandardRequestContext,
    ) -> Self {
        let uid = principal.cedar_uid();
        Self { active, shadow, sink, principal, uid, provider, context, step_up: StepUpOptions::default() }
    }

    /// Sets the factors that a step-up may ask for: those the user has enrolled.
    #[must_use]
    pub fn with_step_up(mut self, options: StepUpOptions) -> Self {
        self.step_up = options;
        self
    }

    /// Records this session's decisions in another place than the store's: one that knows the request.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn AuthzEventSink>) -> Self {
        self.sink = sink;
        self
    }

    /// Adds a fact of the application's own to the context.
    #[must_use]
    pub fn with_custom(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.context = self.context.with_custom(key, value);
        self
    }

    /// Returns the principal.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the policies that this session decides by.
    #[must_use]
    pub fn policies(&self) -> &PolicyStore {
        &self.active.policies
    }

    /// Lets the request go on only when it is allowed.
    ///
    /// # Errors
    ///
    /// [`AuthzError::Denied`] (403) with the step-up that would help a human, if any; [`AuthzError::Unavailable`] (503)
    /// when the facts cannot be loaded or the decision cannot be recorded.
    pub async fn require(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<(), AuthzError> {
        let action = action.into();
        let facts = self.load(&action, std::slice::from_ref(resource)).await?;
        let query = self.query(&action, resource);
        match self.settle(query, &facts).await? {
            AuthzDecision::Allow { .. } => Ok(()),
            decision @ AuthzDecision::Deny { .. } => {
                let step_up = match self.principal {
                    Principal::Human(_) => self.policies().step_up(query, &facts.graph, &self.step_up),
                    Principal::Workload(_) => None,
                };
                Err(AuthzError::Denied(Box::new(AuthzDenied { decision, step_up })))
            }
        }
    }

    /// Decides whether the principal may do an action to a resource.
    ///
    /// # Errors
    ///
    /// [`AuthzUnavailable`] (503) when there is no decision.
    pub async fn decide(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<AuthzDecision, AuthzUnavailable> {
        let action = action.into();
        let facts = self.load(&action, std::slice::from_ref(resource)).await?;
        self.settle(self.query(&action, resource), &facts).await
    }

    /// Decides many questions with one loading of facts, in order.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide), and [`AuthzUnavailable::BatchTooLarge`] past [`MAX_BATCH`].
    pub async fn batch(
        &self,
        questions: &[(ActionUid, ResourceUid)],
    ) -> Result<Vec<AuthzDecision>, AuthzUnavailable> {
        let Some((first, _)) = questions.first() else {
            return Ok(Vec::new());
        };
        if questions.len() > MAX_BATCH {
            return Err(AuthzUnavailable::BatchTooLarge);
        }
        let resources: BTreeSet<ResourceUid> =
            questions.iter().map(|(_, resource)| resource.clone()).collect();
        let resources: Vec<ResourceUid> = resources.into_iter().collect();
        let facts = self.load(first, &resources).await?;
        let mut decisions = Vec::with_capacity(questions.len());
        for (action, resource) in questions {
            decisions.push(self.settle(self.query(action, resource), &facts).await?);
        }
        Ok(decisions)
    }

    /// Decides, records and shows how the decision came about: for operators, not for callers.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub async fn explain(
        &self,
        action: impl Into<ActionUid>,
        resource: &ResourceUid,
    ) -> Result<Explanation, AuthzUnavailable> {
        let action = action.into();
        let facts = self.load(&action, std::slice::from_ref(resource)).await?;
        self.settle(self.query(&action, resource), &facts).await?;
        Ok(self.policies().explain(self.query(&action, resource), &facts.graph))
    }

    fn query<'a>(&'a self, action: &'a ActionUid, resource: &'a ResourceUid) -> AuthzQuery<'a> {
        AuthzQuery { principal: &self.uid, action, resource, context: &self.context }
    }

    /// Decides, lets the shadow look, and records.
    async fn settle(
        &self,
        query: AuthzQuery<'_>,
        facts: &Prepared,
    ) -> Result<AuthzDecision, AuthzUnavailable> {
        let decision = self.policies().decide(query, &facts.graph);
        if let Some(shadow) = &self.shadow {
            shadow.compare(query, &facts.set, &decision);
        }
        record::decision(&*self.sink, &self.principal, query, &decision).await?;
        Ok(decision)
    }

    async fn load(
        &self,
        action: &ActionUid,
        resources: &[ResourceUid],
    ) -> Result<Arc<Prepared>, AuthzUnavailable> {
        let loaded = self.provider.entities(&self.principal, resources).await;
        match loaded.and_then(|loaded| self.prepare(&loaded)) {
            Ok(prepared) => Ok(prepared),
            Err(source) => {
                record::provider_failure(self, action, resources, &source).await?;
                Err(AuthzUnavailable::Provider { provider: self.provider.name().to_owned(), source })
            }
        }
    }

    /// Checks what was loaded, and works out the hierarchy, unless that was done for the same facts already.
    fn prepare(&self, loaded: &EntitySet) -> Result<Arc<Prepared>, AuthzProviderError> {
        if let Some(prepared) = loaded.prepared(&self.active, &self.principal) {
            return Ok(prepared);
        }
        let set = self.with_principal(loaded.clone());
        let graph = self.policies().graph(&set);
        let graph = graph.map_err(|error| AuthzProviderError::new("unfit entities", error))?;
        let prepared = Arc::new(Prepared::new(&self.active, &self.principal, graph, set));
        loaded.keep(Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Adds the principal: its proven facts win over what was loaded, which wins over its further attributes.
    fn with_principal(&self, loaded: EntitySet) -> EntitySet {
        let Entity { uid, attrs, parents, tags } = self.principal.to_cedar_entity();
        let attrs = self.policies().shapes.prune_attributes(&uid, attrs);
        let mut set = EntitySet::from_iter([Entity { uid, attrs, parents, tags }]);
        set.merge(loaded);
        let proven = proven(&self.principal);
        let attrs = self.policies().shapes.prune_attributes(&proven.uid, proven.attrs.clone());
        set.merge(EntitySet::from_iter([Entity { attrs, ..proven }]));
        set
    }

    pub(crate) fn provider_name(&self) -> &str {
        self.provider.name()
    }

    pub(crate) fn sink(&self) -> &dyn AuthzEventSink {
        &*self.sink
    }
}

impl fmt::Debug for AuthzSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthzSession").field("principal", &self.uid).finish_non_exhaustive()
    }
}
