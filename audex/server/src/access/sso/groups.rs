use crate::{access::people::names, model::Person, settings::SsoGroup};
use audex_core::{IssueRules, roles::Subject};
use std::collections::BTreeSet;

/// What the provider's groups make of somebody.
pub(in crate::access) struct Groups {
    /// What they mean, where the settings say so.
    meant: Vec<SsoGroup>,
    /// Else the names that stand for themselves: those that the rules name.
    named: BTreeSet<String>,
}

impl Groups {
    pub(in crate::access) fn new(meant: &[SsoGroup], rules: &IssueRules) -> Self {
        let named = if meant.is_empty() { named(rules) } else { BTreeSet::new() };
        Self { meant: meant.to_vec(), named }
    }

    /// Gives somebody what the provider's groups mean.
    ///
    /// Where the settings say what, that decides groups and roles alone. Else a group that a rule names is theirs for as long as
    /// the provider says so at their logins; roles, and the groups that an administrator gave, are left as they are.
    pub(super) fn give(&self, person: &mut Person, theirs: &[String]) {
        if !self.meant.is_empty() {
            let meant = || self.meant.iter().filter(|group| theirs.contains(&group.name));
            // The settings were checked: a name that is none gives nothing.
            let sorted = |field, list: Vec<String>| names(field, list).unwrap_or_default();
            person.groups = sorted("groups", meant().flat_map(|group| group.groups.clone()).collect());
            person.roles = sorted("roles", meant().flat_map(|group| group.roles.clone()).collect());
            person.provider_groups.clone_from(&person.groups);
            return;
        }
        person.groups.retain(|group| !person.provider_groups.contains(group));
        let is_new = |group: &&String| theirs.contains(group) && !person.groups.contains(group);
        person.provider_groups = self.named.iter().filter(is_new).cloned().collect();
        person.groups.extend_from_slice(&person.provider_groups);
        person.groups.sort();
    }
}

/// Returns the groups that rules name, as far as somebody here can be in them.
fn named(rules: &IssueRules) -> BTreeSet<String> {
    let mapped = rules.roles.rules.iter().filter(|_| rules.roles.is_enabled);
    let mapped = mapped.filter_map(|rule| match &rule.subject {
        Subject::Group(group) => Some(group),
        Subject::Email(_) => None,
    });
    // An address, or a workload, is somebody: no group of that name counts as them.
    let limited = rules.rates.iter().map(|rule| &rule.identity);
    let limited = limited.filter(|name| *name != "*" && !name.contains(['@', '#']));
    let is_name = |name: &&String| {
        let is_name = names("groups", vec![(*name).clone()]).is_ok();
        if !is_name {
            tracing::warn!(group = %name, "a rule names a group that nobody can be in: give it a shorter name in sso.groups");
        }
        is_name
    };
    mapped.chain(limited).filter(is_name).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PersonKind;
    use audex_core::{
        rate::RateRule,
        roles::{RoleMap, RoleRule},
    };
    use axess::{UserId, rng::MockRng};
    use chrono::{DateTime, TimeDelta};

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn rules() -> IssueRules {
        let rule = |subject| RoleRule { subject, targets: [].into(), ceiling: None };
        let group = |name: &str| rule(Subject::Group(name.to_owned()));
        let limit = |identity: &str| RateRule {
            identity: identity.to_owned(),
            max_requests: 1,
            window: TimeDelta::hours(1),
            max_concurrent: None,
        };
        let mapped =
            vec![group("team:devops"), rule(Subject::Email("a@example.com".to_owned())), group("Two words")];
        let limits = ["*", "team:data", "boss@example.com", "https://ci.example#job"];
        IssueRules {
            roles: RoleMap { is_enabled: true, rules: mapped },
            rates: limits.map(limit).to_vec(),
            ..IssueRules::default()
        }
    }

    fn person(groups: &[&str], provider_groups: &[&str]) -> Person {
        let at = DateTime::UNIX_EPOCH;
        Person {
            user_id: UserId::generate(at, &MockRng::new(1)),
            email: "a@example.com".to_owned(),
            display_name: "A".to_owned(),
            kind: PersonKind::Human,
            groups: texts(groups),
            provider_groups: texts(provider_groups),
            roles: texts(&["auditor"]),
            is_disabled: false,
            created_at: at,
        }
    }

    #[test]
    fn groups_that_rules_name_come_and_go_with_the_providers_word() {
        let groups = Groups::new(&[], &rules());
        for (had, of_provider, said, has, now_of_provider) in [
            // Whatever a rule names, and nothing else.
            (&[][..], &[][..], &["team:devops", "staff"][..], &["team:devops"][..], &["team:devops"][..]),
            (&[], &[], &["team:data", "admin", "a@example.com"], &["team:data"], &["team:data"]),
            (&[], &[], &["*", "boss@example.com", "https://ci.example#job", "Two words"], &[], &[]),
            // What is gone there is gone here; what an administrator gave is not.
            (&["team:data", "team:devops"], &["team:devops"], &[], &["team:data"], &[]),
            (&["team:devops"], &[], &[], &["team:devops"], &[]),
            (&["team:devops"], &[], &["team:devops"], &["team:devops"], &[]),
            (&["x"], &[], &["team:devops", "team:devops"], &["team:devops", "x"], &["team:devops"]),
            (&["team:devops"], &["team:devops"], &["team:data"], &["team:data"], &["team:data"]),
        ] {
            let mut person = person(had, of_provider);
            groups.give(&mut person, &texts(said));
            assert_eq!(
                (&person.groups, &person.provider_groups, &person.roles),
                (&texts(has), &texts(now_of_provider), &texts(&["auditor"])),
                "{had:?} {of_provider:?} {said:?}"
            );
        }
    }

    #[test]
    fn rules_that_are_off_name_nothing() {
        let mut rules = rules();
        rules.roles.is_enabled = false;
        let mut person = person(&[], &[]);
        Groups::new(&[], &rules).give(&mut person, &texts(&["team:devops", "team:data"]));
        assert_eq!(person.groups, ["team:data"]);
    }

    #[test]
    fn what_the_settings_say_decides_alone() {
        let meant =
            SsoGroup { name: "ops".to_owned(), groups: texts(&["team:ops"]), roles: texts(&["security"]) };
        let mut person = person(&["local"], &[]);
        Groups::new(&[meant], &rules()).give(&mut person, &texts(&["ops", "team:devops"]));
        assert_eq!((&person.groups, &person.roles), (&texts(&["team:ops"]), &texts(&["security"])));
        // Without them, later, they are nobody's gift.
        Groups::new(&[], &rules()).give(&mut person, &texts(&["team:devops"]));
        assert_eq!(person.groups, ["team:devops"]);
    }
}
