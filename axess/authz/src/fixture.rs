//! A small application for tests: documents in folders, with owners, readers and step-up.

use crate::{
    AuthzDecision, AuthzEntityProvider, AuthzProviderError, AuthzQuery, Entity, EntitySet, PolicyBundle,
    PolicyStore, ResourceUid, StandardRequestContext, ToCedarEntity,
};
use axess_identity::{HumanPrincipal, Principal, TenantId, UserId};
use chrono::{DateTime, Utc};

pub(crate) const SCHEMA: &str = r#"
entity Folder in [Folder] = { tenant_id: String };
entity Document in [Folder, Shared] = {
  tenant_id: String,
  owner: User,
  size: Long,
  public: Bool,
  kind?: String,
  reviewers?: Group,
};
action "read", "edit", "delete" appliesTo {
  principal: [User, Workload],
  resource: [Document],
  context: RequestContext,
};
"#;

pub(crate) const POLICIES: &str = r#"
@id("owners")
permit (principal, action, resource) when { resource.owner == principal };

@id("viewers")
permit (principal in Role::"viewer", action == Action::"read", resource);

@id("delete-needs-key")
forbid (principal, action == Action::"delete", resource)
unless { context.factors_completed.contains("fido2") };

@id("secret-needs-fresh-login")
forbid (principal, action == Action::"edit", resource)
when { resource has kind && resource.kind == "secret" }
unless { context has authn_time && context.now.durationSince(context.authn_time) <= duration("15m") };
"#;

pub(crate) fn bundle(policies: &str) -> PolicyBundle {
    PolicyBundle::new("app").with_file("app.cedarschema", SCHEMA).with_file("app.cedar", policies)
}

pub(crate) fn store(policies: &str) -> PolicyStore {
    PolicyStore::compose(vec![PolicyBundle::base(), bundle(policies)]).unwrap()
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_parts(0, [number; 10])
}

pub(crate) fn user(number: u8) -> Principal {
    Principal::Human(HumanPrincipal {
        user_id: UserId::from_parts(0, [number; 10]),
        tenant_id: tenant(1),
        session_id: None,
        attributes: [].into(),
    })
}

pub(crate) fn uid(text: &str) -> ResourceUid {
    text.parse().unwrap()
}

pub(crate) fn document(id: &str, owner: &Principal) -> Entity {
    Entity::new(ResourceUid::new("Document", id).unwrap())
        .with_attr("tenant_id", tenant(1).to_string())
        .with_attr("owner", owner.cedar_uid().to_json())
        .with_attr("size", 10)
        .with_attr("public", false)
}

pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

pub(crate) fn context() -> StandardRequestContext {
    StandardRequestContext::new(noon())
}

/// Two users, of whom the first owns `a` (plain) and `s` (secret); `o` is in another tenant.
pub(crate) fn entities() -> EntitySet {
    let (alice, bob) = (user(1), user(2));
    [
        alice.to_cedar_entity(),
        bob.to_cedar_entity(),
        document("a", &alice),
        document("s", &alice).with_attr("kind", "secret"),
        document("o", &alice).with_attr("tenant_id", tenant(2).to_string()),
    ]
    .into_iter()
    .collect()
}

pub(crate) fn decide(
    store: &PolicyStore,
    principal: &Principal,
    action: &str,
    resource: &str,
    context: &StandardRequestContext,
) -> AuthzDecision {
    let (principal, resource) = (principal.cedar_uid(), uid(resource));
    let graph = store.graph(&entities()).unwrap();
    store.decide(
        AuthzQuery { principal: &principal, action: &action.into(), resource: &resource, context },
        &graph,
    )
}

/// Serves the entities above, or fails.
pub(crate) struct Provider(pub(crate) Result<EntitySet, &'static str>);

impl AuthzEntityProvider for Provider {
    fn name(&self) -> &str {
        "fixture"
    }

    async fn entities(
        &self,
        _: &Principal,
        resources: &[ResourceUid],
    ) -> Result<EntitySet, AuthzProviderError> {
        let set = self.0.clone().map_err(|cause| AuthzProviderError::new("timeout", cause))?;
        Ok(set.iter().filter(|entity| resources.contains(&entity.uid)).cloned().collect())
    }
}
