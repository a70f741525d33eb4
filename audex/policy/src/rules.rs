use std::collections::BTreeMap;

use crate::{
    Permission, PermissionSet, Provider,
    action::spoken_by,
    fault::{Faults, Gathered, Origin, Problem},
    request::{Reader, Verb, verb},
};

/// How many rules a list may have.
const MAX_RULES: usize = 512;

/// Holds deny, ceiling or approval rules: sets of permissions that requests are compared with.
///
/// Each rule is written like an entry of a request, in the language of any provider, and counts for the providers that
/// speak it: `iam:*` for AWS and local, `storage:delete` for all. Also allowed here is a wildcard for the service:
/// `*:Delete*`.
///
/// ```
/// use audex_policy::{Provider, Request, Rules};
///
/// let sensitive = Rules::parse(["iam:*", "*:Delete*", "storage:delete"])?;
/// let request = Request::parse(Provider::Aws, "s3:*", &[])?;
/// let met: Vec<_> = sensitive.met_by(request.set()).collect();
/// assert_eq!(met, ["*:Delete*", "storage:delete"]);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    list: Vec<Rule>,
    /// Everything that some rule is about, for each provider.
    sets: BTreeMap<Provider, PermissionSet>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) text: String,
    sets: BTreeMap<Provider, PermissionSet>,
}

impl Rule {
    /// Returns what the rule is about with a provider, if anything.
    pub(crate) fn set(&self, provider: Provider) -> Option<&PermissionSet> {
        self.sets.get(&provider)
    }
}

impl Rules {
    /// Parses rules.
    ///
    /// An action that the catalogue does not know is a fault, because a rule with a typing error protects nothing. A
    /// service that AWS does not have and that resembles none of its services is one of `local`.
    ///
    /// # Errors
    ///
    /// Returns every fault of every rule.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, Faults> {
        let mut gathered = Gathered::default();
        let mut rules = Vec::new();
        for text in texts {
            match rule(text.as_ref()) {
                Ok(rule) => rules.push(rule),
                Err(faults) => gathered.extend(faults),
            }
        }
        if rules.len() > MAX_RULES {
            gathered.add(&Origin::Rule, 0, "", Problem::TooMany(MAX_RULES).into());
        }
        let about =
            |provider| rules.iter().filter_map(move |rule: &Rule| rule.set(provider)).flatten().cloned();
        let sets = Provider::ALL.map(|provider| (provider, PermissionSet::new(about(provider))));
        gathered.or(Self { list: rules, sets: sets.into() })
    }

    /// Tells whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the rules as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|rule| rule.text.as_str())
    }

    /// Returns everything that some rule is about with a provider.
    pub fn set(&self, provider: Provider) -> PermissionSet {
        self.sets.get(&provider).cloned().unwrap_or_default()
    }

    /// Returns the rules that have something in common with a set.
    pub fn met_by<'a>(&'a self, set: &'a PermissionSet) -> impl Iterator<Item = &'a str> {
        let meets = |rule: &&Rule| rule.sets.values().any(|own| own.meets(set));
        self.list.iter().filter(meets).map(|rule| rule.text.as_str())
    }

    /// Returns the rules that have something in common with a permission.
    pub(crate) fn met_by_one<'a>(&'a self, permission: &'a Permission) -> impl Iterator<Item = &'a Rule> {
        self.list
            .iter()
            .filter(|rule| rule.sets.values().any(|set| set.iter().any(|own| own.meets(permission))))
    }
}

fn rule(text: &str) -> Result<Rule, Faults> {
    let text = text.trim();
    let action = text.split_once('=').map_or(text, |(action, _)| action.trim_end());
    let mut gathered = Gathered::default();
    let mut sets = BTreeMap::new();
    let providers: Vec<Provider> = match verb(action) {
        Verb::Of(providers) => providers,
        Verb::None => spoken_by(action).to_vec(),
    };
    // A resource is in the language of one provider, and only there does the rule make sense. But `local` takes any
    // resource, so that a mistake for all others must not pass as a rule for it.
    let mut refused: Option<Faults> = None;
    for provider in providers {
        match read(provider, text) {
            Ok(set) => {
                sets.insert(provider, set);
            }
            Err(faults) if is_somebody_elses(provider, &faults) => {
                // What AWS does not have is denied there too, in case the catalogue is behind.
                if let Ok(set) = read_as_is(provider, text) {
                    sets.insert(provider, set);
                }
            }
            Err(faults) => refused = Some(refused.unwrap_or(faults)),
        }
    }
    let is_typo = |faults: &Faults| {
        faults.list().iter().any(|fault| {
            matches!(
                fault.problem,
                Problem::UnknownAction(_) | Problem::UnknownService(_) | Problem::FitsNothing(_)
            )
        })
    };
    let is_for_others = sets.keys().any(|provider| *provider != Provider::Local);
    match refused {
        Some(faults) if !is_for_others || is_typo(&faults) => gathered.extend(faults),
        _ if sets.is_empty() => {
            let problem = if text.is_empty() { Problem::Empty } else { Problem::NotAnAction(Provider::Aws) };
            gathered.add(&Origin::Rule, 0, text, problem.into());
        }
        _ => {}
    }
    gathered.or(Rule { text: text.to_owned(), sets })
}

fn is_somebody_elses(provider: Provider, faults: &Faults) -> bool {
    provider == Provider::Aws
        && faults
            .list()
            .iter()
            .all(|fault| matches!(fault.problem, Problem::UnknownService(_)) && fault.hint.is_none())
}

fn read(provider: Provider, text: &str) -> Result<PermissionSet, Faults> {
    read_with(Reader { provider, lenient: false, gathered: Gathered::default() }, text)
}

fn read_as_is(provider: Provider, text: &str) -> Result<PermissionSet, Faults> {
    read_with(Reader { provider, lenient: true, gathered: Gathered::default() }, text)
}

fn read_with(mut reader: Reader, text: &str) -> Result<PermissionSet, Faults> {
    let permissions = reader.list(&Origin::Rule, text, &[]);
    reader.gathered.or(PermissionSet::new(permissions))
}

#[cfg(test)]
mod tests;
