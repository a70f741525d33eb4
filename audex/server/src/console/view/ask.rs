//! The form for a request, and its preview.

use super::{
    frame::Frame,
    parts::{FindingLine, pretty, span},
};
use askama::Template;
use audex_core::Plan;
use audex_policy::explain;

/// The form for a request, with what would become of it.
///
/// ```
/// use audex_server::console::view::{ask::{AskPage, AskFields}, frame::{Frame, Here}};
/// use askama::Template;
/// let page = AskPage {
///     frame: Frame::new("New request", Here::Ask),
///     providers: vec!["local".into()],
///     fields: AskFields { allow: "orders:Read".into(), ..AskFields::default() },
///     fault: None,
///     preview: None,
///     default_ttl: "15m".into(),
///     max_ttl: "1h".into(),
///     once: "5f".into(),
/// };
/// assert!(page.render().unwrap().contains("orders:Read"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "ask.html")]
pub struct AskPage {
    /// What all pages have.
    pub frame: Frame,
    /// Whom credentials can be had of.
    pub providers: Vec<String>,
    /// What stands in the fields.
    pub fields: AskFields,
    /// What is wrong with it.
    pub fault: Option<AskWrong>,
    /// What would be issued.
    pub preview: Option<Preview>,
    /// The lifetime where nothing is said.
    pub default_ttl: String,
    /// The longest lifetime.
    pub max_ttl: String,
    /// Names this form, so that it asks once however often it is sent.
    pub once: String,
}

/// What stands in the fields of the form.
///
/// ```
/// use audex_server::console::view::ask::AskFields;
/// assert!(AskFields::default().allow.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AskFields {
    /// Of whom.
    pub provider: String,
    /// The actions.
    pub allow: String,
    /// The resources, one a line.
    pub resources: String,
    /// The role, service account or audience.
    pub target: String,
    /// For how long.
    pub ttl: String,
    /// What may be spent.
    pub budget: String,
    /// What for.
    pub reason: String,
}

/// What is wrong with a form, and where.
///
/// ```
/// use audex_server::console::view::ask::AskWrong;
/// let wrong = AskWrong { field: "ttl".into(), detail: "a lifetime needs a unit".into(), instead: vec![] };
/// assert_eq!(wrong.field, "ttl");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskWrong {
    /// The field, or nothing where it is about all of it.
    pub field: String,
    /// What is the matter.
    pub detail: String,
    /// What would work.
    pub instead: Vec<String>,
}

/// What would be issued.
///
/// ```
/// fn needs_somebody(preview: &audex_server::console::view::ask::Preview) -> bool {
///     preview.approval.is_some()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// It in sentences.
    pub sentences: Vec<String>,
    /// The document as the provider is told.
    pub document: String,
    /// The role, service account or audience.
    pub target: Option<String>,
    /// The lifetime.
    pub ttl: String,
    /// Until when the provider accepts it, where that is longer.
    pub longer: Option<String>,
    /// What is left out, and why.
    pub cuts: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// What is worth a second look.
    pub findings: Vec<FindingLine>,
    /// Who has to agree.
    pub approval: Option<NeededLine>,
}

/// Who has to agree.
///
/// ```
/// use audex_server::console::view::ask::NeededLine;
/// let needed = NeededLine { required: 1, roles: vec!["security".into()], rules: vec!["*".into()] };
/// assert_eq!(needed.required, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededLine {
    /// How many.
    pub required: u8,
    /// In which roles.
    pub roles: Vec<String>,
    /// The rules that ask for it.
    pub rules: Vec<String>,
}

impl AskPage {
    /// Returns what is wrong with a field.
    pub fn wrong(&self, field: &str) -> Option<&AskWrong> {
        self.fault.as_ref().filter(|wrong| wrong.field == field)
    }

    /// Returns what is wrong, where that is about no field of the form.
    pub fn wrong_elsewhere(&self) -> Option<&AskWrong> {
        const FIELDS: [&str; 7] = ["provider", "allow", "resources", "target", "ttl", "budget", "reason"];
        self.fault.as_ref().filter(|wrong| !FIELDS.contains(&wrong.field.as_str()))
    }
}

impl Preview {
    /// Describes a plan.
    pub fn new(plan: &Plan) -> Self {
        let provider_lifetime = plan.shape.lifetime(plan.ttl.delta());
        Self {
            sentences: explain(&plan.grant),
            document: pretty(&plan.shape.document),
            target: plan.shape.target.clone(),
            ttl: plan.ttl.to_string(),
            longer: (provider_lifetime > plan.ttl.delta()).then(|| span(provider_lifetime)),
            cuts: plan.cuts.iter().map(ToString::to_string).collect(),
            notes: plan.shape.notes.clone(),
            findings: FindingLine::list(&plan.findings),
            approval: plan.approval.as_ref().map(|needed| NeededLine {
                required: needed.required,
                roles: needed.roles.clone(),
                rules: needed.rules.clone(),
            }),
        }
    }
}
