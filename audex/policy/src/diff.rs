//! What changes from one grant to another.

use crate::{ActionPattern, Catalogue, Grant, Permission, PermissionSet, glob::EFFORT, permission::overlap};

/// How many actions a wildcard is taken apart into before it is reported whole.
const MAX_ACTIONS: usize = 64;

/// Holds what one grant allows and another does not, both ways, as sets.
///
/// ```
/// use audex_policy::{Grant, GrantDiff, Provider, Request, Rules, narrow};
///
/// let grant = |allow: &str, deny: &[&str]| -> Result<Grant, audex_policy::Faults> {
///     let request = Request::parse(Provider::Aws, allow, &[])?;
///     Ok(narrow(&request, &[], &Rules::parse(deny)?).unwrap().grant)
/// };
/// let diff = GrantDiff::between(&grant("s3:GetObject,sqs:DeleteQueue", &[])?, &grant("s3:Get*,sqs:*", &["sqs:D*"])?);
/// assert_eq!(diff.removed.to_string(), "sqs:DeleteQueue");
/// assert!(diff.added.allows("s3:GetObjectAcl", "*") && !diff.added.allows("sqs:DeleteMessage", "*"));
/// assert!(GrantDiff::between(&grant("s3:*", &[])?, &grant("s3:*,s3:GetObject", &[])?).is_empty());
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantDiff {
    /// What only the new one allows.
    pub added: PermissionSet,
    /// What only the old one allows.
    pub removed: PermissionSet,
}

impl GrantDiff {
    /// Compares two grants.
    ///
    /// Wildcards are taken apart into the actions of the catalogue where that tells more. A permission that is allowed in
    /// part is reported whole: nothing that changes is left out.
    pub fn between(old: &Grant, new: &Grant) -> Self {
        Self { added: only_in(new, old), removed: only_in(old, new) }
    }

    /// Tells whether both allow the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl std::fmt::Display for GrantDiff {
    /// Writes one line for each permission, with `+` or `-` before it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for permission in &self.added {
            writeln!(f, "+ {permission}")?;
        }
        for permission in &self.removed {
            writeln!(f, "- {permission}")?;
        }
        Ok(())
    }
}

/// Returns what one grant allows and the other does not.
fn only_in(one: &Grant, other: &Grant) -> PermissionSet {
    let (mut found, mut left) = (Vec::new(), EFFORT);
    for permission in one.allow().iter().flat_map(|permission| parts(permission, other)) {
        if one.deny().covers(&permission) {
            continue;
        }
        if !other.allow().covers_within(&permission, &mut left) {
            found.push(permission);
            continue;
        }
        // Allowed in both, but the other one denies a part.
        for deny in other.deny() {
            let overlap = overlap(&permission, deny, &mut left).unwrap_or_else(|_| vec![permission.clone()]);
            found.extend(overlap.into_iter().filter(|part| !one.deny().covers(part)));
        }
    }
    PermissionSet::new(found)
}

/// Takes a wildcard apart where the other grant covers some of its actions, but not the wildcard.
fn parts(permission: &Permission, other: &Grant) -> Vec<Permission> {
    let touches = other.allow().iter().any(|allow| allow.meets(permission));
    if permission.action.is_single() || !touches || other.allow().covers(permission) {
        return vec![permission.clone()];
    }
    let catalogue = Catalogue::of(permission.action.provider());
    let with = |name: &str| Permission {
        action: ActionPattern::known(permission.action.provider(), name),
        resource: permission.resource.clone(),
    };
    let parts: Vec<Permission> =
        catalogue.expand(&permission.action).take(MAX_ACTIONS + 1).map(|known| with(known.name())).collect();
    // When every action of today is covered, the wildcard still is more: what the provider adds.
    let is_more_than_today = parts.iter().all(|part| other.allow().covers(part));
    if parts.len() > MAX_ACTIONS || is_more_than_today { vec![permission.clone()] } else { parts }
}

#[cfg(test)]
mod tests;
