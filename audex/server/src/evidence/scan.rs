//! Reading events in either order, from the log or from the database that is searched.

use super::{AuditQuery, Copied, EvidenceError, blocking, entry, token::Token};
use axess::{
    audit::{
        AuditRecord,
        chain::Entry,
        log::{AuditLog, LogEntry, LogError, LogPosition},
    },
    identity::EventId,
    store::{self, AuditOrder, AuditRow, AuditScope, AuditStore},
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

/// How many events are read at once.
const CHUNK: usize = 500;

/// How many scopes are searched; the server has two: its own, and that of its people.
const MAX_SCOPES: usize = 100;

/// By how much events may be out of the order of their times in the log.
pub(super) const DISORDER: TimeDelta = TimeDelta::minutes(10);

/// An event, and the place before it.
pub(super) type Found = (AuditRecord, Token);

/// Reads the log backwards from a place, or from its end; nothing at its beginning.
pub(super) async fn log_before(log: AuditLog, before: Option<Token>) -> Result<Vec<Found>, EvidenceError> {
    let before = match before {
        Some(Token::Log(position)) => Some(position),
        Some(Token::Event(..)) => return Err(EvidenceError::Page),
        None => None,
    };
    blocking(move || {
        let mut before = match before {
            Some(position) => position,
            None => log.end()?,
        };
        if before.offset == 0 {
            let segments = log.segments()?;
            let earlier =
                |info: &&axess::audit::log::SegmentInfo| info.segment < before.segment && info.entries > 0;
            let Some(previous) = segments.iter().rev().find(earlier) else { return Ok(Vec::new()) };
            before = LogPosition { segment: previous.segment, offset: previous.entries };
        }
        let chunk = u64::try_from(CHUNK).unwrap_or(1).min(before.offset);
        let first = LogPosition { offset: before.offset - chunk, ..before };
        let read = match log.read(first, usize::try_from(chunk).unwrap_or(1), usize::MAX) {
            // Retention was faster: what is before is gone too.
            Err(LogError::Retired { .. }) => return Ok(Vec::new()),
            Err(LogError::NoSuchPosition(_)) => return Err(EvidenceError::Page),
            read => read?,
        };
        let found = |LogEntry { position, record }: LogEntry| {
            let offset = position.offset.saturating_sub(1);
            (record, Token::Log(LogPosition { offset, ..position }))
        };
        Ok(read.into_iter().rev().map(found).collect())
    })
    .await
}

/// Reads a database backwards from an event, or from the newest one; nothing where there is no more.
pub(super) async fn copy_before(
    copy: &Copied,
    query: &AuditQuery,
    before: Option<Token>,
) -> Result<Vec<Found>, EvidenceError> {
    let after = match before {
        Some(Token::Event(at, id)) => Some((at, id)),
        Some(Token::Log(_)) => return Err(EvidenceError::Page),
        None => None,
    };
    let records = merged(copy, query, AuditOrder::NewestFirst, after).await?;
    let found = |record: AuditRecord| {
        let (at, id) = entry::place(&record);
        (record, Token::Event(at, id))
    };
    Ok(records.into_iter().map(found).collect())
}

/// Reads the events of all scopes in one order.
async fn merged(
    copy: &Copied,
    query: &AuditQuery,
    order: AuditOrder,
    after: Option<(DateTime<Utc>, EventId)>,
) -> Result<Vec<AuditRecord>, EvidenceError> {
    let mut rows: Vec<AuditRow> = Vec::new();
    let event_type = query.event_type.as_deref().and_then(entry::recorded_as);
    for scope in copy.events.scopes(None::<AuditScope>, MAX_SCOPES).await? {
        let asked = store::AuditQuery {
            event_type: event_type.clone(),
            from: query.since,
            until: query.until,
            order,
            after,
            ..store::AuditQuery::new(scope, CHUNK)
        };
        rows.extend(copy.events.query(asked).await?);
    }
    rows.sort_unstable_by_key(|row| (row.at, row.event_id));
    if order == AuditOrder::NewestFirst {
        rows.reverse();
    }
    // No scope has given less than all of these, unless it has no more.
    rows.truncate(CHUNK);
    rows.iter().map(|row| read(&row.body)).collect()
}

/// Reads an event from a row: it holds the entry of the log.
fn read(body: &Bytes) -> Result<AuditRecord, EvidenceError> {
    let (event, line) = match Entry::parse(body) {
        Ok(entry) => (Bytes::copy_from_slice(entry.event()), Some(body.clone())),
        Err(_) => (body.clone(), None),
    };
    let record = AuditRecord::from_event(event).map_err(EvidenceError::Unreadable)?;
    Ok(AuditRecord { line, ..record })
}

/// Reads everything, oldest first, up to where it is when the reading begins.
pub(super) enum Forward {
    Log { log: AuditLog, after: LogPosition, end: LogPosition },
    Copy { copy: Copied, after: Option<(DateTime<Utc>, EventId)> },
}

impl Forward {
    pub(super) async fn over_log(log: AuditLog, since: Option<DateTime<Utc>>) -> Result<Self, EvidenceError> {
        let (end, after, log) = blocking(move || {
            let end = log.end()?;
            let is_wanted = |until: Option<DateTime<Utc>>| {
                since.is_none_or(|since| until.is_none_or(|until| until + DISORDER >= since))
            };
            let segments = log.segments()?;
            let first = segments.iter().find(|info| info.active || is_wanted(info.until));
            let segment = first.map_or(end.segment, |info| info.segment);
            Ok((end, LogPosition { segment, offset: 0 }, log))
        })
        .await?;
        Ok(Self::Log { log, after, end })
    }

    /// Reads on; `None` is the end.
    pub(super) async fn next(
        &mut self,
        query: &AuditQuery,
    ) -> Result<Option<Vec<AuditRecord>>, EvidenceError> {
        match self {
            Self::Log { log, after, end } => {
                let (from, to, reader) = (*after, *end, log.clone());
                let entries = blocking(move || read_on(&reader, from, to)).await?;
                let Some(last) = entries.last() else { return Ok(None) };
                *after = last.position;
                Ok(Some(entries.into_iter().map(|entry| entry.record).collect()))
            }
            Self::Copy { copy, after } => {
                let records = merged(copy, query, AuditOrder::OldestFirst, *after).await?;
                let Some(last) = records.last() else { return Ok(None) };
                *after = Some(entry::place(last));
                Ok(Some(records))
            }
        }
    }
}

fn read_on(log: &AuditLog, from: LogPosition, to: LogPosition) -> Result<Vec<LogEntry>, EvidenceError> {
    /// The most bytes read at once.
    const BYTES: usize = 4 * 1_024 * 1_024;
    let mut entries = match log.read(from, CHUNK, BYTES) {
        Err(LogError::Retired { first }) => log.read(first, CHUNK, BYTES)?,
        read => read?,
    };
    entries.retain(|entry| entry.position <= to);
    Ok(entries)
}
