//! Which rules are about somebody, and under which names they count.

use super::{sql::Value, tx::Counted};
use audex_core::{Requester, rate::RateRule, session::SessionRecord};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// What the name of a group begins with where requests are counted: no identity does.
const GROUP: &str = "#";

/// The rules about a requester, by the name that each counts under: the identity, or a group with all its members.
#[derive(Debug)]
pub(super) struct Limits {
    who: Requester,
    rules: BTreeMap<String, Vec<RateRule>>,
}

impl Limits {
    /// Takes those that are about somebody.
    pub(super) fn about(rates: &[RateRule], who: &Requester) -> Self {
        let identity = who.identity();
        let mut rules: BTreeMap<String, Vec<RateRule>> = BTreeMap::new();
        for rule in rates.iter().filter(|rule| who.is_named_by(&rule.identity)) {
            let name = match &*rule.identity {
                named if named == "*" || named == identity => identity.clone(),
                group => format!("{GROUP}{group}"),
            };
            rules.entry(name).or_default().push(rule.clone());
        }
        Self { who: who.clone(), rules }
    }

    pub(super) const fn who(&self) -> &Requester {
        &self.who
    }

    /// Returns the rules, with the name that they count under.
    pub(super) fn rules_by_name(&self) -> impl Iterator<Item = (&str, &[RateRule])> {
        self.rules.iter().map(|(name, rules)| (&**name, &**rules))
    }

    /// Returns the names that are counted under.
    pub(super) fn counted(&self, now: DateTime<Utc>) -> Vec<Counted<'_>> {
        let counted = |(name, rules): (_, &[RateRule])| {
            let is_capped = rules.iter().any(|rule| rule.max_concurrent.is_some());
            Counted { name, is_group: is_group(name), is_capped, now }
        };
        self.rules_by_name().map(counted).collect()
    }

    /// Returns the rows that say under which groups a session counts: those that a rule names when it begins.
    pub(super) fn groups_of(&self, record: &SessionRecord) -> Vec<[Value; 3]> {
        let is_over = record.status.is_over();
        let groups = self.rules.keys().filter(|name| !is_over && is_group(name));
        groups.map(|name| [record.session_id.into(), (&**name).into(), record.deadline.into()]).collect()
    }
}

fn is_group(name: &str) -> bool {
    name.starts_with(GROUP)
}
