use super::entry::AuditEntry;
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The most events of one page.
const MAX_PAGE: usize = 1_000;

/// How many there are unless it is said.
const PAGE: usize = 100;

/// The fewest characters of a session's id that name it.
const MIN_SESSION: usize = 8;

/// Which events are looked for.
///
/// Every condition that is given must hold.
///
/// ```
/// use audex_server::evidence::AuditQuery;
/// let query = AuditQuery { event_type: Some("credential_denied".into()), ..AuditQuery::default() };
/// assert_eq!(query.limit, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct AuditQuery {
    /// Of this type, as in [`AuditEntry::event_type`].
    #[serde(default)]
    pub event_type: Option<String>,
    /// Of this user: their address.
    #[serde(default)]
    pub user: Option<String>,
    /// About this session: its id, or at least eight characters of its beginning.
    #[serde(default)]
    pub session: Option<String>,
    /// At or after this time.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// How many at most; 100 unless it is said, and never more than 1000.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the page begins: `next` of the one before.
    #[serde(default)]
    pub after: Option<String>,
}

impl AuditQuery {
    pub(super) fn size(&self) -> usize {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).clamp(1, MAX_PAGE)
    }

    pub(super) fn matches(&self, entry: &AuditEntry) -> bool {
        let is_of =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is_of(&self.event_type, &entry.event_type)
            && self.user.as_ref().is_none_or(|user| entry.user.eq_ignore_ascii_case(user))
            && self.since.is_none_or(|since| entry.timestamp >= since)
            && self.until.is_none_or(|until| entry.timestamp < until)
            && self.session.as_ref().is_none_or(|session| is_about(entry, session))
    }
}

fn is_about(entry: &AuditEntry, session: &str) -> bool {
    let session = session.to_ascii_lowercase();
    entry.session_id.as_ref().is_some_and(|id| session.len() >= MIN_SESSION && id.starts_with(&session))
}
