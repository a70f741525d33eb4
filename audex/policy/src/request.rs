//! What somebody asks for, from text to a set.

#[cfg(test)]
mod tests;
mod verbs;

use verbs::Meaning;
pub use verbs::universal_verbs;
pub(crate) use verbs::{Verb, verb};

use crate::{
    ActionPattern, Catalogue, Permission, PermissionSet, Profiles, Provider, ResourcePattern,
    catalogue::other_provider,
    fault::{Complaint, Faults, Gathered, Origin, Problem},
    profile::Layer,
};

/// How long a list of actions may be, in bytes.
const MAX_LIST: usize = 16 * 1_024;

/// How many characters all patterns of a request may have together, each action counted once for each of its resources.
const MAX_REQUEST: usize = 16 * 1_024;

/// How many entries a list may have.
const MAX_ENTRIES: usize = 256;

/// How many resources may be given beside a list.
const MAX_RESOURCES: usize = 32;

/// Asks for a set of permissions of one provider.
///
/// A list is separated by commas or lines. An entry is an action (`s3:GetObject`, `s3:Get*`), a universal verb
/// (`storage:read`, see [`universal_verbs`]), or either with a resource of its own:
/// `s3:GetObject=arn:aws:s3:::logs/2026/*`. The resources given beside the list are for the entries that have none; where
/// there are none either, an entry is for every resource. In an entry, `\,` is a comma and `\\` a backslash.
///
/// ```
/// use audex_policy::{Provider, Request};
///
/// let request = Request::parse(
///     Provider::Aws,
///     "storage:read, s3:ListBucket=arn:aws:s3:::logs",
///     &["arn:aws:s3:::logs/2026/*"],
/// )?;
/// assert_eq!(request.to_string(), "s3:GetObject=arn:aws:s3:::logs/2026/*,s3:ListBucket=arn:aws:s3:::logs");
/// assert_eq!(Request::parse(Provider::Aws, &request.to_string(), &[])?, request);
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    provider: Provider,
    set: PermissionSet,
}

impl Request {
    /// Parses a list of actions, and resources for those that name none.
    ///
    /// # Errors
    ///
    /// Returns every fault of the input.
    pub fn parse(provider: Provider, allow: &str, resources: &[&str]) -> Result<Self, Faults> {
        let mut builder = Self::builder(provider).allow(allow);
        for resource in resources {
            builder = builder.resource(resource);
        }
        builder.build()
    }

    /// Begins a request that also takes profiles.
    pub fn builder(provider: Provider) -> RequestBuilder {
        RequestBuilder {
            provider,
            allow: Vec::new(),
            resources: Vec::new(),
            layers: Vec::new(),
            lenient: false,
        }
    }

    /// Returns whom the request is to.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns what is asked for.
    pub const fn set(&self) -> &PermissionSet {
        &self.set
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.set.fmt(f)
    }
}

/// Puts a request together from lists, resources and profiles.
///
/// ```
/// use audex_policy::{Provider, Request};
///
/// let request = Request::builder(Provider::Aws)
///     .allow("s3:NewIn2031")
///     .resource("arn:aws:s3:::logs/*")
///     .accept_unknown_actions()
///     .build()?;
/// assert_eq!(request.to_string(), "s3:NewIn2031=arn:aws:s3:::logs/*");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    provider: Provider,
    allow: Vec<String>,
    resources: Vec<String>,
    layers: Vec<Result<Vec<Layer>, Faults>>,
    lenient: bool,
}

impl RequestBuilder {
    /// Adds a list of actions.
    #[must_use]
    pub fn allow(mut self, list: &str) -> Self {
        self.allow.push(list.to_owned());
        self
    }

    /// Adds a resource for the entries that have none.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resources.push(resource.to_owned());
        self
    }

    /// Adds what a profile and its parents allow.
    #[must_use]
    pub fn profile(mut self, profiles: &Profiles, name: &str) -> Self {
        self.layers.push(profiles.layers(name));
        self
    }

    /// Takes names that the catalogue does not know, for actions that are newer than it.
    #[must_use]
    pub fn accept_unknown_actions(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Parses everything.
    ///
    /// # Errors
    ///
    /// Returns every fault of the input; an unknown profile is reported alone.
    pub fn build(self) -> Result<Request, Faults> {
        let mut reader =
            Reader { provider: self.provider, lenient: self.lenient, gathered: Gathered::default() };
        let given = reader.resources(&Origin::Resource, &self.resources);
        let mut permissions = Vec::new();
        for list in &self.allow {
            permissions.extend(reader.list(&Origin::Allow, list, &given));
        }
        for layer in self.layers.into_iter().collect::<Result<Vec<_>, _>>()?.iter().flatten() {
            let origin = Origin::Profile(layer.name.clone());
            let own = reader.resources(&origin, &layer.resources);
            let resources = if layer.resources.is_empty() { &given } else { &own };
            for list in &layer.allow {
                permissions.extend(reader.list(&origin, list, resources));
            }
        }
        if permissions.is_empty() && reader.gathered.is_empty() {
            let hint = "write what is needed, as in s3:GetObject or storage:read";
            reader.gathered.add(&Origin::Allow, 0, "", Complaint::new(Problem::Empty, hint));
        }
        let size: usize = permissions.iter().map(|one| one.action.glob.len() + one.resource.glob.len()).sum();
        if size > MAX_REQUEST {
            let complaint = Complaint::new(Problem::TooLong(MAX_REQUEST), "ask for less in one request");
            reader.gathered.add(&Origin::Allow, 0, "", complaint);
            permissions.clear();
        }
        let request = Request { provider: self.provider, set: PermissionSet::new(permissions) };
        reader.gathered.or(request)
    }
}

/// Reads lists for one provider and gathers their faults.
pub(crate) struct Reader {
    pub(crate) provider: Provider,
    /// Whether unknown actions are taken as they are.
    pub(crate) lenient: bool,
    pub(crate) gathered: Gathered,
}

impl Reader {
    pub(crate) fn resources(&mut self, origin: &Origin, texts: &[String]) -> Vec<ResourcePattern> {
        if texts.len() > MAX_RESOURCES {
            self.gathered.add(origin, 0, "", Problem::TooMany(MAX_RESOURCES).into());
            return Vec::new();
        }
        let mut resources = Vec::new();
        for text in texts {
            match ResourcePattern::parse_with_hint(self.provider, text) {
                Ok(resource) => resources.push(resource),
                Err(complaint) => self.gathered.add(origin, 0, text, complaint),
            }
        }
        resources
    }

    /// Reads a list; `given` is for the entries without a resource.
    pub(crate) fn list(&mut self, origin: &Origin, list: &str, given: &[ResourcePattern]) -> Vec<Permission> {
        if list.len() > MAX_LIST {
            self.gathered.add(origin, 0, list, Problem::TooLong(MAX_LIST).into());
            return Vec::new();
        }
        let entries = entries(list);
        if entries.len() > MAX_ENTRIES {
            self.gathered.add(origin, 0, list, Problem::TooMany(MAX_ENTRIES).into());
            return Vec::new();
        }
        let mut permissions = Vec::new();
        for (start, entry) in entries {
            match self.entry(entry, given) {
                Ok(read) => permissions.extend(read),
                Err(complaint) => self.gathered.add(origin, start, entry, complaint),
            }
        }
        permissions
    }

    fn entry(&self, entry: &str, given: &[ResourcePattern]) -> Result<Vec<Permission>, Complaint> {
        let (action, resource) = match entry.split_once('=') {
            Some((action, resource)) => (action.trim_end(), Some(unescaped(resource.trim_start()))),
            None => (entry, None),
        };
        let actions = self.actions(action)?;
        let resources = match resource {
            Some(text) => vec![ResourcePattern::parse_with_hint(self.provider, &text)?],
            None if given.is_empty() => vec![ResourcePattern::any(self.provider)],
            None => given.to_vec(),
        };
        let mut permissions = Vec::new();
        for action in actions {
            permissions.extend(
                resources
                    .iter()
                    .map(|resource| Permission { action: action.clone(), resource: resource.clone() }),
            );
        }
        Ok(permissions)
    }

    fn actions(&self, text: &str) -> Result<Vec<ActionPattern>, Complaint> {
        match verbs::meaning(self.provider, text) {
            Meaning::Actions(names) => {
                return Ok(names.into_iter().map(|name| ActionPattern::known(self.provider, name)).collect());
            }
            Meaning::Nothing => {
                let hint = format!("name the actions of {} instead", self.provider);
                return Err(Complaint::new(Problem::NoSuchVerb(self.provider), hint));
            }
            Meaning::NoVerb => {}
        }
        self.action(text).map(|action| vec![action]).map_err(|complaint| {
            // A verb is the better guess only where no action is like it.
            let hint =
                complaint.hint.clone().filter(|_| complaint.problem != Problem::OtherProvider(Provider::Aws));
            let verb = verbs::suggest(text).map(|verb| format!("did you mean {verb}?"));
            Complaint { hint: hint.or(verb).or(complaint.hint), ..complaint }
        })
    }

    fn action(&self, text: &str) -> Result<ActionPattern, Complaint> {
        if let Some(complaint) = other_provider(self.provider, text) {
            return Err(complaint);
        }
        let action = ActionPattern::parse_with_hint(self.provider, text)?;
        let catalogue = Catalogue::of(self.provider);
        match catalogue.spelled(&action) {
            Some(spelled) => Ok(spelled),
            None if self.lenient || !catalogue.is_complete() => Ok(action),
            None => Err(catalogue.complaint(&action)),
        }
    }
}

/// Splits a list at its commas and lines, and tells where each entry starts. Empty entries are passed over.
fn entries(list: &str) -> Vec<(usize, &str)> {
    let mut entries = Vec::new();
    let mut start = 0;
    let mut is_escaped = false;
    let ends = list.char_indices().map(|(at, c)| (at, Some(c))).chain([(list.len(), None)]);
    for (at, c) in ends {
        let is_end = c.is_none_or(|c| (c == ',' && !is_escaped) || c == '\n');
        is_escaped = c == Some('\\') && !is_escaped;
        if is_end {
            let entry = list.get(start..at).unwrap_or("");
            let blank = entry.len() - entry.trim_start().len();
            if !entry.trim().is_empty() {
                entries.push((start + blank, entry.trim()));
            }
            start = at + 1;
        }
    }
    entries
}

/// Takes away the backslash before a comma or backslash.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.next_if(|&next| c == '\\' && (next == ',' || next == '\\'));
        out.push(next.unwrap_or(c));
    }
    out
}
