//! The work of one evaluation that facts alone decide: checked against the schema, with the hierarchy worked out.
//!
//! It takes far longer than a decision, so it stays with the set of entities it was made from: as long as a cache keeps the
//! set, and no longer. It holds for one set of policies and one principal. Decisions are not part of it.

use super::EntitySet;
use crate::{ActivePolicies, EntityGraph};
use arc_swap::ArcSwapOption;
use axess_identity::Principal;
use std::sync::{Arc, Weak};

/// The facts of one evaluation, as they were loaded and as the policies see them.
pub(crate) struct Prepared {
    /// Weak, so that facts in a cache do not keep policies that were replaced.
    policies: Weak<ActivePolicies>,
    principal: Principal,
    pub(crate) graph: EntityGraph,
    /// With the principal.
    pub(crate) set: EntitySet,
}

/// Where a set of entities keeps what was last prepared from it.
#[derive(Default)]
pub(super) struct Slot(ArcSwapOption<Prepared>);

impl Prepared {
    pub(crate) fn new(
        policies: &Arc<ActivePolicies>,
        principal: &Principal,
        graph: EntityGraph,
        set: EntitySet,
    ) -> Self {
        Self { policies: Arc::downgrade(policies), principal: principal.clone(), graph, set }
    }

    fn is_for(&self, policies: &Arc<ActivePolicies>, principal: &Principal) -> bool {
        // The weak reference keeps the place in memory, so that it cannot be that of other policies by now.
        std::ptr::eq(self.policies.as_ptr(), Arc::as_ptr(policies)) && same_entity(&self.principal, principal)
    }
}

/// Tells whether two principals are the same entity with the same attributes, in whatever session.
fn same_entity(one: &Principal, other: &Principal) -> bool {
    match (one, other) {
        (Principal::Human(one), Principal::Human(other)) => {
            one.user_id == other.user_id
                && one.tenant_id == other.tenant_id
                && one.attributes == other.attributes
        }
        (Principal::Workload(one), Principal::Workload(other)) => one == other,
        _ => false,
    }
}

impl EntitySet {
    /// Returns what was prepared from exactly these entities for these policies and this principal.
    pub(crate) fn prepared(
        &self,
        policies: &Arc<ActivePolicies>,
        principal: &Principal,
    ) -> Option<Arc<Prepared>> {
        self.slot.0.load_full().filter(|prepared| prepared.is_for(policies, principal))
    }

    pub(crate) fn keep(&self, prepared: Arc<Prepared>) {
        self.slot.0.store(Some(prepared));
    }
}
