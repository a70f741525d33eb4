//! Google Cloud: a credential access boundary, which leaves the permissions that it also allows. Cloud Storage only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Refusal, RefusalReason, check};
use crate::{Catalogue, Grant, Permission, Provider};

/// How many rules a boundary may have.
pub const MAX_RULES: usize = 10;

/// How many names or prefixes one condition may compare with.
const MAX_SCOPES: usize = 5;

const ROLES: &str = include_str!("../../data/gcp-roles.txt");
const BUCKETS: &str = "//storage.googleapis.com/projects/_/buckets/";

/// Describes a role that boundaries may name beside the predefined ones.
///
/// ```
/// use audex_policy::compile::gcp::Role;
///
/// let role = Role {
///     name: "projects/acme/roles/objectDeleter".to_owned(),
///     permissions: vec!["storage.objects.delete".to_owned()],
/// };
/// assert_eq!(role.permissions.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its full name: `projects/ID/roles/NAME` or `organizations/ID/roles/NAME`.
    pub name: String,
    /// Everything it allows.
    pub permissions: Vec<String>,
}

/// Holds the boundary of a grant.
///
/// Its JSON is the `options` of the token exchange.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::gcp, narrow};
///
/// let request = Request::parse(Provider::Gcp, "storage:read=gs://logs/2026/*", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let json = serde_json::to_value(gcp::boundary(&grant, &[]).unwrap()).unwrap();
/// let rule = &json["accessBoundary"]["accessBoundaryRules"][0];
/// assert_eq!(rule["availableResource"], "//storage.googleapis.com/projects/_/buckets/logs");
/// assert_eq!(rule["availablePermissions"][0], "inRole:roles/storage.legacyObjectReader");
/// assert_eq!(
///     rule["availabilityCondition"]["expression"],
///     "resource.name.startsWith('projects/_/buckets/logs/objects/2026/')"
/// );
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Boundary {
    access_boundary: AccessBoundary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessBoundary {
    access_boundary_rules: Vec<BoundaryRule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BoundaryRule {
    available_resource: String,
    available_permissions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_condition: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Condition {
    expression: String,
}

/// A bucket, and the roles on it.
type Place = (String, Vec<String>);

/// What of a bucket a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Whole,
    Prefix(String),
    Object(String),
}

/// Compiles a grant. `roles` are custom roles that may be named where no predefined role fits.
///
/// A boundary names roles, not permissions. Roles are chosen that hold nothing but what was granted, and together all of
/// it.
///
/// # Errors
///
/// Returns a refusal for anything but Cloud Storage, for a resource that is not in a named bucket, for permissions that
/// no set of roles holds exactly, and for more than ten rules.
pub fn boundary(grant: &Grant, roles: &[Role]) -> Result<Boundary, Refusal> {
    check(grant, Provider::Gcp)?;
    let mut granted: BTreeMap<(String, Scope), BTreeSet<String>> = BTreeMap::new();
    for permission in grant.allow() {
        let place = place(permission)?;
        let names = names(permission)?;
        for name in names {
            if !is_denied(grant, permission, &name)? {
                granted.entry(place.clone()).or_default().insert(name);
            }
        }
    }
    if granted.is_empty() {
        return Err(Refusal::new(RefusalReason::Empty, ["ask for something that no rule takes away"]));
    }
    let known = known_roles(roles);
    let mut rules: BTreeMap<Place, Vec<(Scope, bool)>> = BTreeMap::new();
    for ((bucket, scope), names) in granted {
        let lists = names.contains("storage.objects.list");
        if lists && scope == Scope::Prefix(String::new()) {
            // A condition that lets every listing pass lets everything else on the bucket pass too.
            let why = format!("listing all objects of `{bucket}` is an action on the bucket");
            return Err(Refusal::inexpressible(why, [format!("name the bucket alone, as in gs://{bucket}")]));
        }
        // Whole buckets keep a rule of their own: a condition would only narrow them.
        rules.entry((bucket, exactly(&names, &known)?)).or_default().push((scope, lists));
    }
    let rules: Vec<BoundaryRule> = rules.into_iter().flat_map(written).collect();
    if rules.len() > MAX_RULES {
        let reason = RefusalReason::TooLarge { what: "number of rules", size: rules.len(), limit: MAX_RULES };
        return Err(Refusal::new(reason, ["ask for fewer buckets or prefixes in one session"]));
    }
    Ok(Boundary { access_boundary: AccessBoundary { access_boundary_rules: rules } })
}

/// Returns the bucket and what of it a permission is for.
fn place(permission: &Permission) -> Result<(String, Scope), Refusal> {
    let text = permission.resource.to_string();
    let refused = || {
        let why = format!("a boundary needs a bucket by name, and `{text}` is none");
        Refusal::inexpressible(why, ["name the bucket, as in gs://logs or gs://logs/2026/*"])
    };
    let rest = text.strip_prefix(BUCKETS).ok_or_else(refused)?;
    let (bucket, object) = match rest.split_once("/objects/") {
        Some((bucket, object)) => (bucket, Some(object)),
        None => (rest, None),
    };
    if bucket.is_empty() || bucket.contains(['*', '/']) {
        return Err(refused());
    }
    let scope = match object {
        None => Scope::Whole,
        Some(object) => match object.strip_suffix('*') {
            Some(prefix) => Scope::Prefix(prefix.to_owned()),
            None => Scope::Object(object.to_owned()),
        },
    };
    Ok((bucket.to_owned(), scope))
}

/// Returns the single permissions that a pattern stands for.
fn names(permission: &Permission) -> Result<Vec<String>, Refusal> {
    let refused = |name: &str| {
        let why = format!("`{name}` cannot be restricted: boundaries are for Cloud Storage alone");
        let instead = [
            "map the request to a service account that holds only what is asked for",
            "ask for storage permissions on a bucket, as in storage:read=gs://logs/2026/*",
        ];
        Refusal::inexpressible(why, instead)
    };
    let names: Vec<String> = if permission.action.is_single() {
        vec![permission.action.to_string()]
    } else {
        Catalogue::of(Provider::Gcp)
            .expand(&permission.action)
            .map(|action| action.name().to_owned())
            .collect()
    };
    match names.iter().find(|name| !name.starts_with("storage.")) {
        Some(name) => Err(refused(name)),
        None if names.is_empty() => Err(refused(&permission.action.to_string())),
        None => Ok(names),
    }
}

/// Tells whether a permission is denied on all of its resource.
fn is_denied(grant: &Grant, permission: &Permission, name: &str) -> Result<bool, Refusal> {
    let denies = || grant.deny().iter().filter(|deny| deny.action.matches(name));
    if denies().any(|deny| deny.resource.covers(&permission.resource)) {
        return Ok(true);
    }
    match denies().find(|deny| deny.resource.meets(&permission.resource)) {
        None => Ok(false),
        Some(deny) => {
            let why = format!("`{deny}` is denied, and a boundary cannot take a part of `{permission}` away");
            Err(Refusal::inexpressible(why, ["ask for prefixes that leave out what is denied"]))
        }
    }
}

fn known_roles(custom: &[Role]) -> Vec<(String, BTreeSet<String>)> {
    let shipped = ROLES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, permissions) = line.split_once('\t')?;
        Some((name.to_owned(), permissions.split(',').map(str::to_owned).collect()))
    });
    let storage = |permissions: &[String]| {
        permissions.iter().filter(|name| name.starts_with("storage.")).cloned().collect()
    };
    shipped.chain(custom.iter().map(|role| (role.name.clone(), storage(&role.permissions)))).collect()
}

/// Returns roles that together hold these permissions and no other.
fn exactly(names: &BTreeSet<String>, known: &[(String, BTreeSet<String>)]) -> Result<Vec<String>, Refusal> {
    if let Some((name, _)) = known.iter().find(|(_, holds)| holds == names) {
        return Ok(vec![name.clone()]);
    }
    let mut inside: Vec<_> =
        known.iter().filter(|(_, holds)| !holds.is_empty() && holds.is_subset(names)).collect();
    inside.sort_by_key(|(name, holds)| (usize::MAX - holds.len(), name.clone()));
    let mut chosen = Vec::new();
    let mut held: BTreeSet<&String> = BTreeSet::new();
    for (name, holds) in inside {
        if holds.iter().any(|permission| !held.contains(permission)) {
            held.extend(holds);
            chosen.push(name.clone());
        }
    }
    chosen.sort();
    let missing: BTreeSet<&String> = names.iter().filter(|name| !held.contains(name)).collect();
    match missing.first() {
        None => Ok(chosen),
        Some(first) => Err(no_role(first, names, known)),
    }
}

fn no_role(missing: &str, names: &BTreeSet<String>, known: &[(String, BTreeSet<String>)]) -> Refusal {
    let why = format!("no role holds `{missing}` without more than was asked for");
    let mut instead = vec![
        format!("configure a custom role that holds only {missing}"),
        "use one session for each bucket".into(),
    ];
    let wider = known
        .iter()
        .filter(|(_, holds)| holds.contains(missing))
        .min_by_key(|(_, holds)| holds.difference(names).count());
    if let Some((name, holds)) = wider {
        let more: Vec<&str> = holds.difference(names).map(String::as_str).collect();
        instead.insert(0, format!("ask also for {} (then {name} fits)", more.join(",")));
    }
    instead.truncate(2);
    Refusal::inexpressible(why, instead)
}

/// Writes the rules for some roles on a bucket: one for the whole of it, or as many as the conditions need.
fn written(((bucket, roles), scopes): (Place, Vec<(Scope, bool)>)) -> Vec<BoundaryRule> {
    let rule = |expression: Option<String>| BoundaryRule {
        available_resource: format!("{BUCKETS}{bucket}"),
        available_permissions: roles.iter().map(|role| format!("inRole:{role}")).collect(),
        availability_condition: expression.map(|expression| Condition { expression }),
    };
    if scopes.iter().any(|(scope, _)| *scope == Scope::Whole) {
        return vec![rule(None)];
    }
    let conditions: Vec<String> =
        scopes.iter().map(|(scope, lists)| condition(&bucket, scope, *lists)).collect();
    conditions.chunks(MAX_SCOPES).map(|some| rule(Some(some.join(" || ")))).collect()
}

fn condition(bucket: &str, scope: &Scope, lists: bool) -> String {
    let object = |name: &str| quoted(&format!("projects/_/buckets/{bucket}/objects/{name}"));
    match scope {
        Scope::Whole => "true".to_owned(),
        Scope::Object(name) => format!("resource.name == {}", object(name)),
        Scope::Prefix(prefix) if lists => format!(
            "resource.name.startsWith({}) || \
             api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith({})",
            object(prefix),
            quoted(prefix)
        ),
        Scope::Prefix(prefix) => format!("resource.name.startsWith({})", object(prefix)),
    }
}

/// Writes a string of the Common Expression Language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
