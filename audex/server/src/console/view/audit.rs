//! The evidence.

use super::{
    frame::Frame,
    parts::{When, pretty},
};
use askama::Template;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The page of the evidence.
///
/// ```
/// use audex_server::console::view::{audit::{AuditFilter, AuditPage}, frame::{Frame, Here}};
/// use askama::Template;
/// let page = AuditPage {
///     frame: Frame::new("Audit", Here::Audit),
///     filter: AuditFilter { user: "\"><x".into(), ..AuditFilter::default() },
///     rows: vec![],
///     export: String::new(),
///     next: None,
///     fault: None,
/// };
/// assert!(!page.render().unwrap().contains("<x"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// What all pages have.
    pub frame: Frame,
    /// What is looked for.
    pub filter: AuditFilter,
    /// The events, newest first.
    pub rows: Vec<AuditRow>,
    /// The query of an export of the same events, without its format.
    pub export: String,
    /// The address of the next page.
    pub next: Option<String>,
    /// What is wrong with the filter.
    pub fault: Option<String>,
}

/// What is looked for.
///
/// ```
/// use audex_server::console::view::audit::AuditFilter;
/// assert!(AuditFilter::default().user.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Of which type.
    pub event_type: String,
    /// Of whom.
    pub user: String,
    /// Of which session.
    pub session: String,
    /// From when on.
    pub since: String,
    /// Until when.
    pub until: String,
}

/// An event in the list.
///
/// ```
/// use audex_server::console::view::audit::AuditRow;
/// let event = serde_json::json!({"event_type": "credential_requested", "user": "alice@example.com"});
/// assert_eq!(AuditRow::new(chrono::DateTime::UNIX_EPOCH, &event).event_type, "credential_requested");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: When,
    /// What happened.
    pub event_type: String,
    /// Who did it.
    pub user: String,
    /// What it was about.
    pub subject: String,
    /// How it stands since.
    pub status: String,
    /// In which session.
    pub session: Option<String>,
    /// All of it.
    pub details: String,
}

impl AuditRow {
    /// Describes an event by the members that an export has.
    pub fn new(at: DateTime<Utc>, event: &Value) -> Self {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            at: When::new(at),
            event_type: text("event_type").unwrap_or_default(),
            user: text("user").unwrap_or_default(),
            subject: text("action")
                .or_else(|| text("subject"))
                .or_else(|| text("reason"))
                .unwrap_or_default(),
            status: text("status").unwrap_or_default(),
            session: text("session_id").or_else(|| text("session")),
            details: pretty(&event.to_string()),
        }
    }
}
