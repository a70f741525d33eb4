//! What is dangerous or useless about a grant.

mod escalation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::{AccessLevel, ActionPattern, Catalogue, Grant, Permission, Provider};

/// How bad a finding is.
///
/// ```
/// assert!(audex_policy::Severity::Danger > audex_policy::Severity::Note);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Wider than it looks, or without effect.
    Warning,
    /// Lets its holder get more than was granted.
    Danger,
}

/// Names what a finding is about.
///
/// ```
/// assert_eq!(audex_policy::Lint::Escalation.name(), "escalation");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lint {
    /// Its holder can give themselves more.
    Escalation,
    /// Everything is allowed.
    Everything,
    /// A wildcard includes actions that change who may do what.
    PermissionsByWildcard,
    /// Something may be changed on every resource there is.
    ChangesAnywhere,
    /// Only denials limit a wildcard, so that whatever the provider adds is allowed.
    AllBut,
    /// The catalogue has no such action.
    UnknownAction,
    /// The action is never allowed on the resources that are named.
    NoEffect,
}

impl Lint {
    /// Returns the name for messages and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Escalation => "escalation",
            Self::Everything => "everything",
            Self::PermissionsByWildcard => "permissions-by-wildcard",
            Self::ChangesAnywhere => "changes-anywhere",
            Self::AllBut => "all-but",
            Self::UnknownAction => "unknown-action",
            Self::NoEffect => "no-effect",
        }
    }
}

/// Describes one thing about a grant that its owner should know.
///
/// ```
/// use audex_policy::{Lint, Provider, Request, Rules, Severity, lint, narrow};
///
/// let request = Request::parse(Provider::Aws, "iam:PassRole,ec2:RunInstances", &[])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let findings = lint(&grant);
/// assert_eq!((findings[0].lint, findings[0].severity), (Lint::Escalation, Severity::Danger));
/// assert_eq!(findings[0].subject, "iam:PassRole,ec2:RunInstances");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub lint: Lint,
    /// The permission, or the actions that are dangerous together.
    pub subject: String,
    /// What is the matter, and what to do, in one sentence without its full stop.
    pub message: String,
}

/// Finds what is dangerous or useless about a grant, the worst first.
pub fn lint(grant: &Grant) -> Vec<Finding> {
    let mut findings = escalation::find(grant);
    for permission in grant.allow() {
        one(grant, permission, &mut findings);
    }
    findings.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| (a.lint, &a.subject).cmp(&(b.lint, &b.subject)))
    });
    findings.dedup();
    findings
}

fn one(grant: &Grant, permission: &Permission, findings: &mut Vec<Finding>) {
    let action = &permission.action;
    let mut add = |severity, lint, message: String| {
        findings.push(Finding { severity, lint, subject: permission.to_string(), message });
    };
    if action.is_any() {
        let place = if permission.resource.is_any() { "" } else { " on these resources" };
        add(Severity::Danger, Lint::Everything, format!("allows everything{place}; name the services"));
    }
    if !action.is_single() && grant.deny().iter().any(|deny| deny.meets(permission)) {
        let message =
            "is limited by denials alone, so that what the provider adds later is allowed; name the actions";
        add(Severity::Warning, Lint::AllBut, message.to_owned());
    }
    let catalogue = Catalogue::of(grant.provider());
    let worst = if action.is_any() {
        Some(AccessLevel::Permissions)
    } else {
        catalogue.expand(action).map(|known| known.level()).max()
    };
    let Some(worst) = worst else {
        if grant.provider() != Provider::Local {
            let (severity, what) = match catalogue.is_complete() {
                true => (Severity::Warning, "is in no list of actions"),
                false => (Severity::Note, "is not in the list of actions, which is not complete"),
            };
            let guess = catalogue.suggest(&action.to_string());
            let guess = guess.map_or(String::new(), |name| format!("; was {name} meant?"));
            add(severity, Lint::UnknownAction, format!("{what} (of {}){guess}", catalogue.date()));
        }
        return;
    };
    if !action.is_single() && !action.is_any() && worst == AccessLevel::Permissions {
        let message = "includes actions that change who may do what; name the actions".to_owned();
        add(Severity::Warning, Lint::PermissionsByWildcard, message);
    }
    if permission.resource.is_any() && !worst.is_harmless() && can_be_limited(&catalogue, action) {
        let message = "changes things, on every resource there is; name the resources".to_owned();
        add(Severity::Warning, Lint::ChangesAnywhere, message);
    }
    if let Some(message) = no_effect(&catalogue, permission) {
        add(Severity::Warning, Lint::NoEffect, message);
    }
}

/// Tells whether some of the actions can be limited to resources at all.
fn can_be_limited(catalogue: &Catalogue, action: &ActionPattern) -> bool {
    action.provider() != Provider::Aws
        || catalogue.expand(action).any(|known| known.resource_types().next().is_some())
}

/// Says why none of the actions is ever allowed on the resources, if so (AWS).
fn no_effect(catalogue: &Catalogue, permission: &Permission) -> Option<String> {
    let is_limited = !permission.resource.is_any() && !permission.action.is_any();
    if permission.action.provider() != Provider::Aws || !is_limited {
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut types = BTreeSet::new();
    for known in catalogue.expand(&permission.action) {
        let service = known.name().split(':').next().unwrap_or_default();
        for kind in known.resource_types().filter(|kind| seen.insert((service, *kind))) {
            // A type whose form is not listed could be anything.
            let pattern = catalogue.resource_type(service, kind)?;
            if pattern.meets(&permission.resource) {
                return None;
            }
            types.insert(pattern.to_string());
        }
    }
    if types.is_empty() {
        let message =
            "is allowed on * or not at all: it cannot be limited to a resource; leave the resource out";
        return Some(message.to_owned());
    }
    let types = types.into_iter().take(4).collect::<Vec<_>>().join(" or ");
    Some(format!("has no effect: it acts on {types}, which this resource is not"))
}
