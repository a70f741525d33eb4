//! The one place that asks the engine for a decision.

use super::{AuthzDecision, DenyReason, EvaluationFailure};
use crate::{ActionUid, EntitySet, MAX_ENTITIES, PolicyStore, ResourceUid, StandardRequestContext};
use cedar_policy::{
    AuthorizationError, Context, Decision, Entities, EntityUid, EvaluationError, PolicyId, Request, Response,
};
use serde_json::Value;

/// One question: may `principal` do `action` to `resource`, given `context`.
///
/// ```
/// use axess_authz::*;
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let context = StandardRequestContext::new(chrono::DateTime::UNIX_EPOCH);
/// let query = AuthzQuery { principal: &alice, action: &"read".into(), resource: &alice, context: &context };
/// let store = PolicyStore::base().unwrap();
/// let graph = store.graph(&EntitySet::new()).unwrap();
/// assert!(!store.decide(query, &graph).is_allow());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AuthzQuery<'a> {
    /// Who asks.
    pub principal: &'a ResourceUid,
    /// For what.
    pub action: &'a ActionUid,
    /// On what.
    pub resource: &'a ResourceUid,
    /// Under which circumstances.
    pub context: &'a StandardRequestContext,
}

/// Entities that fit the schema of one policy store, with the hierarchy worked out.
///
/// ```
/// use axess_authz::{Entity, EntitySet, PolicyStore, ResourceUid};
/// let store = PolicyStore::base().unwrap();
/// let alice = ResourceUid::new("User", "alice").unwrap();
/// let good: EntitySet = [Entity::new(alice.clone()).with_attr("tenant_id", "t1")].into_iter().collect();
/// assert!(store.graph(&good).unwrap().contains(&alice));
/// let bad: EntitySet = [Entity::new(alice)].into_iter().collect();
/// assert!(store.graph(&bad).is_err(), "tenant_id is required");
/// ```
#[derive(Debug, Clone)]
pub struct EntityGraph {
    pub(crate) entities: Entities,
}

/// Says why a set of entities cannot be used with a policy store.
///
/// ```
/// use axess_authz::EntityError;
/// assert_eq!(EntityError::TooMany.to_string(), "more than 10000 entities");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// The set passes [`MAX_ENTITIES`].
    #[error("more than {MAX_ENTITIES} entities")]
    TooMany,
    /// An entity does not fit the schema, or the hierarchy has a cycle.
    #[error("the entities do not fit the schema: {message}")]
    Unfit {
        /// What does not fit. It may quote values, so it is for operators.
        message: String,
    },
}

impl EntityGraph {
    /// Tells whether an entity is there.
    #[must_use]
    pub fn contains(&self, uid: &ResourceUid) -> bool {
        self.entities.get(uid.cedar()).is_some()
    }
}

impl PolicyStore {
    /// Checks entities against the schema and works out their hierarchy.
    ///
    /// # Errors
    ///
    /// [`EntityError`] when an attribute is missing, undeclared or of another type, or a parent is not allowed.
    pub fn graph(&self, set: &EntitySet) -> Result<EntityGraph, EntityError> {
        if set.len() > MAX_ENTITIES {
            return Err(EntityError::TooMany);
        }
        let entities = Entities::from_json_value(set.to_json(), Some(&self.schema));
        let entities = entities.map_err(|error| EntityError::Unfit { message: with_causes(&error) })?;
        Ok(EntityGraph { entities })
    }

    /// Decides one question.
    ///
    /// Never fails: whatever goes wrong is a denial. A policy that cannot be evaluated denies the request whether it
    /// permits or forbids, and whatever the other policies say.
    #[must_use]
    pub fn decide(&self, query: AuthzQuery<'_>, graph: &EntityGraph) -> AuthzDecision {
        match self.request(query, graph) {
            Ok(request) => judge(&self.authorizer.is_authorized(&request, &self.set, &graph.entities)),
            Err(reason) => AuthzDecision::Deny { reason, policies: Vec::new() },
        }
    }

    pub(crate) fn request(&self, query: AuthzQuery<'_>, graph: &EntityGraph) -> Result<Request, DenyReason> {
        for uid in [query.principal, query.resource] {
            if !graph.contains(uid) {
                return Err(DenyReason::EntityNotFound { uid: uid.clone() });
            }
        }
        let context = self.context(query.action, query.context)?;
        let uid = |uid: &EntityUid| uid.clone();
        let (principal, action) = (uid(query.principal.cedar()), uid(query.action.cedar()));
        Request::new(principal, action, uid(query.resource.cedar()), context, Some(&self.schema))
            .map_err(|error| invalid(&error))
    }

    pub(crate) fn context(
        &self,
        action: &ActionUid,
        context: &StandardRequestContext,
    ) -> Result<Context, DenyReason> {
        let declared = self.shapes.prune_context(action, context.to_json());
        let schema = Some((&self.schema, action.cedar()));
        Context::from_json_value(Value::Object(declared), schema).map_err(|error| invalid(&error))
    }
}

fn invalid(error: &dyn std::error::Error) -> DenyReason {
    DenyReason::InvalidRequest { message: with_causes(error) }
}

/// Joins the messages of an error and its causes: the reasons of a decision are data, not errors.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

fn judge(response: &Response) -> AuthzDecision {
    let policies = ids(response.diagnostics().reason());
    let mut failures: Vec<EvaluationFailure> = response.diagnostics().errors().map(failure).collect();
    failures.sort_by(|a, b| a.policy.cmp(&b.policy));
    match response.decision() {
        Decision::Allow if failures.is_empty() => AuthzDecision::Allow { policies },
        // What permits is not a reason of a denial.
        Decision::Allow => {
            AuthzDecision::Deny { reason: DenyReason::EvaluationFailed { failures }, policies: Vec::new() }
        }
        Decision::Deny => {
            let reason = match (failures.is_empty(), policies.is_empty()) {
                (false, _) => DenyReason::EvaluationFailed { failures },
                (true, false) => DenyReason::Forbidden,
                (true, true) => DenyReason::NoPermit,
            };
            AuthzDecision::Deny { reason, policies }
        }
    }
}

fn ids<'a>(ids: impl Iterator<Item = &'a PolicyId>) -> Vec<String> {
    let mut ids: Vec<String> = ids.map(ToString::to_string).collect();
    ids.sort();
    ids
}

fn failure(error: &AuthorizationError) -> EvaluationFailure {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    EvaluationFailure {
        policy: error.policy_id().to_string(),
        message: with_causes(error.inner()),
        missing: missing(error.inner()),
    }
}

/// The engine tells which entity was missing only in its message, between backticks.
fn missing(error: &EvaluationError) -> Option<ResourceUid> {
    let EvaluationError::EntityDoesNotExist(error) = error else { return None };
    let message = error.to_string();
    let (_, rest) = message.split_once('`')?;
    let (uid, _) = rest.rsplit_once('`')?;
    uid.parse().ok()
}
