//! One scope: archive, read back, delete.

use super::{AuditRetentionLoop, RetentionError, RetentionReport, policy::delta};
use crate::{
    archive::{ArchiveBatch, ArchiveRange, ArchivedEvent, AuditArchiver, body_digest},
    export::record_of,
};
use axess_core::{
    audit::EventContext,
    store::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore},
};
use axess_events::{
    AuthEvent,
    trail::{AuditEventsArchived, AuditEventsDeleted, AuditTier},
};
use axess_identity::EventId;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::HashMap;

/// The most rows a store returns at once.
const MAX_BATCH: usize = 1_000;

type Place = (DateTime<Utc>, EventId);

/// What becomes of the rows of a page that are old enough to be deleted.
#[derive(Default)]
struct Sorted {
    missing: Vec<AuditRow>,
    deletable: Vec<AuditRow>,
}

impl<S: AuditStore, A: AuditArchiver> AuditRetentionLoop<S, A> {
    pub(super) async fn scope_pass(
        &self,
        scope: AuditScope,
        now: DateTime<Utc>,
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let policy = *self.policy_of(scope);
        // Without a time so long ago there is nothing so old.
        let Some(archive_before) = now.checked_sub_signed(delta(policy.archive_after)) else { return Ok(()) };
        self.archive_old(scope, archive_before, now, report).await?;
        let overlap = delta(policy.purge_hot_after_archive);
        if let Some(delete_before) = archive_before.checked_sub_signed(overlap) {
            self.delete_hot(scope, delete_before, (now, overlap), report).await?;
        }
        let cutoff = policy.delete_archive_after.and_then(|age| now.checked_sub_signed(delta(age)));
        match cutoff {
            Some(cutoff) => self.delete_archived(scope, cutoff.date_naive(), report).await,
            None => Ok(()),
        }
    }

    /// Copies what is old enough and comes after what was copied last. What comes late, with an earlier time, is found when
    /// its time to be deleted has come.
    async fn archive_old(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let days = self.archive.days(scope).await.map_err(RetentionError::Archive)?;
        let mut after = match days.last() {
            Some(day) => {
                self.archive.day(scope, *day).await.map_err(RetentionError::Archive)?.map(|day| day.last)
            }
            None => None,
        };
        while !self.is_stopped() {
            let rows = self.oldest(scope, before, after).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.at, last.event_id));
            let (readable, unreadable): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_event);
            report.unreadable += count(unreadable.len());
            self.archive_rows(scope, readable, now, report).await?;
        }
        Ok(())
    }

    async fn archive_rows(
        &self,
        scope: AuditScope,
        rows: Vec<AuditRow>,
        now: DateTime<Utc>,
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let Some((from, until)) = range(&rows) else { return Ok(()) };
        self.keep_lead().await?;
        let batch = ArchiveBatch { scope, rows, at: now };
        let events = self.archive.archive_batch(batch).await.map_err(RetentionError::Archive)?;
        report.archived += events;
        if events == 0 {
            return Ok(());
        }
        self.record(scope, AuditEventsArchived { from, until, events }).await
    }

    /// Deletes what the archive has had for long enough, page by page.
    async fn delete_hot(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        (now, overlap): (DateTime<Utc>, TimeDelta),
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let mut after = None;
        while !self.is_stopped() {
            let rows = self.oldest(scope, before, after).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.at, last.event_id));
            let places = rows.iter().map(|row| (row.at, row.event_id)).collect();
            let found = self.archive.find(scope, places).await.map_err(RetentionError::Archive)?;
            let found: HashMap<_, _> = found.into_iter().map(|event| (event.event_id, event)).collect();
            let is_due =
                |archived: &ArchivedEvent| now.signed_duration_since(archived.archived_at) >= overlap;
            let mut sorted = Sorted::default();
            for row in rows {
                match (record_of(&row.body), found.get(&row.event_id)) {
                    (Ok(record), Some(archived)) if archived.digest != body_digest(record.body()) => {
                        report.differing += 1;
                    }
                    (Ok(_), Some(archived)) if is_due(archived) => sorted.deletable.push(row),
                    (Ok(_), Some(_)) => report.waiting += 1,
                    (Ok(_), None) if is_event(&row) => sorted.missing.push(row),
                    // Counted already when it was to be archived, unless it came late.
                    (Ok(_), None) | (Err(_), _) => {}
                }
            }
            self.archive_rows(scope, sorted.missing, now, report).await?;
            self.delete_rows(scope, sorted.deletable, report).await?;
        }
        Ok(())
    }

    async fn delete_rows(
        &self,
        scope: AuditScope,
        rows: Vec<AuditRow>,
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let Some((from, until)) = range(&rows) else { return Ok(()) };
        self.keep_lead().await?;
        let events = count(rows.len());
        let tier = AuditTier::Hot;
        let deletion =
            AuditEventsDeleted { tier, from, until, events, last_sequence: None, chain_head: None };
        self.record(scope, deletion).await?;
        let ids = rows.iter().map(|row| row.event_id).collect();
        report.deleted_hot += self.store.delete(scope, ids).await.map_err(RetentionError::Store)?;
        Ok(())
    }

    /// Deletes the oldest days of the archive, unless the store still has something of them.
    async fn delete_archived(
        &self,
        scope: AuditScope,
        mut cutoff: NaiveDate,
        report: &mut RetentionReport,
    ) -> Result<(), RetentionError> {
        let query = AuditQuery { order: AuditOrder::OldestFirst, ..AuditQuery::new(scope, 1) };
        let hot = self.store.query(query).await.map_err(RetentionError::Store)?;
        if let Some(oldest) = hot.first() {
            cutoff = cutoff.min(oldest.at.date_naive());
        }
        let days = self.archive.days(scope).await.map_err(RetentionError::Archive)?;
        let due = days.into_iter().filter(|day| *day < cutoff).take(self.config.max_archive_days);
        for day in due {
            if self.is_stopped() {
                break;
            }
            self.keep_lead().await?;
            let Some(known) = self.archive.day(scope, day).await.map_err(RetentionError::Archive)? else {
                continue;
            };
            let Some(until) = day.succ_opt() else { continue };
            let deletion = AuditEventsDeleted {
                tier: AuditTier::Archive,
                from: known.first,
                until: known.last.0,
                events: known.events,
                last_sequence: None,
                chain_head: None,
            };
            self.record(scope, deletion).await?;
            let purge = self.archive.purge(scope, ArchiveRange { from: None, until });
            report.deleted_archive += purge.await.map_err(RetentionError::Archive)?;
        }
        Ok(())
    }

    async fn oldest(
        &self,
        scope: AuditScope,
        before: DateTime<Utc>,
        after: Option<Place>,
    ) -> Result<Vec<AuditRow>, RetentionError> {
        let limit = self.config.batch.clamp(1, MAX_BATCH);
        let all = AuditQuery::new(scope, limit);
        let query = AuditQuery { order: AuditOrder::OldestFirst, until: Some(before), after, ..all };
        self.store.query(query).await.map_err(RetentionError::Store)
    }

    async fn record(&self, scope: AuditScope, event: impl Into<AuthEvent>) -> Result<(), RetentionError> {
        let context = EventContext::system();
        let context = match scope {
            AuditScope::Tenant(id) => context.in_tenant(id),
            AuditScope::System => context,
        };
        self.emitter.emit(&context, event).await.map(drop).map_err(RetentionError::Trail)
    }
}

/// Tells whether what a row keeps is the event it is found by.
fn is_event(row: &AuditRow) -> bool {
    record_of(&row.body).is_ok_and(|record| {
        (record.event_id(), record.scope(), record.occurred_at().date_naive())
            == (row.event_id, AuditScope::of(row.tenant_id), row.at.date_naive())
    })
}

fn range(rows: &[AuditRow]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let times = || rows.iter().map(|row| row.at);
    Some((times().min()?, times().max()?))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
