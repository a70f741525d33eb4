//! What is done now and then: old events go, and `audit.jsonl` points at the newest segment.

use super::{Copied, EvidenceError, SEARCH};
use crate::settings::ServerSettings;
use audex_core::audit::point_at;
use axess::{
    audit::{
        Emitter,
        archive::FilesystemAuditArchiver,
        chain::AuditSigningKey,
        log::{AuditLog, LogError},
        pipe::AuditPipe,
        retention::{AuditRetentionLoop, AuditRetentionPolicy, LogRetention, RetentionHandle},
    },
    backends::memory,
    clock::Clock,
    rng::SecureRng,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How often it is looked whether a segment was ended.
const LINK_EVERY: Duration = Duration::from_secs(1);

/// How many looks there are in a day, and at which of them the segment is ended.
const LOOKS_A_DAY: u64 = 24 * 3_600;
const FIRST_END: u64 = 30;

/// What the deletion of old events goes by.
struct Rounds {
    keep: Duration,
    policy: AuditRetentionPolicy,
    archive: FilesystemAuditArchiver,
    emitter: Emitter,
}

/// Begins to delete what is older than it is kept; nothing to do where everything is kept.
///
/// What leaves the database is in the archive beside the log for two days more, so that a clock that is wrong loses nothing at
/// once. The log loses whole segments, and still verifies.
pub(super) fn retention(
    settings: &ServerSettings,
    log: &AuditLog,
    copy: Option<&Copied>,
    pipe: &AuditPipe,
    key: AuditSigningKey,
    injected: (Arc<dyn Clock>, Arc<dyn SecureRng>),
) -> Result<Option<RetentionHandle>, EvidenceError> {
    let Some(rounds) = rounds(settings, pipe, key, injected)? else { return Ok(None) };
    let Rounds { keep, policy, archive, emitter } = rounds;
    Ok(Some(match copy {
        Some(copy) => {
            let retire = LogRetention::for_sinks(log.clone(), keep, [SEARCH]);
            AuditRetentionLoop::new(copy.events.clone(), archive, policy, emitter)?.with_log(retire).run()
        }
        None => {
            let nothing = memory::AuditStore::new();
            AuditRetentionLoop::new(nothing, archive, policy, emitter)?.with_log(of_log(log, keep)).run()
        }
    }))
}

fn rounds(
    settings: &ServerSettings,
    pipe: &AuditPipe,
    key: AuditSigningKey,
    (clock, rng): (Arc<dyn Clock>, Arc<dyn SecureRng>),
) -> Result<Option<Rounds>, EvidenceError> {
    let Some(days) = settings.audit.retention_days else { return Ok(None) };
    let keep = DAY.saturating_mul(days);
    let policy = AuditRetentionPolicy {
        archive_after: keep,
        purge_hot_after_archive: Duration::ZERO,
        delete_archive_after: Some(keep.saturating_add(DAY).saturating_add(DAY)),
    };
    let archive = FilesystemAuditArchiver::open(settings.data.join("audit-archive"), key, &[]);
    let archive = archive.map_err(|error| EvidenceError::Retention(error.into()))?;
    let emitter = Emitter::new(Arc::new(pipe.clone())).with_clock(clock).with_rng(rng);
    Ok(Some(Rounds { keep, policy, archive, emitter }))
}

/// Keeps a log that nobody reads but those who search it.
fn of_log(log: &AuditLog, keep: Duration) -> LogRetention {
    let end = log.clone();
    LogRetention::new(log.clone(), keep, Arc::new(move || end.end().ok()))
}

/// Keeps the link to the newest segment.
pub(super) struct Link {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Link {
    /// Sets the link now and then. Where events are not kept for ever, segments end daily, so that they can go as a whole.
    pub(super) fn keep(log: AuditLog, rng: Arc<dyn SecureRng>, ends_segments: bool) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            for look in 0_u64.. {
                let (log, rng) = (log.clone(), Arc::clone(&rng));
                let is_day_over = ends_segments && look % LOOKS_A_DAY == FIRST_END;
                let pointed = tokio::task::spawn_blocking(move || {
                    if is_day_over {
                        end_segment(&log).map_err(io::Error::other)?;
                    }
                    point(&log, &*rng)
                });
                let pointed = pointed.await;
                if let Ok(Err(error)) = pointed {
                    tracing::warn!(%error, "audit.jsonl does not point at the newest segment of the audit log");
                }
                tokio::select! {
                    () = tokio::time::sleep(LINK_EVERY) => {}
                    _ = stopped.changed() => return,
                }
            }
        });
        Self { stop, task: Mutex::new(Some(task)) }
    }

    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            // One that panicked has nothing left to wait for.
            let _ = task.await;
        }
    }
}

/// Stops a rewriting of the log once it has ended the segment: nothing is to be rewritten.
enum Ended {
    Ended,
    Failed(LogError),
}

impl From<LogError> for Ended {
    fn from(error: LogError) -> Self {
        Self::Failed(error)
    }
}

/// Ends the segment that is written, unless it is empty.
fn end_segment(log: &AuditLog) -> Result<(), LogError> {
    match log.rewrite(|_| Err::<Option<Vec<u8>>, _>(Ended::Ended)) {
        Err(Ended::Failed(error)) => Err(error),
        Ok(_) | Err(Ended::Ended) => Ok(()),
    }
}

fn point(log: &AuditLog, rng: &dyn SecureRng) -> io::Result<()> {
    let end = log.end().map_err(io::Error::other)?;
    point_at(log, end.segment, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess::{
        audit::{
            AuditRecord, AuthEvent, AuthEventEnvelope,
            account::PasswordChanged,
            chain::AuditKeys,
            log::{AuditLogConfig, NewEntry},
            pipe::{AuditPipeConfig, BufferStrategy},
        },
        backends::memory::AuditStore,
        clock::MockClock,
        identity::{EventId, UserId},
        rng::{MockRng, SystemRng},
        store::{AuditQuery, AuditRow, AuditScope, AuditStore as _},
    };
    use chrono::{DateTime, TimeDelta, Utc};

    fn event(at: DateTime<Utc>) -> AuthEventEnvelope<AuthEvent> {
        let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [7; 10]) });
        AuthEventEnvelope::new(EventId::generate(at, &SystemRng), at, event)
    }

    /// The sink of the retention's own events.
    async fn sink(log: AuditLog, clock: &Arc<MockClock>) -> AuditPipe {
        let config = AuditPipeConfig::new(BufferStrategy::FsBacked { log });
        AuditPipe::start(config, clock.clone(), Arc::new(SystemRng)).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_older_than_it_is_kept_goes() {
        let folder = tempfile::tempdir().unwrap();
        let begin = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let clock = Arc::new(MockClock::new(begin));
        let keys = AuditKeys::generate(&MockRng::new(1));
        let config = AuditLogConfig::new(folder.path().join("log"));
        let log = AuditLog::open(config, keys.clone(), clock.clone(), Arc::new(SystemRng)).unwrap();
        let store = AuditStore::new();
        for day in [0, 20] {
            let event = event(begin + TimeDelta::days(day));
            let entry = NewEntry::of(&event).unwrap();
            let record = AuditRecord::from_event(entry.event.clone()).unwrap();
            let row = AuditRow {
                event_id: record.event_id(),
                tenant_id: None,
                user_id: None,
                event_type: "PasswordChanged".to_owned(),
                at: record.occurred_at(),
                body: entry.event.clone(),
            };
            store.append(vec![row]).await.unwrap();
            log.append(vec![entry]).unwrap();
            end_segment(&log).unwrap();
            end_segment(&log).unwrap();
        }
        assert_eq!(log.segments().unwrap().len(), 3);
        let pipe = sink(log.clone(), &clock).await;
        let mut settings = ServerSettings::new(folder.path());
        settings.audit.retention_days = Some(10);
        let injected = (clock.clone() as Arc<dyn Clock>, Arc::new(SystemRng) as Arc<dyn SecureRng>);
        let rounds = rounds(&settings, &pipe, keys.signing, injected).unwrap().unwrap();
        let Rounds { keep, policy, archive, emitter } = rounds;
        let rounds = AuditRetentionLoop::new(store.clone(), archive, policy, emitter).unwrap();
        let rounds = rounds.with_log(of_log(&log, keep));
        clock.jump(TimeDelta::days(21));
        for _ in 0..2 {
            let report = rounds.run_once().await.unwrap();
            assert!(report.failures.is_empty(), "{report:?}");
        }
        let left = store.query(AuditQuery::new(AuditScope::System, 10)).await.unwrap();
        assert_eq!(left.iter().map(|row| row.at).collect::<Vec<_>>(), [begin + TimeDelta::days(20)]);
        assert_eq!(log.segments().unwrap().first().unwrap().segment, 2);
    }
}
