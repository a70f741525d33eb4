use audex_core::{
    CommandLine, IssueRequest, ParseTtlError, Requester, Ttl,
    budget::{Dollars, ParseDollarsError},
    session::{Delivery, EntryPoint},
};
use audex_policy::{Faults, Provider, Request};
use serde::{Deserialize, Serialize};

/// What somebody asks for, in their own words: what a pending request is kept as.
///
/// ```
/// use audex_core::Requester;
/// use audex_policy::Provider;
/// use audex_server::model::Ask;
/// let ask = Ask { allow: "s3:GetObject".into(), ttl: Some("15m".into()), ..Ask::new(Provider::Aws) };
/// let alice = Requester::Principal { email: "alice@example.com".into(), groups: vec![] };
/// let request = ask.request(alice.clone()).unwrap();
/// assert_eq!(request.digest(), ask.request(alice).unwrap().digest());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Of which provider.
    pub provider: Provider,
    /// The actions, in the language of `--allow`.
    pub allow: String,
    /// The resources of actions that name none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The role, service account or audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The lifetime, as in `15m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// What may be spent, in dollars; advisory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Says what cannot be read.
///
/// ```
/// use audex_core::Requester;
/// use audex_server::model::Ask;
/// let ask = Ask { allow: "local:read".into(), ttl: Some("soon".into()), ..Ask::new(audex_policy::Provider::Local) };
/// let me = Requester::LocalUser { uid: 0, name: None };
/// assert_eq!(ask.request(me).unwrap_err().field(), "ttl");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AskFault {
    /// The actions or resources.
    #[error(transparent)]
    Allow(#[from] Faults),
    /// The lifetime.
    #[error(transparent)]
    Ttl(#[from] ParseTtlError),
    /// The budget.
    #[error(transparent)]
    Budget(#[from] ParseDollarsError),
    /// A text is too long.
    #[error("it has more than {most} bytes")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// How many bytes it may have.
        most: usize,
    },
}

impl AskFault {
    /// Returns the name of the field at fault.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Ttl(_) => "ttl",
            Self::Budget(_) => "budget",
            Self::TooLong { field, .. } => field,
        }
    }
}

impl Ask {
    /// The longest reason, in bytes.
    pub const MAX_REASON: usize = 500;
    /// The longest target, in bytes.
    pub const MAX_TARGET: usize = 2_048;

    /// Asks for nothing yet.
    pub const fn new(provider: Provider) -> Self {
        Self {
            provider,
            allow: String::new(),
            resources: Vec::new(),
            target: None,
            ttl: None,
            budget: None,
            reason: None,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`AskFault`].
    pub fn request(&self, requester: Requester) -> Result<IssueRequest, AskFault> {
        let bounded = |field, text: &Option<String>, most| match text {
            Some(text) if text.len() > most => Err(AskFault::TooLong { field, most }),
            _ => Ok(()),
        };
        bounded("reason", &self.reason, Self::MAX_REASON)?;
        bounded("target", &self.target, Self::MAX_TARGET)?;
        let resources: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        Ok(IssueRequest {
            requester,
            entry_point: EntryPoint::Server,
            request: Request::parse(self.provider, &self.allow, &resources)?,
            target: self.target.clone(),
            ttl: self.ttl.as_deref().map(str::parse::<Ttl>).transpose()?,
            command: CommandLine::new(Vec::<String>::new()),
            delivery: Delivery::Response,
            budget: self.budget.as_deref().map(Dollars::parse_limit).transpose()?,
            reason: self.reason.clone(),
        })
    }
}
