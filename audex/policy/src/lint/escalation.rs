//! Known ways to get more than was granted.

use super::{Finding, Lint, Severity};
use crate::{ActionPattern, Grant, Permission, ResourcePattern};

const WAYS: &str = include_str!("../../data/escalations.txt");

/// Finds the ways whose actions are all allowed on some resource.
pub(super) fn find(grant: &Grant) -> Vec<Finding> {
    // Everything includes all of them; that is said in one sentence elsewhere.
    if grant.allow().iter().any(|permission| permission.action.is_any()) {
        return Vec::new();
    }
    let own = ways().filter(|way| way.0 == grant.provider().name());
    own.filter_map(|(_, actions, how)| {
        let reach = actions.split(',').map(|action| reach(grant, action)).min().flatten()?;
        let (severity, where_) = match reach {
            Reach::Named => (Severity::Warning, ", by way of the resources that are named"),
            Reach::Wide => (Severity::Danger, ""),
        };
        let message = format!("{how}{where_}; leave it out, or name resources that lead nowhere");
        Some(Finding { severity, lint: Lint::Escalation, subject: actions.to_owned(), message })
    })
    .collect()
}

/// How far an action reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// To resources that were written out.
    Named,
    /// To whatever a wildcard fits.
    Wide,
}

/// Tells whether an action is allowed on a resource that is not denied, and how far it reaches.
fn reach(grant: &Grant, action: &str) -> Option<Reach> {
    let wanted = ActionPattern::known(grant.provider(), action);
    let is_denied = |resource: &ResourcePattern| {
        grant.deny().iter().any(|deny| deny.action.matches(action) && deny.resource.covers(resource))
    };
    let allowing =
        grant.allow().iter().filter(|allow| allow.action.covers(&wanted) && !is_denied(&allow.resource));
    let far = |allow: &Permission| {
        if allow.resource.glob.is_literal() { Reach::Named } else { Reach::Wide }
    };
    allowing.map(far).max()
}

fn ways() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    WAYS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, fields.next()?, fields.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalogue, Provider};

    #[test]
    fn each_way_is_made_of_actions_there_are() {
        for (provider, actions, _) in ways() {
            let provider: Provider = provider.parse().unwrap();
            let catalogue = Catalogue::of(provider);
            for action in actions.split(',') {
                ActionPattern::parse(provider, action).unwrap();
                assert!(!catalogue.is_complete() || catalogue.get(action).is_some(), "{action}");
            }
        }
    }
}
