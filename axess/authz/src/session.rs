mod error;
mod list;
mod record;

#[cfg(test)]
mod tests;

pub use error::{AuthzDenied, AuthzError, AuthzUnavailable};
pub use list::AuthzListError;

use crate::{
    ActionUid, ActivePolicies, AuthzDecision, AuthzEventSink, AuthzProviderError, AuthzQuery,
    DynAuthzEntityProvider, Entity, EntityGraph, EntitySet, Explanation, PolicyStore, ResourceUid, Shadow,
    StandardRequestContext, StepUpOptions, ToCedarEntity, entities::proven,
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
        let graph = self.load(&action, std::slice::from_ref(resource)).await?;
        let query = self.query(&action, resource);
        match self.settle(query, &graph)? {
            AuthzDecision::Allow { .. } => Ok(()),
            decision @ AuthzDecision::Deny { .. } => {
                let step_up = match self.principal {
                    Principal::Human(_) => self.policies().step_up(query, &graph.active, &self.step_up),
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
        let graph = self.load(&action, std::slice::from_ref(resource)).await?;
        self.settle(self.query(&action, resource), &graph)
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
        let graph = self.load(first, &resources).await?;
        questions.iter().map(|(action, resource)| self.settle(self.query(action, resource), &graph)).collect()
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
        let graph = self.load(&action, std::slice::from_ref(resource)).await?;
        self.settle(self.query(&action, resource), &graph)?;
        Ok(self.policies().explain(self.query(&action, resource), &graph.active))
    }

    fn query<'a>(&'a self, action: &'a ActionUid, resource: &'a ResourceUid) -> AuthzQuery<'a> {
        AuthzQuery { principal: &self.uid, action, resource, context: &self.context }
    }

    /// Decides, lets the shadow look, and records.
    fn settle(&self, query: AuthzQuery<'_>, graph: &Loaded) -> Result<AuthzDecision, AuthzUnavailable> {
        let decision = self.policies().decide(query, &graph.active);
        if let Some(shadow) = &self.shadow {
            shadow.compare(query, &graph.set, &decision);
        }
        record::decision(&*self.sink, &self.principal, query, &decision)?;
        Ok(decision)
    }

    async fn load(&self, action: &ActionUid, resources: &[ResourceUid]) -> Result<Loaded, AuthzUnavailable> {
        let loaded = self.provider.entities(&self.principal, resources).await;
        let fitted = loaded.and_then(|set| {
            let set = self.with_principal(set);
            let graph = self.policies().graph(&set);
            let active = graph.map_err(|error| AuthzProviderError::new("unfit entities", error))?;
            Ok(Loaded { active, set })
        });
        fitted.map_err(|error| {
            record::provider_failure(self, action, resources, &error).err().unwrap_or(
                AuthzUnavailable::Provider { provider: self.provider.name().to_owned(), source: error },
            )
        })
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

/// The facts of one evaluation, as they were loaded and as the policies see them.
struct Loaded {
    active: EntityGraph,
    set: EntitySet,
}

impl fmt::Debug for AuthzSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthzSession").field("principal", &self.uid).finish_non_exhaustive()
    }
}
