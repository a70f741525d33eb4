use super::Entity;
use crate::ResourceUid;
use axess_identity::{HumanPrincipal, Principal, WorkloadPrincipal};
use serde_json::Value;
use std::collections::BTreeMap;

/// Turns a principal into the entity that policies see.
///
/// The proven facts (tenant, workload id, issuer, trust domain) always win over an entry of `attributes` with the same
/// name. Further `attributes` are included as they are; before an evaluation those that the schema does not declare for
/// the type are left out. The entity lies in its tenant, and a workload also in its trust domain.
///
/// ```
/// use axess_authz::{ResourceUid, ToCedarEntity};
/// use axess_identity::{HumanPrincipal, TenantId, UserId};
/// let human = HumanPrincipal {
///     user_id: UserId::from_parts(0, [1; 10]),
///     tenant_id: TenantId::from_parts(0, [2; 10]),
///     session_id: None,
///     attributes: [("tenant_id".to_owned(), "somewhere else".into())].into(),
/// };
/// let entity = human.to_cedar_entity();
/// assert_eq!(entity.attrs["tenant_id"], human.tenant_id.to_string());
/// assert!(entity.parents.contains(&ResourceUid::tenant(human.tenant_id)));
/// ```
pub trait ToCedarEntity {
    /// Returns the name of the entity.
    fn cedar_uid(&self) -> ResourceUid;

    /// Returns the entity.
    fn to_cedar_entity(&self) -> Entity;
}

impl ToCedarEntity for HumanPrincipal {
    fn cedar_uid(&self) -> ResourceUid {
        ResourceUid::user(self.user_id)
    }

    fn to_cedar_entity(&self) -> Entity {
        proven_human(self, with_attributes(self.cedar_uid(), &self.attributes))
    }
}

impl ToCedarEntity for WorkloadPrincipal {
    fn cedar_uid(&self) -> ResourceUid {
        ResourceUid::workload(&self.workload_id)
    }

    fn to_cedar_entity(&self) -> Entity {
        proven_workload(self, with_attributes(self.cedar_uid(), &self.attributes))
    }
}

impl ToCedarEntity for Principal {
    fn cedar_uid(&self) -> ResourceUid {
        match self {
            Self::Human(human) => human.cedar_uid(),
            Self::Workload(workload) => workload.cedar_uid(),
        }
    }

    fn to_cedar_entity(&self) -> Entity {
        match self {
            Self::Human(human) => human.to_cedar_entity(),
            Self::Workload(workload) => workload.to_cedar_entity(),
        }
    }
}

/// Returns the entity with nothing but what was proved.
pub(crate) fn proven(principal: &Principal) -> Entity {
    match principal {
        Principal::Human(human) => proven_human(human, Entity::new(human.cedar_uid())),
        Principal::Workload(workload) => proven_workload(workload, Entity::new(workload.cedar_uid())),
    }
}

fn proven_human(human: &HumanPrincipal, entity: Entity) -> Entity {
    entity
        .with_attr("tenant_id", human.tenant_id.to_string())
        .with_parent(ResourceUid::tenant(human.tenant_id))
}

fn proven_workload(workload: &WorkloadPrincipal, entity: Entity) -> Entity {
    entity
        .with_attr("tenant_id", workload.tenant_id.to_string())
        .with_attr("tenant_slug", workload.tenant_slug.as_str())
        .with_attr("workload_id", workload.workload_id.as_str())
        .with_attr("service_name", workload.service_name.as_str())
        .with_attr("issuer", workload.issuer.as_str())
        .with_attr("trust_domain", workload.trust_domain.as_str())
        .with_parent(ResourceUid::tenant(workload.tenant_id))
        .with_parent(ResourceUid::trust_domain(&workload.trust_domain))
}

fn with_attributes(uid: ResourceUid, attributes: &BTreeMap<String, Value>) -> Entity {
    attributes.iter().fold(Entity::new(uid), |entity, (name, value)| entity.with_attr(name, value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_identity::{Issuer, TenantId, UserId, WorkloadId};

    #[test]
    fn the_names_are_those_of_the_audit_trail() {
        let id: WorkloadId = "spiffe://prod.example.com/svc/billing".parse().unwrap();
        let tenant_id = TenantId::from_parts(0, [2; 10]);
        let human = HumanPrincipal {
            user_id: UserId::from_parts(0, [1; 10]),
            tenant_id,
            session_id: None,
            attributes: BTreeMap::new(),
        };
        let workload = WorkloadPrincipal {
            trust_domain: id.trust_domain().clone(),
            workload_id: id,
            issuer: Issuer::from("https://issuer.example"),
            tenant_id,
            tenant_slug: "acme".into(),
            service_name: "billing".into(),
            attributes: BTreeMap::new(),
        };
        for principal in [Principal::Human(human), Principal::Workload(workload)] {
            assert_eq!(principal.cedar_uid().to_string(), principal.uid());
            assert_eq!(principal.to_cedar_entity().uid, principal.cedar_uid());
        }
    }
}
