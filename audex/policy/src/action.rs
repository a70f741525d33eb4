use crate::{
    Provider,
    fault::{Complaint, Problem},
    glob::{self, Glob, Token},
    resource::MAX_WILDCARDS,
};

/// How long an action may be, in characters.
pub(crate) const MAX_ACTION: usize = 160;

/// What a Vault policy can allow on a path. `deny` is not among them: it takes away.
pub(crate) const VAULT_CAPABILITIES: [&str; 8] =
    ["create", "delete", "list", "patch", "read", "recover", "sudo", "update"];

/// Stands for a set of actions of one provider: one action, or all that a wildcard fits.
///
/// Letters compare without case, as in IAM. `*` fits any text, `?` one character (AWS and local); the part before the
/// colon keeps to itself, so that `*:Delete*` is every deletion of every service.
///
/// ```
/// use audex_policy::{ActionPattern, Provider};
///
/// let reads = ActionPattern::parse(Provider::Aws, "s3:Get*")?;
/// assert!(reads.matches("s3:getobject"));
/// assert!(reads.meets(&ActionPattern::parse(Provider::Aws, "*:*Object")?));
/// assert!(!reads.covers(&ActionPattern::parse(Provider::Aws, "s3:*")?));
/// # Ok::<(), audex_policy::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionPattern {
    provider: Provider,
    pub(crate) glob: Glob,
}

impl ActionPattern {
    /// Parses an action as the provider writes it.
    ///
    /// The catalogue is not asked.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the form of the text.
    pub fn parse(provider: Provider, text: &str) -> Result<Self, Problem> {
        Self::parse_with_hint(provider, text).map_err(|complaint| complaint.problem)
    }

    pub(crate) fn parse_with_hint(provider: Provider, text: &str) -> Result<Self, Complaint> {
        if text.is_empty() {
            return Err(Problem::Empty.into());
        }
        if text.chars().nth(MAX_ACTION).is_some() {
            return Err(Problem::TooLong(MAX_ACTION).into());
        }
        if let Some(c) = text.chars().find(|&c| !is_allowed(provider, c)) {
            return Err(Problem::BadCharacter(c).into());
        }
        if text.chars().filter(|c| "*?".contains(*c)).count() > MAX_WILDCARDS {
            return Err(Problem::TooManyWildcards(MAX_WILDCARDS).into());
        }
        check_form(provider, text)?;
        // Every action of every service is one set, however many stars it is written with.
        let stars = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte == b'*');
        let everything = text.split_once(':').is_some_and(|(service, name)| stars(service) && stars(name));
        let text = if everything { "*" } else { text };
        Ok(Self { provider, glob: Glob::new(tokens(provider, text), true) })
    }

    /// Returns the set of all actions.
    pub fn any(provider: Provider) -> Self {
        Self { provider, glob: Glob::new(vec![Token::ANY], true) }
    }

    /// Takes the name of a catalogue, which has no wildcard.
    pub(crate) fn known(provider: Provider, name: &str) -> Self {
        Self { provider, glob: Glob::new(name.chars().map(Token::literal).collect(), true) }
    }

    /// Returns whose action it is.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Tells whether it names one action, without a wildcard.
    pub fn is_single(&self) -> bool {
        self.glob.is_literal()
    }

    /// Tells whether it stands for every action there is.
    pub fn is_any(&self) -> bool {
        self.glob.is_any()
    }

    /// Returns the service it belongs to (`s3`, `storage`, `Microsoft.Storage`), unless a wildcard leaves that open.
    pub fn service(&self) -> Option<String> {
        let prefix = self.glob.literal_prefix();
        let separator = separator(self.provider);
        let (service, _) = prefix.split_once(separator)?;
        Some(service.to_owned())
    }

    /// Tells whether a single action is in the set.
    pub fn matches(&self, action: &str) -> bool {
        self.glob.matches(action)
    }

    /// Tells whether some text is in both sets.
    ///
    /// Exact.
    pub fn meets(&self, other: &Self) -> bool {
        self.provider == other.provider && glob::intersects(&self.glob, &other.glob)
    }

    /// Tells whether each action of `other` is in this set.
    ///
    /// Exact for patterns within the limits of this crate.
    pub fn covers(&self, other: &Self) -> bool {
        self.provider == other.provider
            && glob::covers(std::slice::from_ref(&self.glob), &other.glob) == Some(true)
    }

    /// Returns patterns for exactly what both have in common, or nothing when there would be too many.
    pub(crate) fn and(&self, other: &Self, left: &mut usize) -> Option<Vec<Self>> {
        if self.provider != other.provider {
            return Some(Vec::new());
        }
        let globs = glob::intersection(&self.glob, &other.glob, left)?;
        Some(globs.into_iter().map(|glob| Self { provider: self.provider, glob }).collect())
    }
}

impl std::fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.glob.fmt(f)
    }
}

/// Returns the providers that a text could be an action of.
pub(crate) fn spoken_by(text: &str) -> &'static [Provider] {
    if text == "*" {
        &Provider::ALL
    } else if text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("vault:")) {
        &[Provider::Vault, Provider::Local]
    } else if text.contains(':') {
        &[Provider::Aws, Provider::Local]
    } else if text.contains('/') {
        &[Provider::Azure]
    } else if text.contains('.') {
        &[Provider::Gcp]
    } else {
        &[]
    }
}

/// Returns what stands behind the service in an action.
pub(crate) const fn separator(provider: Provider) -> char {
    match provider {
        Provider::Gcp => '.',
        Provider::Azure => '/',
        Provider::Aws | Provider::Vault | Provider::Local => ':',
    }
}

fn is_allowed(provider: Provider, c: char) -> bool {
    let also = match provider {
        Provider::Aws => "-_:*?",
        Provider::Gcp => "-_.*",
        Provider::Azure => "-_./*",
        Provider::Vault => ":*",
        Provider::Local => "-_.:/*?",
    };
    c.is_ascii_alphanumeric() || also.contains(c)
}

fn check_form(provider: Provider, text: &str) -> Result<(), Complaint> {
    if text == "*" {
        return Ok(());
    }
    let wrong = |hint: &str| Err(Complaint::new(Problem::NotAnAction(provider), hint));
    let mut parts = text.split(separator(provider));
    let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    match provider {
        _ if first.is_empty() || second.is_none_or(str::is_empty) => wrong(example(provider)),
        Provider::Aws | Provider::Vault if third.is_some() => wrong(example(provider)),
        Provider::Vault => {
            let capability = second.unwrap_or_default();
            let is_known = capability == "*"
                || VAULT_CAPABILITIES.iter().any(|known| known.eq_ignore_ascii_case(capability));
            if first.eq_ignore_ascii_case("vault") && is_known {
                return Ok(());
            }
            wrong(&format!("vault: and one of {}", VAULT_CAPABILITIES.join(", ")))
        }
        Provider::Gcp | Provider::Azure if text.split(separator(provider)).any(str::is_empty) => {
            wrong(example(provider))
        }
        _ => Ok(()),
    }
}

const fn example(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "write service:Action, as in s3:GetObject",
        Provider::Gcp => "write service.resource.verb, as in storage.objects.get",
        Provider::Azure => "write Provider/type/operation, as in Microsoft.Storage/storageAccounts/read",
        Provider::Vault => "write vault:capability, as in vault:read",
        Provider::Local => "write service:Action, as in orders:Read",
    }
}

fn tokens(provider: Provider, text: &str) -> Vec<Token> {
    let has_service = text != "*" && separator(provider) == ':';
    let mut in_service = has_service;
    let mut tokens = Vec::with_capacity(text.len());
    for c in text.chars() {
        in_service &= c != ':';
        let separator = in_service.then_some(':');
        tokens.push(match c {
            '*' => Token::except(separator, true),
            '?' => Token::except(separator, false),
            c => Token::literal(c),
        });
    }
    tokens
}
