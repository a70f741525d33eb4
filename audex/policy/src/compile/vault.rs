//! Vault and OpenBao: a policy of paths with capabilities.
//!
//! Vault looks only at the entry that is nearest to a path, so an entry has to repeat what wider entries allow. The
//! entries written here include the overlap of any two, each with everything that is allowed there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Refusal, RefusalReason, check};
use crate::{Grant, Provider, ResourcePattern, action::VAULT_CAPABILITIES, glob::EFFORT};

/// How many paths a policy may have.
const MAX_PATHS: usize = 64;

/// Holds the policy of a grant, in both languages that Vault reads.
///
/// ```
/// use audex_policy::{Provider, Request, Rules, compile::vault, narrow};
///
/// let request = Request::parse(Provider::Vault, "vault:read,vault:list", &["secret/data/app/*"])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let policy = vault::policy(&grant).unwrap();
/// assert_eq!(policy.hcl, "path \"secret/data/app/*\" {\n  capabilities = [\"list\", \"read\"]\n}\n");
/// assert_eq!(policy.json, r#"{"path":{"secret/data/app/*":{"capabilities":["list","read"]}}}"#);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultPolicy {
    /// In HCL.
    pub hcl: String,
    /// In JSON.
    pub json: String,
}

/// Compiles a grant.
///
/// # Errors
///
/// Returns a refusal when paths overlap in a way that Vault has no path for, or when there are too many.
pub fn policy(grant: &Grant) -> Result<VaultPolicy, Refusal> {
    check(grant, Provider::Vault)?;
    let paths = closed(grant)?;
    let mut entries: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in &paths {
        let capabilities = capabilities(grant, path);
        let is_inside = |other: &ResourcePattern| other != path && other.covers(path);
        let is_shadowing =
            || paths.iter().any(|other| is_inside(other) && !self::capabilities(grant, other).is_empty());
        if !capabilities.is_empty() {
            entries.insert(path.to_string(), capabilities);
        } else if is_shadowing() {
            entries.insert(path.to_string(), vec!["deny"]);
        }
    }
    if entries.is_empty() {
        return Err(Refusal::new(RefusalReason::Empty, ["ask for something that no rule takes away"]));
    }
    let hcl = entries.iter().map(|(path, capabilities)| {
        let list = capabilities.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        format!("path \"{path}\" {{\n  capabilities = [{list}]\n}}\n")
    });
    let hcl = hcl.collect::<Vec<_>>().join("\n");
    let paths: BTreeMap<&String, serde_json::Value> =
        entries.iter().map(|(path, list)| (path, json!({ "capabilities": list }))).collect();
    Ok(VaultPolicy { hcl, json: json!({ "path": paths }).to_string() })
}

/// Returns what is allowed on every path of a pattern.
fn capabilities(grant: &Grant, path: &ResourcePattern) -> Vec<&'static str> {
    let is_in = |set: &crate::PermissionSet, name: &str| {
        let action = format!("vault:{name}");
        set.iter().any(|one| one.action.matches(&action) && one.resource.covers(path))
    };
    VAULT_CAPABILITIES
        .into_iter()
        .filter(|name| is_in(grant.allow(), name) && !is_in(grant.deny(), name))
        .collect()
}

/// Returns the paths of the permissions, those of the denials within them, and all overlaps, widest first.
fn closed(grant: &Grant) -> Result<Vec<ResourcePattern>, Refusal> {
    let mut paths: Vec<ResourcePattern> = Vec::new();
    let mut open: Vec<ResourcePattern> =
        grant.allow().iter().map(|permission| permission.resource.clone()).collect();
    let denied: BTreeSet<String> =
        grant.effective_deny().iter().map(|permission| permission.resource.to_string()).collect();
    let allowed = open.clone();
    for deny in grant.effective_deny().iter().map(|permission| &permission.resource) {
        for path in &allowed {
            open.extend(overlap(path, deny)?);
        }
    }
    while let Some(path) = open.pop() {
        if paths.contains(&path) {
            continue;
        }
        for other in &paths {
            open.extend(overlap(&path, other)?);
        }
        paths.push(path);
        if paths.len() > MAX_PATHS || open.len() > MAX_PATHS * MAX_PATHS {
            let reason =
                RefusalReason::TooLarge { what: "number of paths", size: paths.len(), limit: MAX_PATHS };
            let why =
                if denied.is_empty() { "ask for fewer paths" } else { "ask for paths without denied parts" };
            return Err(Refusal::new(reason, [why]));
        }
    }
    paths.sort_by_key(ToString::to_string);
    for path in &paths {
        let is_nearer = |other: &&ResourcePattern| {
            *other != path && other.covers(path) && rank(&other.to_string()) >= rank(&path.to_string())
        };
        if let Some(other) = paths.iter().find(is_nearer) {
            let why = format!("for Vault `{other}` is nearer than `{path}`, which is a part of it");
            return Err(Refusal::inexpressible(why, ["write the segments out, or use fewer wildcards"]));
        }
    }
    Ok(paths)
}

fn overlap(a: &ResourcePattern, b: &ResourcePattern) -> Result<Vec<ResourcePattern>, Refusal> {
    let parts = a.and(b, &mut { EFFORT }).unwrap_or_default();
    let is_written = |part: &ResourcePattern| {
        ResourcePattern::parse(Provider::Vault, &part.to_string()).as_ref() == Ok(part)
    };
    if a.meets(b) && (parts.is_empty() || !parts.iter().all(is_written)) {
        let why = format!("Vault has no path for what `{a}` and `{b}` have in common");
        return Err(Refusal::inexpressible(why, ["write the segments out, or use fewer wildcards"]));
    }
    Ok(parts)
}

/// Orders entries as Vault does when several fit: the greater is nearer.
fn rank(path: &str) -> (usize, bool, usize, usize, &str) {
    let first = path.find(['+', '*']).unwrap_or(usize::MAX);
    let segments = path.matches('+').count();
    (first, !path.ends_with('*'), usize::MAX - segments, path.len(), path)
}

#[cfg(test)]
mod tests;
