//! The newest events, and those of one session: read from the end of the log, only as far as needed.

use super::{event, folder, lines, unreadable};
use crate::{
    commands::{Invocation, sessions},
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::Table,
};
use audex_core::{audit::BrokerEvent, session::SessionId};
use axess_audit::AuditRecord;
use std::{collections::BTreeSet, io, ops::ControlFlow, path::Path};

pub(super) fn recent(invocation: &Invocation, number: usize, types: &[String]) -> Outcome {
    let folder = folder(invocation)?;
    let mut found = Vec::new();
    let mut skipped = 0_usize;
    let walked = walk_back(&folder, |line| {
        match event::of_line(line) {
            Some(record) => {
                let kind = &record.envelope.payload.event_type;
                if types.is_empty() || types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind)) {
                    found.push(record);
                }
            }
            None => skipped += 1,
        }
        if found.len() < number { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    walked.map_err(|error| unreadable(&folder, &error))?;
    // None at all may have been asked for.
    found.truncate(number);
    print(invocation, &found, skipped)
}

pub(super) fn show(invocation: &Invocation, session: &str) -> Outcome {
    let folder = folder(invocation)?;
    // A refused request has events and no record; the log knows it all the same.
    let records = sessions::folder(invocation)?;
    let named = sessions::find(records.as_ref(), session)?;
    let prefix = named.map_or_else(|| session.trim().to_ascii_lowercase(), |id| id.to_string());
    let needle = format!("\"session_id\":\"{prefix}");
    let finder = memchr::memmem::Finder::new(needle.as_bytes());
    let (mut found, mut ids, mut skipped) = (Vec::new(), BTreeSet::<SessionId>::new(), 0_usize);
    let walked = walk_back(&folder, |line| {
        if finder.find(line).is_none() {
            return ControlFlow::Continue(());
        }
        let Some(record) = event::of_line(line) else {
            skipped += 1;
            return ControlFlow::Continue(());
        };
        let Some(broker) = event::broker_event(&record)
            .filter(|event| event.session_id().is_some_and(|id| id.to_string().starts_with(&prefix)))
        else {
            return ControlFlow::Continue(());
        };
        ids.extend(broker.session_id());
        found.push(record);
        // Nothing of a session is before its first event; with only a part of the id, there may be another session.
        let is_first = matches!(
            broker,
            BrokerEvent::SessionCreated { .. }
                | BrokerEvent::RequestDenied { .. }
                | BrokerEvent::ApprovalRequired { .. }
        );
        if is_first && named.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    walked.map_err(|error| unreadable(&folder, &error))?;
    if ids.len() > 1 {
        let failure =
            Failure::new(Exit::Usage, format!("{prefix} is the beginning of {} sessions", ids.len()));
        return Err(ids.iter().take(10).map(ToString::to_string).fold(failure, Failure::with_help));
    }
    if found.is_empty() {
        let message =
            format!("the audit log has no event of session {}", crate::output::shortened(&prefix, 40));
        return Err(Failure::new(Exit::Usage, message).with_help("list events: tryaudex audit recent"));
    }
    found.reverse();
    print(invocation, &found, skipped)
}

fn print(invocation: &Invocation, records: &[AuditRecord], skipped: usize) -> Outcome {
    if skipped > 0 {
        let what = format!("{skipped} lines are no entries of the log; run `tryaudex audit verify`");
        invocation.output.warn(what);
    }
    if invocation.output.is_json() {
        for record in records {
            invocation.output.json_line(&event::json(record))?;
        }
        return Ok(SUCCESS);
    }
    if records.is_empty() {
        invocation.output.note("no events");
        return Ok(SUCCESS);
    }
    let mut table = Table::new([("TIME", 20), ("EVENT", 18), ("SESSION", 8), ("BY", 24), ("WHAT", 160)]);
    for record in records {
        table.row(event::cells(record));
    }
    invocation.output.print(table)?;
    Ok(SUCCESS)
}

/// Hands each whole line of the log, newest first, to a closure until it has enough.
pub(in crate::commands) fn walk_back(
    folder: &Path,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    for segment in lines::segments(folder)?.iter().rev() {
        let mut lines = match lines::Backward::open(segment) {
            // Retention removed it meanwhile; nothing before it is left either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            lines => lines?,
        };
        while let Some(line) = lines.next()? {
            if take(&line).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
