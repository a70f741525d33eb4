use super::{IssueRequest, Proposal};
use crate::{
    CredentialProvider, IssueRules, Shape, Ttl,
    lease::LeaseTimes,
    roles::RoleRefusal,
    session::{EntryPoint, SessionId},
};
use audex_policy::{Ceiling, Cut, Finding, Grant, Refusal, TooIntricate, lint, narrow};
use chrono::{DateTime, Utc};

/// What would be issued: what `--dry-run` shows, and what is issued.
///
/// ```
/// fn policy(plan: &audex_core::Plan) -> &str {
///     &plan.shape.document
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is granted.
    pub grant: Grant,
    /// What of the request is not, and why.
    pub cuts: Vec<Cut>,
    /// What the provider is told.
    pub shape: Shape,
    /// The lifetime.
    pub ttl: Ttl,
    /// The times, as of now.
    pub times: LeaseTimes,
    /// Who would have to agree.
    pub approval: Option<NeededApproval>,
    /// What is worth a second look.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Returns what somebody agrees to, of a request that this is the plan of.
    pub fn proposal<'a>(&'a self, session_id: SessionId, request: &'a IssueRequest) -> Proposal<'a> {
        let Shape { document, target, .. } = &self.shape;
        Proposal { session_id, request, target: target.as_deref(), ttl: self.ttl, document }
    }
}

/// Who has to agree to a request.
///
/// ```
/// let needed = audex_core::NeededApproval { rules: vec!["iam:*".into()], required: 2, roles: vec!["security".into()] };
/// assert_eq!(needed.to_string(), "iam:* needs 2 approvals by security");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededApproval {
    /// The rules that ask for it.
    pub rules: Vec<String>,
    /// How many.
    pub required: u8,
    /// In which roles.
    pub roles: Vec<String>,
}

impl std::fmt::Display for NeededApproval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rules, roles) = (self.rules.join(", "), self.roles.join(", "));
        let plural = if self.required == 1 { "approval" } else { "approvals" };
        write!(f, "{rules} needs {} {plural} by {roles}", self.required)
    }
}

/// Says which rule refuses a request.
///
/// ```
/// use audex_core::{Denial, Ttl};
/// let denial = Denial::Ttl { asked: Ttl::MAX, most: Ttl::DEFAULT };
/// assert_eq!(denial.to_string(), "12h is longer than the 15m that are allowed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Entries of the request are denied or outside a ceiling altogether.
    #[error("{}", list(.0))]
    Cut(Vec<Cut>),
    /// The lifetime is too long.
    #[error("{asked} is longer than the {most} that are allowed")]
    Ttl {
        /// What was asked for.
        asked: Ttl,
        /// What is allowed.
        most: Ttl,
    },
    /// The provider gives none that is as short, and there is no command whose end could be waited for.
    #[error("the provider gives no credential for {asked}, and nothing could end an exported one sooner")]
    Unendable {
        /// What was asked for.
        asked: Ttl,
        /// The shortest there is, in seconds.
        shortest: i64,
    },
    /// The role is not theirs.
    #[error(transparent)]
    Role(#[from] RoleRefusal),
    /// The provider cannot be told exactly this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The rules and the request overlap in too many ways to be written down.
    #[error(transparent)]
    TooIntricate(#[from] TooIntricate),
}

impl Denial {
    /// Returns what would work, each a sentence without its full stop.
    pub fn instead(&self) -> Vec<String> {
        match self {
            Self::Cut(_) => vec!["leave that out, or have the rule changed".to_owned()],
            Self::Ttl { most, .. } => vec![format!("ask for a lifetime of {most} or less")],
            Self::Unendable { shortest, .. } => {
                vec![format!(
                    "ask for a lifetime of {shortest}s or more, or use tryaudex run, which ends its command in time"
                )]
            }
            Self::Role(RoleRefusal::Unproven) => vec!["log in to the team server".to_owned()],
            Self::Role(RoleRefusal::Unnamed) => {
                vec!["have one set up: [role_mapping], or the provider's own section".to_owned()]
            }
            Self::Role(_) => vec!["have it mapped to you in [role_mapping]".to_owned()],
            Self::Refused(refusal) => refusal.instead.clone(),
            Self::TooIntricate(_) => vec!["use fewer wildcards".to_owned()],
        }
    }
}

fn list(cuts: &[Cut]) -> String {
    cuts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Decides what would be issued, without talking to anybody and without leaving a trace.
///
/// # Errors
///
/// [`Denial`]: which rule says no, or why the provider cannot be told.
pub fn plan(
    rules: &IssueRules,
    provider: &dyn CredentialProvider,
    request: &IssueRequest,
    now: DateTime<Utc>,
) -> Result<Plan, Denial> {
    let ttl = lifetime(rules, request)?;
    let kind = request.request.provider();
    let mapped =
        rules.roles.target(&request.requester, kind, request.target.as_deref(), provider.default_target())?;
    let ceilings: Vec<Ceiling> = rules.boundary.iter().chain(&mapped.ceiling).cloned().collect();
    let narrowing = narrow(&request.request, &ceilings, &rules.denies)?;
    // An entry that is cut is granted as far as it goes, and the cut is shown. One of which nothing is left was asked for
    // on purpose: a command that runs without it would fail half-way.
    let refused: Vec<Cut> = narrowing.cuts.iter().filter(|cut| cut.kept.is_empty()).cloned().collect();
    if !refused.is_empty() {
        return Err(Denial::Cut(refused));
    }
    let shape = provider.shape(&narrowing.grant, mapped.target.as_deref(), &rules.sources)?;
    if request.entry_point == EntryPoint::Server && shape.target.is_none() {
        return Err(Denial::Role(RoleRefusal::Unnamed));
    }
    let shortest = *shape.lifetimes.start();
    if request.entry_point.is_detached() && ttl.delta() < shortest {
        return Err(Denial::Unendable { asked: ttl, shortest: shortest.num_seconds() });
    }
    let approval = rules.approval.as_ref().and_then(|approval| {
        let rules = approval.asked_for_by(narrowing.grant.allow())?;
        Some(NeededApproval { rules, required: approval.required, roles: approval.roles.clone() })
    });
    let times = LeaseTimes::new(now, ttl.delta(), shape.lifetimes.clone());
    let findings = lint(&narrowing.grant);
    Ok(Plan { grant: narrowing.grant, cuts: narrowing.cuts, shape, ttl, times, approval, findings })
}

fn lifetime(rules: &IssueRules, request: &IssueRequest) -> Result<Ttl, Denial> {
    match request.ttl {
        Some(asked) if asked > rules.max_ttl => Err(Denial::Ttl { asked, most: rules.max_ttl }),
        Some(asked) => Ok(asked),
        None => Ok(rules.default_ttl.min(rules.max_ttl)),
    }
}
