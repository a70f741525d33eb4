use crate::{Ttl, approval::ApprovalRules, rate::RateRule, roles::RoleMap};
use audex_policy::{Ceiling, Rules};
use ipnet::IpNet;

/// Everything that a request is held against, whichever way in it takes.
///
/// The default allows what the provider allows, for at most an hour.
///
/// ```
/// use audex_core::IssueRules;
/// use audex_policy::Rules;
/// let rules = IssueRules { denies: Rules::parse(["iam:*"])?, ..IssueRules::default() };
/// assert_eq!(rules.max_ttl.to_string(), "1h");
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRules {
    /// The lifetime of requests that do not say; no longer than the longest.
    pub default_ttl: Ttl,
    /// The longest lifetime. A request for more is refused.
    pub max_ttl: Ttl,
    /// What is never granted.
    pub denies: Rules,
    /// What everything has to be within.
    pub boundary: Option<Ceiling>,
    /// What needs approval.
    pub approval: Option<ApprovalRules>,
    /// How often, and how many at once.
    pub rates: Vec<RateRule>,
    /// From where a credential may be used; nothing means from anywhere.
    pub sources: Vec<IpNet>,
    /// Which roles people have.
    pub roles: RoleMap,
}

impl Default for IssueRules {
    fn default() -> Self {
        Self {
            default_ttl: Ttl::DEFAULT,
            max_ttl: Ttl::HOUR,
            denies: Rules::default(),
            boundary: None,
            approval: None,
            rates: Vec::new(),
            sources: Vec::new(),
            roles: RoleMap::default(),
        }
    }
}
