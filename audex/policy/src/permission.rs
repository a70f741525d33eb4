use std::{cmp::Ordering, collections::HashSet};

use crate::{
    ActionPattern, Provider, ResourcePattern,
    glob::{self, Glob},
};

/// How many permissions a set may have.
pub(crate) const MAX_PERMISSIONS: usize = 1_024;

/// Allows (or denies) a set of actions on a set of resources.
///
/// ```
/// use audex_policy::{ActionPattern, Permission, Provider, ResourcePattern};
///
/// let permission = Permission {
///     action: ActionPattern::parse(Provider::Aws, "s3:GetObject")?,
///     resource: ResourcePattern::parse(Provider::Aws, "arn:aws:s3:::logs/*")?,
/// };
/// assert_eq!(permission.to_string(), "s3:GetObject=arn:aws:s3:::logs/*");
/// # Ok::<(), audex_policy::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What may be done.
    pub action: ActionPattern,
    /// To what.
    pub resource: ResourcePattern,
}

impl Permission {
    /// Tells whether one action on one resource is in the set.
    pub fn matches(&self, action: &str, resource: &str) -> bool {
        self.action.matches(action) && self.resource.matches(resource)
    }

    /// Tells whether both have a single action on a single resource in common.
    ///
    /// Exact.
    pub fn meets(&self, other: &Self) -> bool {
        self.action.meets(&other.action) && self.resource.meets(&other.resource)
    }

    /// Tells whether `other` is wholly inside.
    pub fn covers(&self, other: &Self) -> bool {
        self.action.covers(&other.action) && self.resource.covers(&other.resource)
    }

    fn covers_within(&self, other: &Self, left: &mut usize) -> bool {
        let mut inside = |own: &Glob, inner: &Glob| {
            glob::covers_within(std::slice::from_ref(own), inner, left) == Some(true)
        };
        self.action.provider() == other.action.provider()
            && inside(&self.action.glob, &other.action.glob)
            && inside(&self.resource.glob, &other.resource.glob)
    }

    fn and(&self, other: &Self, left: &mut usize) -> Option<Vec<Self>> {
        let resources = self.resource.and(&other.resource, left)?;
        let mut both = Vec::new();
        for action in self.action.and(&other.action, left)? {
            both.extend(
                resources.iter().map(|resource| Self { action: action.clone(), resource: resource.clone() }),
            );
        }
        Some(both)
    }

    /// Orders by action and resource as written, letters first without their case.
    fn order(&self, other: &Self) -> Ordering {
        let key = |permission: &Self| {
            let action = permission.action.to_string();
            (action.to_ascii_lowercase(), permission.resource.to_string(), action)
        };
        key(self).cmp(&key(other))
    }
}

impl std::fmt::Display for Permission {
    /// Writes `action=resource`, with a backslash before each comma and backslash of the resource; an action on
    /// everything is written alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.action.fmt(f)?;
        if self.resource.is_any() {
            return Ok(());
        }
        let resource = self.resource.to_string().replace('\\', "\\\\").replace(',', "\\,");
        write!(f, "={resource}")
    }
}

/// Says that an intersection would take more patterns than this crate computes with.
///
/// ```
/// let error = audex_policy::TooIntricate { first: "s3:*a*b*".into(), second: "s3:*b*a*".into() };
/// assert!(error.to_string().contains("fewer wildcards"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} overlap in too many ways (use fewer wildcards)")]
pub struct TooIntricate {
    /// One of the two.
    pub first: String,
    /// The other one.
    pub second: String,
}

/// Holds a union of permissions, in one order and without parts that another part contains.
///
/// ```
/// use audex_policy::{Provider, Request};
///
/// let set = Request::parse(Provider::Aws, "s3:GetObject, s3:Get*, s3:ListBucket", &[])?.set().clone();
/// assert_eq!(set.to_string(), "s3:Get*,s3:ListBucket");
/// assert!(set.allows("s3:GetObjectAcl", "arn:aws:s3:::logs/a"));
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionSet(Vec<Permission>);

impl PermissionSet {
    /// Makes a set of the given permissions.
    pub fn new(permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self::new_within(permissions, &mut { glob::EFFORT })
    }

    pub(crate) fn new_within(permissions: impl IntoIterator<Item = Permission>, left: &mut usize) -> Self {
        let mut all: Vec<Permission> = permissions.into_iter().collect();
        all.sort_by(Permission::order);
        let mut seen = HashSet::new();
        all.retain(|permission| seen.insert(permission.clone()));
        let wide: Vec<Permission> =
            all.iter().filter(|permission| has_wildcard(permission)).cloned().collect();
        // Where the effort ends, a part stays beside what contains it: more to write, but the same set.
        // Equal sets were one already, so whatever covers a permission is really wider.
        all.retain(|permission| {
            !wide.iter().any(|wide| wide != permission && wide.covers_within(permission, left))
        });
        Self(all)
    }

    /// Returns the set of everything.
    pub fn everything(provider: Provider) -> Self {
        Self(vec![Permission {
            action: ActionPattern::any(provider),
            resource: ResourcePattern::any(provider),
        }])
    }

    /// Tells whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the permissions whose union the set is.
    pub fn iter(&self) -> std::slice::Iter<'_, Permission> {
        self.0.iter()
    }

    /// Tells whether one action on one resource is in the set.
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.iter().any(|permission| permission.matches(action, resource))
    }

    /// Tells whether both sets have a single action on a single resource in common.
    ///
    /// Exact.
    pub fn meets(&self, other: &Self) -> bool {
        self.iter().any(|one| other.iter().any(|two| one.meets(two)))
    }

    /// Tells whether all of a permission is in the set.
    ///
    /// Never says yes wrongly. It may say no when only a mixture of several actions and several resources covers it.
    pub fn covers(&self, permission: &Permission) -> bool {
        self.covers_within(permission, &mut { glob::EFFORT })
    }

    pub(crate) fn covers_within(&self, permission: &Permission, left: &mut usize) -> bool {
        if self.iter().any(|own| own.covers_within(permission, left)) {
            return true;
        }
        let with_action = self.iter().filter(|own| own.action.covers(&permission.action));
        let resources: Vec<Glob> = with_action.map(|own| own.resource.glob.clone()).collect();
        if resources.len() > 1
            && glob::covers_within(&resources, &permission.resource.glob, left) == Some(true)
        {
            return true;
        }
        let with_resource = self.iter().filter(|own| own.resource.covers(&permission.resource));
        let actions: Vec<Glob> = with_resource.map(|own| own.action.glob.clone()).collect();
        actions.len() > 1 && glob::covers_within(&actions, &permission.action.glob, left) == Some(true)
    }

    /// Returns everything that is in either set.
    pub fn or(&self, other: &Self) -> Self {
        Self::new(self.iter().chain(other.iter()).cloned())
    }

    /// Returns exactly what is in both sets.
    ///
    /// # Errors
    ///
    /// Returns the two permissions whose overlap takes too many patterns to describe.
    pub fn and(&self, other: &Self) -> Result<Self, TooIntricate> {
        self.and_within(other, &mut { glob::EFFORT })
    }

    pub(crate) fn and_within(&self, other: &Self, left: &mut usize) -> Result<Self, TooIntricate> {
        let mut both = Vec::new();
        for one in self.iter() {
            for two in other.iter() {
                both.extend(overlap(one, two, left)?);
                if both.len() > MAX_PERMISSIONS {
                    return Err(TooIntricate { first: one.to_string(), second: two.to_string() });
                }
            }
        }
        Ok(Self::new_within(both, left))
    }
}

/// Returns exactly what two permissions have in common.
pub(crate) fn overlap(
    one: &Permission,
    two: &Permission,
    left: &mut usize,
) -> Result<Vec<Permission>, TooIntricate> {
    if !one.meets(two) {
        return Ok(Vec::new());
    }
    one.and(two, left).ok_or_else(|| TooIntricate { first: one.to_string(), second: two.to_string() })
}

impl std::fmt::Display for PermissionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, permission) in self.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{permission}")?;
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a PermissionSet {
    type Item = &'a Permission;
    type IntoIter = std::slice::Iter<'a, Permission>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn has_wildcard(permission: &Permission) -> bool {
    !permission.action.is_single() || !permission.resource.glob.is_literal()
}
