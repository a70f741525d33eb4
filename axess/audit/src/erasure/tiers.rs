//! The log, its dead letters, the stores and the archives, gone through twice: to find, and to rewrite.

use super::{
    AuditErasure, ErasureError, ErasureReport,
    plan::{Plan, Unplanned},
    scrub::{ScrubError, Subjects},
};
use crate::{AuditRecord, export::record_of, log::LogPosition};
use axess_core::store::{AuditOrder, AuditQuery, AuditRow, AuditScope, DynAuditStore};
use axess_events::Actor;
use axess_identity::{EventId, UserId};
use bytes::Bytes;
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much is read at once.
pub(super) const PAGE: usize = 500;
/// Stands in an error for an event that cannot be named.
const NO_EVENT: EventId = EventId::from_uuid(uuid::Uuid::nil());
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What is done with each line or event of a scope, and the user its row is found by.
pub(super) type Each = dyn FnMut(&Bytes, Option<UserId>) -> Result<(), ErasureError> + Send;

/// What was found so far.
#[derive(Default)]
struct Found {
    plan: Plan,
    unreadable: u64,
}

impl AuditErasure {
    /// Lists the users the trail of a scope names, without those that are pseudonyms already.
    pub(super) async fn users(&self, scope: AuditScope) -> Result<HashSet<UserId>, ErasureError> {
        let users = Arc::new(Mutex::new(HashSet::new()));
        let into = Arc::clone(&users);
        let each = move |body: &Bytes, column: Option<UserId>| {
            if let Ok(record) = record_of(body) {
                lock(&into).extend(named(&record).chain(column));
            }
            Ok(())
        };
        self.each(scope, Box::new(each)).await?;
        let mut users = std::mem::take(&mut *lock(&users));
        users.retain(|user_id| user_id.as_uuid().get_version() != Some(uuid::Version::Custom));
        Ok(users)
    }

    /// Plans what will be rewritten.
    pub(super) async fn find(
        &self,
        scope: AuditScope,
        subjects: &Arc<Subjects>,
        report: &mut ErasureReport,
    ) -> Result<Plan, ErasureError> {
        let found = Arc::new(Mutex::new(Found::default()));
        let (into, rng, subjects) =
            (Arc::clone(&found), Arc::clone(self.emitter.rng()), Arc::clone(subjects));
        let each = move |body: &Bytes, column: Option<UserId>| {
            let mut found = lock(&into);
            if let Some(pseudonym) = column.and_then(|user_id| subjects.pseudonym(user_id)) {
                found.plan.take_column(pseudonym);
            }
            match found.plan.take(body, &subjects, &*rng) {
                Err(Unplanned::Line | Unplanned::Event(ScrubError::Read(_))) => {
                    found.unreadable += 1;
                    Ok(())
                }
                outcome => outcome.map_err(|why| unplanned(id_of(body), why)),
            }
        };
        self.each(scope, Box::new(each)).await?;
        let Found { plan, unreadable } = std::mem::take(&mut *lock(&found));
        report.unreadable += unreadable;
        if plan.has_entries() && self.log.is_none() {
            return Err(ErasureError::NoLog);
        }
        Ok(plan)
    }

    /// Goes through every event of a scope, in every tier.
    async fn each(&self, scope: AuditScope, mut each: Box<Each>) -> Result<(), ErasureError> {
        self.each_of_log(scope, &mut *each).await?;
        self.each_letter(scope, &mut *each).await?;
        for store in &self.stores {
            let mut after = None;
            while let Some(rows) = page(&**store, scope, &mut after).await? {
                for row in rows {
                    each(&trimmed(&row.body), row.user_id)?;
                }
            }
        }
        let each = Arc::new(Mutex::new(each));
        for archive in &self.archives {
            for day in archive.days(scope).await.map_err(ErasureError::Archive)? {
                let (each, failure) = (Arc::clone(&each), Arc::new(Mutex::new(None)));
                let failed = Arc::clone(&failure);
                let look = move |line: &Bytes| {
                    let mut failed = lock(&failed);
                    if failed.is_none() {
                        *failed = lock(&each)(line, None).err();
                    }
                    None
                };
                archive.rewrite(scope, day, Box::new(look)).await.map_err(ErasureError::Archive)?;
                if let Some(error) = lock(&failure).take() {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn each_of_log(&self, scope: AuditScope, each: &mut Each) -> Result<(), ErasureError> {
        let Some(log) = &self.log else { return Ok(()) };
        let (mut after, mut end) = (LogPosition::default(), None);
        loop {
            let (log, from) = (log.clone(), after);
            let task = tokio::task::spawn_blocking(move || {
                let end = end.map_or_else(|| log.end(), Ok)?;
                Ok::<_, ErasureError>((end, log.read(from, PAGE, PAGE_BYTES)?))
            });
            let (stop, entries) = task.await.map_err(|_| ErasureError::Stopped)??;
            end = Some(stop);
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.position;
            for entry in
                entries.iter().filter(|entry| entry.record.scope() == scope && entry.position <= stop)
            {
                each(entry.record.body(), None)?;
            }
            if after >= stop {
                return Ok(());
            }
        }
    }

    /// Rewrites what is planned: the log, the stores, the archives.
    pub(super) async fn apply(
        &self,
        scope: AuditScope,
        subjects: &Arc<Subjects>,
        plan: Arc<Plan>,
        report: &mut ErasureReport,
    ) -> Result<(), ErasureError> {
        if let Some(log) = self.log.clone().filter(|_| plan.has_entries()) {
            let (plan, subjects) = (Arc::clone(&plan), Arc::clone(subjects));
            let task = tokio::task::spawn_blocking(move || {
                log.rewrite(|entry| {
                    if entry.scope() != scope {
                        return Ok(None);
                    }
                    let line = plan.entry_rewritten(entry, &subjects);
                    let line = line.map_err(|why| unplanned(entry.event_id(), why))?;
                    Ok::<_, ErasureError>(line.map(|line| line.to_vec()))
                })
            });
            report.log += task.await.map_err(|_| ErasureError::Stopped)??;
        }
        for store in &self.stores {
            let mut after = None;
            while let Some(rows) = page(&**store, scope, &mut after).await? {
                for row in rows {
                    self.replace_row(&**store, row, (subjects, &plan), report).await?;
                }
            }
        }
        for archive in &self.archives {
            for day in archive.days(scope).await.map_err(ErasureError::Archive)? {
                let (plan, subjects) = (Arc::clone(&plan), Arc::clone(subjects));
                let failure = Arc::new(Mutex::new(None));
                let failed = Arc::clone(&failure);
                let rewrite = archive.rewrite(
                    scope,
                    day,
                    Box::new(move |line| match plan.rewritten(line, &subjects) {
                        Ok(new) => new,
                        Err(why) => {
                            *lock(&failed) = Some(why);
                            None
                        }
                    }),
                );
                report.archives += rewrite.await.map_err(ErasureError::Archive)?;
                match lock(&failure).take() {
                    // Counted when it was to be found.
                    None | Some(Unplanned::Line | Unplanned::Event(ScrubError::Read(_))) => {}
                    Some(why) => return Err(unplanned(NO_EVENT, why)),
                }
            }
        }
        self.rewrite_letters(scope, subjects, &plan, report).await
    }

    async fn replace_row(
        &self,
        store: &dyn DynAuditStore,
        row: AuditRow,
        (subjects, plan): (&Subjects, &Plan),
        report: &mut ErasureReport,
    ) -> Result<(), ErasureError> {
        let stand_in = row.user_id.and_then(|user_id| subjects.pseudonym(user_id));
        let body = match plan.rewritten(&trimmed(&row.body), subjects) {
            Err(Unplanned::Line | Unplanned::Event(ScrubError::Read(_))) => None,
            outcome => outcome.map_err(|why| unplanned(row.event_id, why))?,
        };
        if stand_in.is_none() && body.as_ref().is_none_or(|body| *body == row.body) {
            return Ok(());
        }
        let expected = row.body.clone();
        let body = body.unwrap_or_else(|| expected.clone());
        let new = AuditRow { user_id: stand_in.or(row.user_id), body, ..row };
        match store.replace(new, expected).await.map_err(ErasureError::Store)? {
            true => report.stores += 1,
            false => report.conflicts += 1,
        }
        Ok(())
    }
}

impl Plan {
    pub(super) fn has_entries(&self) -> bool {
        self.entry_count() > 0
    }
}

pub(super) fn unplanned(event_id: EventId, why: Unplanned) -> ErasureError {
    match why {
        Unplanned::Line => ErasureError::Event { event_id, source: "its line cannot be read".into() },
        Unplanned::Event(source) => ErasureError::Event { event_id, source: Box::new(source) },
        Unplanned::Differs(sequence) => ErasureError::Differs { sequence },
    }
}

/// Reads the next rows of a scope; `None` at the end.
async fn page(
    store: &dyn DynAuditStore,
    scope: AuditScope,
    after: &mut Option<(chrono::DateTime<chrono::Utc>, EventId)>,
) -> Result<Option<Vec<AuditRow>>, ErasureError> {
    let order = AuditOrder::OldestFirst;
    let query = AuditQuery { order, after: *after, ..AuditQuery::new(scope, PAGE) };
    let rows = store.query(query).await.map_err(ErasureError::Store)?;
    let Some(last) = rows.last() else { return Ok(None) };
    *after = Some((last.at, last.event_id));
    Ok(Some(rows))
}

fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the id of an event, for an error.
fn id_of(body: &Bytes) -> EventId {
    record_of(body).map_or(NO_EVENT, |record| record.event_id())
}

pub(super) fn trimmed(body: &Bytes) -> Bytes {
    body.slice(..body.trim_ascii_end().len())
}

/// Lists the users an event names: its actor, and every field called so.
fn named(record: &AuditRecord) -> impl Iterator<Item = UserId> {
    let actor = match record.envelope.actor {
        Some(Actor::User(user_id)) => Some(user_id),
        _ => None,
    };
    let fields = record.envelope.payload.fields.iter();
    let fields = fields.filter(|(name, _)| name.ends_with("user_id")).filter_map(|(_, value)| match value {
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    actor.into_iter().chain(fields)
}
