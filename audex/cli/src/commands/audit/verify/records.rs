//! The session records, compared with the log: whose events were cut off its end.

use crate::{
    commands::audit::{event, lines, unreadable},
    compose::of_sessions,
    exit::Failure,
};
use audex_core::{
    audit::BrokerEvent,
    session::{SessionFolder, SessionId, SessionStoreError},
};
use axess_audit::chain::{Finding, FindingKind};
use chrono::{DateTime, TimeDelta, Utc};
use std::{collections::BTreeMap, fs, io, path::Path};

/// How many sessions are named.
const MAX_NAMED: usize = 10;

/// How far behind its time an event may stand in the log: others had the log meanwhile.
const LATE: TimeDelta = TimeDelta::seconds(60);

/// What a record says that the log must know of.
#[derive(Debug)]
pub(super) struct Kept {
    id: SessionId,
    created_at: DateTime<Utc>,
    /// It got no credential. Its record is written before its first event, which may then not have been: but the one of
    /// its end was, by whoever found it.
    is_idle: bool,
}

/// What the log says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Created,
    Mentioned,
}

/// Reads the records of sessions that are over or got a credential. One that cannot be read is not compared.
pub(super) fn in_folder(data: &Path) -> Result<Vec<Kept>, Failure> {
    if !data.join("sessions").is_dir() {
        return Ok(Vec::new());
    }
    let sessions = SessionFolder::open(data).map_err(|error| of_sessions(&error))?;
    let mut kept = Vec::new();
    for id in sessions.names().map_err(|error| of_sessions(&error))? {
        match sessions.load(id) {
            Ok(record) => {
                let is_idle = record.credentials.is_empty();
                if record.status.is_over() || !is_idle {
                    kept.push(Kept { id, created_at: record.created_at, is_idle });
                }
            }
            Err(error @ SessionStoreError::Io { .. }) => return Err(of_sessions(&error)),
            Err(_) => {}
        }
    }
    Ok(kept)
}

/// Returns a finding when the log should have the beginning of sessions and has not.
///
/// What is older than the log's first event was deleted by retention, or is of a log before this one.
pub(super) fn without_events(log: &Path, records: &[Kept]) -> Result<Option<Finding>, Failure> {
    if records.is_empty() {
        return Ok(None);
    }
    let (since, known) = read(log).map_err(|error| unreadable(log, &error))?;
    let is_known = |kept: &Kept| match known.get(&kept.id) {
        Some(Known::Created) => true,
        Some(Known::Mentioned) => kept.is_idle,
        None => false,
    };
    let mut missing: Vec<&Kept> =
        records.iter().filter(|kept| kept.created_at > since && !is_known(kept)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    missing.sort_by_key(|kept| (kept.created_at, kept.id));
    let mut names: Vec<String> = missing.iter().take(MAX_NAMED).map(|kept| kept.id.to_string()).collect();
    if missing.len() > MAX_NAMED {
        names.push(format!("and {} more", missing.len() - MAX_NAMED));
    }
    let what = format!(
        "{} sessions have a record, and the log does not have their SessionCreated: {}",
        missing.len(),
        names.join(", ")
    );
    let (chain, seq, segment, line) = (None, None, None, None);
    Ok(Some(Finding { kind: FindingKind::Missing, chain, seq, segment, line, what }))
}

/// Returns from when on the log knows of sessions, and what it says of them.
fn read(log: &Path) -> io::Result<(DateTime<Utc>, BTreeMap<SessionId, Known>)> {
    let (mut first, mut known) = (None, BTreeMap::new());
    let segments = lines::segments(log)?;
    let is_cut = segments.first().is_some_and(|path| !path.ends_with("000000000001.jsonl"));
    for path in segments {
        let mut lines = lines::Forward::open(&path)?;
        while let Some(line) = lines.next()? {
            let Some(record) = event::of_line(&line) else { continue };
            first.get_or_insert(record.occurred_at());
            match event::broker_event(&record) {
                Some(BrokerEvent::SessionCreated { session_id, .. }) => {
                    known.insert(session_id, Known::Created);
                }
                Some(event) => {
                    if let Some(id) = event.session_id() {
                        known.entry(id).or_insert(Known::Mentioned);
                    }
                }
                None => {}
            }
        }
    }
    // Of what stands at a cut, a part may be on the other side.
    let since = first.map(|first| if is_cut { first + LATE } else { first });
    Ok((since.or_else(|| begun(log)).unwrap_or(DateTime::UNIX_EPOCH), known))
}

/// Returns when a log was begun that has no events.
fn begun(log: &Path) -> Option<DateTime<Utc>> {
    let about: serde_json::Value = serde_json::from_slice(&fs::read(log.join("log.json")).ok()?).ok()?;
    about.get("created_at")?.as_str()?.parse().ok()
}
