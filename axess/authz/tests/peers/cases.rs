//! Random policies, facts and requests, written once for each side.

use axess_authz::{
    ActionUid, Entity, EntitySet, PolicyBundle, PolicyStore, ResourceUid, StandardRequestContext,
};
use axess_identity::{DeviceId, FactorKind};
use axess_rng::{MockRng, random_below};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

const SCHEMA: &str = r#"
entity Folder in [Folder] = { tenant_id: String };
entity User = { level: Long, manager?: User, tags2?: Set<String> };
entity Document in [Folder, Shared] = {
  tenant_id: String,
  owner: User,
  size: Long,
  price?: decimal,
  kind?: String,
  meta: { labels: Set<String>, score?: Long },
};
type RequestContext = { custom: { region?: String, quota: Long } };
action "view", "edit" appliesTo { principal: [User], resource: [Document], context: RequestContext };
action "all" appliesTo { principal: [User], resource: [Document, Folder], context: RequestContext };
"#;

/// Conditions on documents. Some fail for some facts: a sum that overflows, an entity that is not there.
const CONDITIONS: [&str; 34] = [
    "true",
    "principal == resource.owner",
    "principal != resource.owner",
    "principal.level > resource.owner.level",
    "resource.size * 4611686018427387904 >= 0",
    "resource.size - 9223372036854775807 < 0",
    "-resource.size < 0",
    "principal.level + context.custom.quota * 4096 < 10",
    "principal in Role::\"viewer\"",
    "principal in [Role::\"editor\", Role::\"admin\"]",
    "principal is User in Group::\"staff\"",
    "resource in Folder::\"top\"",
    "resource in Folder::\"inner\"",
    "resource has kind && resource.kind == \"secret\"",
    "resource has kind && resource.kind like \"s*e*\"",
    "if resource has kind then resource.kind != \"x\" else principal.level > 1",
    "resource has price && resource.price.lessThan(decimal(\"10.50\"))",
    "resource.meta.labels.contains(\"a\")",
    "resource.meta.labels.containsAll([\"a\", \"b\"])",
    "resource.meta.labels.containsAny([\"b\", \"c\"])",
    "resource.meta.labels.isEmpty()",
    "resource.meta has score && resource.meta.score * 4096 > 3",
    "principal has manager && principal.manager.level > 2",
    "principal has manager && principal.manager == resource.owner",
    "context.mfa",
    "context has ip && context.ip.isInRange(ip(\"10.0.0.0/8\"))",
    "context has ip && context.ip.isIpv6()",
    "context.factors_completed.contains(\"fido2\")",
    "context has authn_time && context.now.durationSince(context.authn_time) <= duration(\"15m\")",
    "context.now < datetime(\"2026-01-01T12:00:00Z\")",
    "context has device && context.device.trusted",
    "context has custom.region && context.custom.region == \"eu\"",
    "context.custom.quota > 3",
    "resource.tenant_id == \"t1\"",
];

/// The largest number that survives JavaScript; times 4096 it overflows.
const LARGE: i64 = 9_007_199_254_740_991;

/// One question, for both sides.
pub(crate) struct Case {
    pub(crate) store: PolicyStore,
    pub(crate) source: String,
    pub(crate) entities: EntitySet,
    pub(crate) principal: ResourceUid,
    pub(crate) action: ActionUid,
    pub(crate) resource: ResourceUid,
    pub(crate) context: StandardRequestContext,
    /// The question as the other side gets it.
    pub(crate) question: Value,
}

/// What the comparison has seen.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    pub(crate) failed: usize,
    /// Failures that the engine alone would have passed over.
    pub(crate) turned: usize,
}

fn below(rng: &MockRng, bound: u64) -> u64 {
    random_below(rng, bound)
}

fn often(rng: &MockRng, of_ten: u64) -> bool {
    below(rng, 10) < of_ten
}

fn one<'a>(rng: &MockRng, list: &[&'a str]) -> &'a str {
    let index = usize::try_from(below(rng, u64::try_from(list.len()).unwrap())).unwrap();
    list[index]
}

impl Case {
    pub(crate) fn draw(rng: &MockRng) -> Self {
        let source = policies(rng);
        let bundle =
            PolicyBundle::new("app").with_file("a.cedarschema", SCHEMA).with_file("a.cedar", source.as_str());
        let store = PolicyStore::compose(vec![PolicyBundle::base(), bundle]).unwrap();
        let mut facts = Facts::default();
        facts.draw(rng);
        let (context, theirs) = context(rng);
        let action = one(rng, &["view", "edit", "all"]);
        let policies: serde_json::Map<String, Value> =
            store.policies().map(|policy| (policy.id.clone(), json!(policy.text))).collect();
        let question = json!({
            "principal": { "type": "User", "id": "alice" },
            "action": { "type": "Action", "id": action },
            "resource": { "type": "Document", "id": "doc" },
            "context": theirs,
            "policies": { "staticPolicies": policies },
            "entities": facts.theirs,
        });
        Self {
            store,
            source,
            entities: facts.ours,
            principal: ResourceUid::new("User", "alice").unwrap(),
            action: action.into(),
            resource: ResourceUid::new("Document", "doc").unwrap(),
            context,
            question,
        }
    }
}

fn policies(rng: &MockRng) -> String {
    let mut text = String::new();
    for number in 0..=below(rng, 5) {
        let effect = if often(rng, 7) { "permit" } else { "forbid" };
        let principal =
            one(rng, &["principal", "principal", "principal in Role::\"viewer\"", "principal is User"]);
        let action = one(
            rng,
            &["action in [Action::\"view\", Action::\"edit\"]", "action == Action::\"view\"", "action"],
        );
        let resource = one(rng, &["resource is Document", "resource is Document in Folder::\"top\""]);
        text += &format!("@id(\"p{number}\")\n{effect} ({principal}, {action}, {resource})\n");
        for _ in 0..below(rng, 3) {
            let clause = if often(rng, 7) { "when" } else { "unless" };
            text += &format!("{clause} {{ {} }}\n", condition(rng, 2));
        }
        text += ";\n";
    }
    text
}

fn condition(rng: &MockRng, depth: u32) -> String {
    let shape = if depth == 0 { 3 } else { below(rng, 6) };
    match shape {
        0 => format!("({} && {})", condition(rng, depth - 1), condition(rng, depth - 1)),
        1 => format!("({} || {})", condition(rng, depth - 1), condition(rng, depth - 1)),
        2 => format!("!({})", condition(rng, depth - 1)),
        _ => format!("({})", one(rng, &CONDITIONS)),
    }
}

/// The facts, written once for each side.
#[derive(Default)]
struct Facts {
    ours: EntitySet,
    theirs: Vec<Value>,
}

impl Facts {
    fn draw(&mut self, rng: &MockRng) {
        let level = |rng: &MockRng| below(rng, 5);
        let mut alice = json!({ "tenant_id": "t1", "level": level(rng) });
        if often(rng, 5) {
            alice["manager"] = json!({ "__entity": { "type": "User", "id": one(rng, &["bob", "gone"]) } });
        }
        let mut groups = vec![("Tenant", "t1")];
        groups.extend(
            [("Role", "viewer"), ("Role", "editor"), ("Group", "team")].into_iter().filter(|_| often(rng, 4)),
        );
        self.add("User", "alice", alice, &groups);
        self.add("User", "bob", json!({ "tenant_id": "t1", "level": level(rng) }), &[]);
        self.add("Group", "team", json!({}), &[("Group", "staff")]);
        self.add("Folder", "inner", json!({ "tenant_id": "t1" }), &[("Folder", "top")]);
        let labels: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| often(rng, 5)).collect();
        let mut document = json!({
            "tenant_id": if often(rng, 9) { "t1" } else { "t2" },
            "owner": { "__entity": { "type": "User", "id": one(rng, &["alice", "bob", "gone", "gone"]) } },
            "size": below(rng, 4),
            "meta": { "labels": labels },
        });
        if often(rng, 6) {
            document["kind"] = json!(one(rng, &["secret", "Secret", "x", "s*e*", ""]));
        }
        if often(rng, 5) {
            let price = one(rng, &["1.5", "10.5000", "10.51", "-3.0"]);
            document["price"] = json!({ "__extn": { "fn": "decimal", "arg": price } });
        }
        if often(rng, 5) {
            document["meta"]["score"] = json!(if often(rng, 2) { LARGE } else { 2 });
        }
        let mut parents = Vec::new();
        if often(rng, 6) {
            parents.push(("Folder", one(rng, &["inner", "top"])));
        }
        if often(rng, 2) {
            parents.push(("Shared", "deployment"));
        }
        self.add("Document", "doc", document, &parents);
    }

    fn add(&mut self, kind: &str, id: &str, attrs: Value, parents: &[(&str, &str)]) {
        let mut entity = Entity::new(ResourceUid::new(kind, id).unwrap());
        entity.attrs = attrs.as_object().unwrap().clone();
        entity.parents = parents.iter().map(|(kind, id)| ResourceUid::new(kind, id).unwrap()).collect();
        self.ours.insert(entity);
        let uid = |(kind, id): &(&str, &str)| json!({ "type": kind, "id": id });
        let parents: Vec<Value> = parents.iter().map(uid).collect();
        self.theirs.push(json!({ "uid": uid(&(kind, id)), "attrs": attrs, "parents": parents }));
    }
}

fn context(rng: &MockRng) -> (StandardRequestContext, Value) {
    let extension = |name: &str, text: &str| json!({ "__extn": { "fn": name, "arg": text } });
    let noon = DateTime::parse_from_rfc3339("2026-01-01T12:00:00Z").unwrap().to_utc();
    let now = noon + TimeDelta::milliseconds(i64::try_from(below(rng, 3)).unwrap() - 1);
    let written = |time: DateTime<chrono::Utc>| {
        extension("datetime", &time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    };
    let mut ours = StandardRequestContext::new(now);
    let mut theirs = json!({ "now": written(now), "mfa": false, "factors_completed": [], "custom": {} });
    if often(rng, 7) {
        let factors = [FactorKind::Password, FactorKind::Fido2, FactorKind::Totp];
        let factors: Vec<FactorKind> = factors.into_iter().filter(|_| often(rng, 5)).collect();
        let age = [0, 899_999, 900_000, 900_001][usize::try_from(below(rng, 4)).unwrap()];
        let time = now - TimeDelta::milliseconds(age);
        theirs["factors_completed"] = factors.iter().map(FactorKind::wire_name).collect();
        theirs["authn_time"] = written(time);
        theirs["mfa"] = json!(factors.contains(&FactorKind::Password) && factors.len() > 1);
        ours = ours.with_factors(factors, time);
    }
    if often(rng, 7) {
        let ip = one(rng, &["10.1.2.3", "192.0.2.1", "2001:db8::1"]);
        theirs["ip"] = extension("ip", ip);
        ours = ours.with_ip(ip.parse().unwrap());
    }
    if often(rng, 5) {
        let (id, trusted) = (DeviceId::from_parts(0, [1; 10]), often(rng, 5));
        theirs["device"] = json!({ "id": id.to_string(), "trusted": trusted });
        ours = ours.with_device(id, trusted);
    }
    if often(rng, 5) {
        let region = one(rng, &["eu", "us"]);
        theirs["custom"]["region"] = json!(region);
        ours = ours.with_custom("region", region);
    }
    let quota = if often(rng, 4) { LARGE } else { 4 };
    theirs["custom"]["quota"] = json!(quota);
    (ours.with_custom("quota", quota), theirs)
}
