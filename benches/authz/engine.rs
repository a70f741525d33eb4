//! The policy engine alone: the least that a program with the same policies can do for a checked decision.
//!
//! Policies, schema and entities are parsed once. Each decision makes its context from what is known of the request and
//! checks it and the request against the schema, which is what `AuthzSession` does too.

use crate::{
    Fault,
    site::{SCHEMA, Site},
};
use axess_authz::{Entity, PolicyBundle, ResourceUid, SourceKind};
use axess_identity::Principal;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema, SchemaFragment,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::net::IpAddr;

pub(crate) struct Engine {
    authorizer: Authorizer,
    policies: PolicySet,
    schema: Schema,
    entities: Entities,
    principal: EntityUid,
    action: EntityUid,
    document: EntityUid,
    foreign: EntityUid,
    now: DateTime<Utc>,
    ip: IpAddr,
}

impl Engine {
    pub(crate) fn new(site: &Site) -> Result<Self, Fault> {
        let base = PolicyBundle::base();
        let text = |kind| -> String {
            base.files().iter().filter(|f| f.kind() == Some(kind)).map(|f| f.text.as_str()).collect()
        };
        let fragment = |text: &str| -> Result<SchemaFragment, Fault> {
            Ok(SchemaFragment::from_cedarschema_str(text)?.0)
        };
        let schema =
            Schema::from_schema_fragments([fragment(&text(SourceKind::CedarSchema))?, fragment(SCHEMA)?])?;
        let policies = format!("{}{}", text(SourceKind::Policies), site.policies).parse()?;
        let entities: Vec<Value> = site.entities.iter().map(entity).collect();
        let entities = Entities::from_json_value(Value::Array(entities), Some(&schema))?;
        let Principal::Human(human) = &site.principal else { return Err("nobody asks".into()) };
        let uid = |uid: &ResourceUid| uid.to_string().parse::<EntityUid>().map_err(Fault::from);
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            schema,
            entities,
            principal: uid(&ResourceUid::user(human.user_id))?,
            action: "Action::\"read\"".parse()?,
            document: uid(&site.document)?,
            foreign: uid(&site.foreign)?,
            now: site.now,
            ip: site.ip,
        })
    }

    pub(crate) fn decide(&self) -> Result<bool, Fault> {
        self.decide_on(&self.document)
    }

    pub(crate) fn decide_foreign(&self) -> Result<bool, Fault> {
        self.decide_on(&self.foreign)
    }

    fn decide_on(&self, resource: &EntityUid) -> Result<bool, Fault> {
        let datetime = |time: DateTime<Utc>| json!({ "__extn": { "fn": "datetime", "arg": time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string() } });
        let context = json!({
            "now": datetime(self.now),
            "ip": { "__extn": { "fn": "ip", "arg": self.ip.to_string() } },
            "mfa": true,
            "factors_completed": ["password", "totp"],
            "authn_time": datetime(self.now),
        });
        let context = Context::from_json_value(context, Some((&self.schema, &self.action)))?;
        let (principal, action) = (self.principal.clone(), self.action.clone());
        let request = Request::new(principal, action, resource.clone(), context, Some(&self.schema))?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        Ok(response.decision() == Decision::Allow)
    }
}

fn entity(entity: &Entity) -> Value {
    let bare = |uid: &ResourceUid| json!({ "type": uid.entity_type(), "id": uid.id() });
    json!({
        "uid": bare(&entity.uid),
        "attrs": entity.attrs,
        "parents": entity.parents.iter().map(bare).collect::<Vec<_>>(),
    })
}
