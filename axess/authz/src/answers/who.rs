//! Who may do this, and what may they do: the same decision over finite sets.

use crate::{ActionUid, AuthzQuery, EntityGraph, PolicyStore, ResourceUid, StandardRequestContext};

impl PolicyStore {
    /// Returns those of `principals` that may do an action to a resource, in their order.
    ///
    /// The context is the same for all, so the answer is about people in those circumstances: with `mfa`, say, or
    /// without.
    #[must_use]
    pub fn who_can<'a>(
        &self,
        principals: &'a [ResourceUid],
        action: &ActionUid,
        resource: &ResourceUid,
        context: &StandardRequestContext,
        graph: &EntityGraph,
    ) -> Vec<&'a ResourceUid> {
        let allowed = |principal: &&ResourceUid| {
            self.decide(AuthzQuery { principal, action, resource, context }, graph).is_allow()
        };
        principals.iter().filter(allowed).collect()
    }

    /// Returns the pairs of `actions` and `resources` that a principal may, resource by resource.
    #[must_use]
    pub fn what_can<'a>(
        &self,
        principal: &ResourceUid,
        actions: &'a [ActionUid],
        resources: &'a [ResourceUid],
        context: &StandardRequestContext,
        graph: &EntityGraph,
    ) -> Vec<(&'a ActionUid, &'a ResourceUid)> {
        let pairs =
            resources.iter().flat_map(|resource| actions.iter().map(move |action| (action, resource)));
        pairs
            .filter(|(action, resource)| {
                self.decide(AuthzQuery { principal, action, resource, context }, graph).is_allow()
            })
            .collect()
    }

    /// Returns every action of the schema, ordered by name.
    #[must_use]
    pub fn actions(&self) -> Vec<ActionUid> {
        let mut actions: Vec<ActionUid> = self.schema.actions().cloned().map(ActionUid::from_cedar).collect();
        actions.sort();
        actions
    }
}
