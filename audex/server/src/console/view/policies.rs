//! What every request is held against.

use super::frame::Frame;
use askama::Template;

/// The page of what is allowed.
///
/// ```
/// fn files(page: &audex_server::console::view::policies::PoliciesPage) -> usize {
///     page.cedar.len()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    /// What all pages have.
    pub frame: Frame,
    /// The Cedar policies in force: the name of each, and its text.
    pub cedar: Vec<(String, String)>,
    /// The lifetime where nothing is said.
    pub default_ttl: String,
    /// The longest lifetime.
    pub max_ttl: String,
    /// What is never granted.
    pub denies: Vec<String>,
    /// What everything has to be within: its name and its rules.
    pub boundary: Option<(String, Vec<String>)>,
    /// What needs approval.
    pub approval: Option<ApprovalLine>,
    /// How often and how much at once.
    pub rates: Vec<RateLine>,
    /// From where credentials may be used.
    pub sources: Vec<String>,
    /// Whether roles are mapped.
    pub is_mapped: bool,
    /// Who gets which role.
    pub roles: Vec<RoleLine>,
}

/// What needs approval.
///
/// ```
/// use audex_server::console::view::policies::ApprovalLine;
/// let line = ApprovalLine { required: 2, roles: vec![], sensitive: vec![], waits: "1 day".into(), needs_signature: false };
/// assert_eq!(line.required, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalLine {
    /// How many have to agree.
    pub required: u8,
    /// In which roles.
    pub roles: Vec<String>,
    /// What is sensitive; everything where it is empty.
    pub sensitive: Vec<String>,
    /// How long a request waits.
    pub waits: String,
    /// Whether votes have to be signed.
    pub needs_signature: bool,
}

/// How often and how much at once.
///
/// ```
/// use audex_server::console::view::policies::RateLine;
/// let line = RateLine { identity: "*".into(), max_requests: 9, window: "1 h".into(), max_concurrent: None };
/// assert_eq!(line.max_requests, 9);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLine {
    /// For whom.
    pub identity: String,
    /// How many requests.
    pub max_requests: u32,
    /// In what time.
    pub window: String,
    /// How many at once.
    pub max_concurrent: Option<u32>,
}

/// Who gets which role.
///
/// ```
/// use audex_server::console::view::policies::RoleLine;
/// let line = RoleLine { subject: "team:ops".into(), targets: vec![], ceiling: None };
/// assert!(line.targets.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLine {
    /// Whom.
    pub subject: String,
    /// To what, for each provider.
    pub targets: Vec<(String, String)>,
    /// What it may be asked for at most.
    pub ceiling: Option<(String, Vec<String>)>,
}
