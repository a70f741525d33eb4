use std::ops::Range;

use crate::Provider;

/// Says which input a fault is in.
///
/// ```
/// use audex_policy::Origin;
///
/// assert_eq!(Origin::Profile("deploy".to_owned()).to_string(), "profile `deploy`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The list given as `--allow`.
    Allow,
    /// A resource given as `--resource`.
    Resource,
    /// A profile of the configuration.
    Profile(String),
    /// A deny, ceiling or approval rule.
    Rule,
    /// A stored grant.
    Grant,
}

impl std::fmt::Display for Origin {
    /// Writes the name that the flags of the command and the fields of the API have in common.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Resource => f.write_str("resource"),
            Self::Profile(name) => write!(f, "profile `{name}`"),
            Self::Rule => f.write_str("rule"),
            Self::Grant => f.write_str("grant"),
        }
    }
}

/// Says what is wrong with a piece of input.
///
/// ```
/// use audex_policy::Problem;
///
/// assert_eq!(Problem::Empty.to_string(), "is empty");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is asked for.
    #[error("is empty")]
    Empty,
    /// Longer than its limit, in characters.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// More entries than the limit.
    #[error("has more than {0} entries")]
    TooMany(usize),
    /// More wildcards than the limit.
    #[error("has more than {0} wildcards")]
    TooManyWildcards(usize),
    /// A control character, or a character the language has no use for.
    #[error("has a character that cannot stand here: {0:?}")]
    BadCharacter(char),
    /// Not of the form that actions of the provider have.
    #[error("is no {0} action")]
    NotAnAction(Provider),
    /// Not of the form that resources of the provider have.
    #[error("is no {0} resource")]
    NotAResource(Provider),
    /// Written for another provider.
    #[error("is an action of {0}")]
    OtherProvider(Provider),
    /// The catalogue has no such service.
    #[error("names a service that {0} does not have")]
    UnknownService(Provider),
    /// The catalogue has no such action.
    #[error("names an action that {0} does not have")]
    UnknownAction(Provider),
    /// A wildcard that no action of the catalogue fits.
    #[error("fits no action of {0}")]
    FitsNothing(Provider),
    /// A universal verb that has no meaning with this provider.
    #[error("means nothing with {0}")]
    NoSuchVerb(Provider),
    /// An IAM policy variable, whose value is known only later.
    #[error("has a policy variable, whose value nobody knows before it is used")]
    Variable,
    /// A profile that nobody defined.
    #[error("is no profile")]
    NoSuchProfile,
    /// A profile that inherits from itself.
    #[error("inherits from itself")]
    Circular,
    /// A chain of profiles longer than its limit.
    #[error("inherits through more than {0} profiles")]
    TooDeep(usize),
}

/// Describes one fault of an input: where, what, and what to write instead.
///
/// ```
/// use audex_policy::{Provider, Request};
///
/// let faults = Request::parse(Provider::Aws, "s3:GetObjct, ec2:*", &[]).unwrap_err();
/// let fault = &faults.list()[0];
/// assert_eq!(fault.place, 0..11);
/// assert_eq!(fault.hint.as_deref(), Some("did you mean s3:GetObject?"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which input.
    pub origin: Origin,
    /// Where in it, in bytes.
    pub place: Range<usize>,
    /// What is there, cut to a printable length.
    pub text: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// What to write instead, when something comes to mind.
    pub hint: Option<String>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, at {}: `{}` {}", self.origin, self.place.start + 1, self.text, self.problem)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Holds every fault of an input, in the order of their places.
///
/// Never empty.
///
/// ```
/// use audex_policy::{Provider, Request};
///
/// let faults = Request::parse(Provider::Aws, "s3:GetObjct,s4:ListBucket", &[]).unwrap_err();
/// assert_eq!(faults.list().len(), 2);
/// assert_eq!(faults.to_string().lines().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Returns the faults.
    pub fn list(&self) -> &[Fault] {
        &self.0
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// How much of a faulty text is repeated.
const SHOWN: usize = 80;

/// Gathers faults while parsing goes on.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<Fault>);

impl Gathered {
    pub(crate) fn add(&mut self, origin: &Origin, start: usize, text: &str, complaint: Complaint) {
        let place = start..start + text.len();
        let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if text.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        let Complaint { problem, hint } = complaint;
        self.0.push(Fault { origin: origin.clone(), place, text: shown, problem, hint });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what another reader gathered.
    pub(crate) fn extend(&mut self, faults: Faults) {
        self.0.extend(faults.0);
    }

    /// Returns the value, or the faults when there are any.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(Faults(self.0)) }
    }
}

/// What is wrong with a text, before it is known where the text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) problem: Problem,
    pub(crate) hint: Option<String>,
}

impl Complaint {
    pub(crate) fn new(problem: Problem, hint: impl Into<String>) -> Self {
        Self { problem, hint: Some(hint.into()) }
    }
}

impl From<Problem> for Complaint {
    fn from(problem: Problem) -> Self {
        Self { problem, hint: None }
    }
}
