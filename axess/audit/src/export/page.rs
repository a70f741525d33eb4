use super::{AuditSearch, ExportError, body::record_of};
use crate::AuditRecord;
use axess_core::store::{AuditRow, AuditStore};
use axess_identity::EventId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The most events of one page.
pub const MAX_PAGE: usize = 1_000;
/// The most events one page looks at for conditions the store does not know.
pub const MAX_SCANNED: usize = 10_000;

const VERSION: u8 = 1;

/// Some of what was found.
///
/// ```
/// use axess_audit::export::AuditPage;
/// let page = AuditPage { records: vec![], unreadable: vec![], next: None };
/// assert!(page.next.is_none(), "the last page");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The events; fewer than asked for, or none, is not yet the end.
    pub records: Vec<AuditRecord>,
    /// Events of the page that are kept as something that is no event: nobody knows whether they are looked for.
    pub unreadable: Vec<EventId>,
    /// Where the next page begins; absent at the end.
    pub next: Option<PageToken>,
}

/// Where a page ends and the next one begins, as a text that a client sends back.
///
/// It is of use to the search it came from, and to no other.
///
/// ```
/// use axess_audit::export::PageToken;
/// assert!("page-2".parse::<PageToken>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    pub(super) after: (DateTime<Utc>, EventId),
    search: [u8; 8],
}

/// Says that a text is not a page token of the search.
///
/// ```
/// use axess_audit::export::{InvalidPageToken, PageToken};
/// assert_eq!("".parse::<PageToken>(), Err(InvalidPageToken::Malformed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPageToken {
    /// It is not a token.
    #[error("it is not a page token")]
    Malformed,
    /// It is a token of a search with other conditions.
    #[error("it belongs to another search")]
    OtherSearch,
}

impl AuditSearch {
    /// Finds one page of at most `limit` events, and never more than [`MAX_PAGE`].
    ///
    /// Conditions the store does not know (several types, actor, address, text) are applied to at most [`MAX_SCANNED`] events
    /// at a time: such a page may be short, or empty, and still have a next one. Records and unreadable events together are
    /// at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ExportError`], also for a token of another search.
    pub async fn page<S: AuditStore>(
        &self,
        store: &S,
        limit: usize,
        token: Option<PageToken>,
    ) -> Result<AuditPage, ExportError> {
        if token.is_some_and(|token| token.search != self.fingerprint()) {
            return Err(ExportError::Token(InvalidPageToken::OtherSearch));
        }
        let limit = limit.clamp(1, MAX_PAGE);
        let (mut records, mut unreadable, mut next, mut scanned) = (Vec::new(), Vec::new(), token, 0);
        while scanned < MAX_SCANNED {
            let asked = if self.is_known_to_stores() { limit } else { MAX_PAGE };
            let rows = store.query(self.query(next, asked)).await.map_err(ExportError::Store)?;
            if rows.is_empty() {
                return Ok(AuditPage { records, unreadable, next: None });
            }
            for row in rows {
                scanned += 1;
                next = Some(self.token(&row));
                match record_of(&row.body) {
                    Ok(record) if self.holds_beyond_store(&record) => records.push(record),
                    Ok(_) => {}
                    Err(_) => unreadable.push(row.event_id),
                }
                if records.len() + unreadable.len() >= limit {
                    return Ok(AuditPage { records, unreadable, next });
                }
            }
        }
        Ok(AuditPage { records, unreadable, next })
    }

    fn token(&self, row: &AuditRow) -> PageToken {
        PageToken { after: (row.at, row.event_id), search: self.fingerprint() }
    }

    /// Tells whether a store applies every condition itself.
    fn is_known_to_stores(&self) -> bool {
        self.event_types.len() < 2 && self.actor.is_none() && self.client_ip.is_none() && self.text.is_none()
    }

    /// Applies what the store was not asked. The user it was asked about is that of its column: the user of an erased event
    /// is a pseudonym in both.
    fn holds_beyond_store(&self, record: &AuditRecord) -> bool {
        let rest = Self { user_id: None, from: None, until: None, ..self.clone() };
        self.is_known_to_stores() || rest.matches(record)
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, event_id) = self.after;
        let mut bytes = vec![VERSION];
        bytes.extend(at.timestamp().to_be_bytes());
        bytes.extend(at.timestamp_subsec_nanos().to_be_bytes());
        bytes.extend(event_id.as_uuid().into_bytes());
        bytes.extend(self.search);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for PageToken {
    type Err = InvalidPageToken;

    fn from_str(text: &str) -> Result<Self, InvalidPageToken> {
        parse(text).ok_or(InvalidPageToken::Malformed)
    }
}

fn parse(text: &str) -> Option<PageToken> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (seconds, rest) = rest.split_first_chunk()?;
    let (nanos, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let search = rest.try_into().ok()?;
    let at = DateTime::from_timestamp(i64::from_be_bytes(*seconds), u32::from_be_bytes(*nanos))?;
    let event_id = EventId::from_uuid(Uuid::from_bytes(*id));
    (*version == VERSION).then_some(PageToken { after: (at, event_id), search })
}
