//! What was given.

use super::{
    frame::Frame,
    parts::{Pill, Until, When, pretty},
};
use askama::Template;
use audex_core::{
    Fate,
    session::{SessionRecord, SessionStatus},
};
use audex_policy::explain;
use chrono::{DateTime, Utc};

/// The page of sessions.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, sessions::SessionsPage};
/// use askama::Template;
/// let frame = Frame::new("Sessions", Here::Sessions);
/// let page = SessionsPage { frame, rows: vec![], identity: String::new(), status: String::new(), sees_all: false, next: None };
/// assert!(page.render().unwrap().contains("No session"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// What all pages have.
    pub frame: Frame,
    /// The sessions, newest first.
    pub rows: Vec<SessionRow>,
    /// Whose are shown; everybody's where it is empty.
    pub identity: String,
    /// Which status is shown; all where it is empty.
    pub status: String,
    /// Whether others' may be seen.
    pub sees_all: bool,
    /// The address of the next page.
    pub next: Option<String>,
}

/// A session in a list.
///
/// ```
/// fn link(row: &audex_server::console::view::sessions::SessionRow) -> String {
///     format!("/console/sessions/{}", row.id)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Which one.
    pub id: String,
    /// Whose.
    pub requester: String,
    /// Who minted.
    pub provider: String,
    /// What was asked for.
    pub asked: String,
    /// Where it is in its life.
    pub pill: Pill,
    /// When it began.
    pub created: When,
    /// Its deadline, while it is active.
    pub deadline: Option<Until>,
}

/// The page of one session.
///
/// ```
/// fn title(page: &audex_server::console::view::sessions::SessionPage) -> &str {
///     &page.frame.title
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "session.html")]
pub struct SessionPage {
    /// What all pages have.
    pub frame: Frame,
    /// The session.
    pub row: SessionRow,
    /// Its role, service account or audience.
    pub target: Option<String>,
    /// The lifetime that was granted.
    pub ttl: String,
    /// What was granted, in sentences.
    pub sentences: Vec<String>,
    /// What was granted, as it is kept.
    pub grant: String,
    /// What was minted.
    pub credentials: Vec<CredentialLine>,
    /// When it ended.
    pub ended: Option<When>,
    /// Why it ended.
    pub ending: Option<String>,
    /// Whether it was asked for with an approval, so that there is a page of that.
    pub has_request: bool,
    /// Whether the one who looks at it may end it.
    pub may_revoke: bool,
    /// What was wrong with what they did.
    pub fault: Option<String>,
}

/// A credential, and what became of it.
///
/// ```
/// fn works(line: &audex_server::console::view::sessions::CredentialLine) -> bool {
///     line.pill.class == "good"
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialLine {
    /// Its public id.
    pub id: String,
    /// When it was minted.
    pub issued: When,
    /// When the provider stops accepting it.
    pub expires: Until,
    /// Whether it works.
    pub pill: Pill,
    /// What is to be said about that.
    pub why: Option<String>,
}

impl SessionRow {
    /// Describes a session.
    pub fn new(record: &SessionRecord, now: DateTime<Utc>) -> Self {
        let is_active = record.status == SessionStatus::Active;
        Self {
            id: record.session_id.to_string(),
            requester: record.requester.to_string(),
            provider: record.provider.to_string(),
            asked: record.asked.clone(),
            pill: Pill::of_session(record.status),
            created: When::new(record.created_at),
            deadline: is_active.then(|| Until::new(record.deadline, now)),
        }
    }
}

impl SessionPage {
    /// Describes a session.
    pub fn new(frame: Frame, record: &SessionRecord, now: DateTime<Utc>) -> Self {
        let grant = serde_json::to_string(&record.grant).unwrap_or_default();
        let credential = |credential| CredentialLine::new(credential, now);
        Self {
            frame,
            row: SessionRow::new(record, now),
            target: record.target.clone(),
            ttl: record.ttl.to_string(),
            sentences: explain(&record.grant),
            grant: pretty(&grant),
            credentials: record.credentials.iter().rev().map(credential).collect(),
            ended: record.ended_at.map(When::new),
            ending: record.ending.as_ref().and_then(|ending| ending.reason.clone()),
            has_request: false,
            may_revoke: false,
            fault: None,
        }
    }
}

impl CredentialLine {
    fn new(credential: &audex_core::session::CredentialRecord, now: DateTime<Utc>) -> Self {
        let is_past = now >= credential.expires_at;
        let pill = |class, text| Pill { class, text };
        let (pill, why) = match &credential.fate {
            _ if is_past => (pill("", "Expired"), None),
            None => (pill("good", "Works"), None),
            Some(Fate::Dead) => (pill("bad", "Dead"), Some("the provider no longer accepts it".to_owned())),
            Some(Fate::Denied { by }) => (pill("bad", "Denied everything"), Some(format!("by {by}"))),
            Some(Fate::AliveUntil { why, .. }) => (pill("wait", "Still works"), Some(why.clone())),
        };
        Self {
            id: credential.id.clone(),
            issued: When::new(credential.issued_at),
            expires: Until::new(credential.expires_at, now),
            pill,
            why,
        }
    }
}
