//! What is done now and then: old events go, and `audit.jsonl` points at the newest segment.

use super::{Copied, EvidenceError, SEARCH, blocking};
use crate::settings::ServerSettings;
use audex_core::audit::point_at;
use axess::{
    audit::{
        Emitter,
        archive::{ArchiveError, FilesystemAuditArchiver},
        chain::AuditSigningKey,
        log::{AuditLog, LogError},
        pipe::AuditPipe,
        retention::{AuditRetentionLoop, AuditRetentionPolicy, LogRetention, RetentionReport},
    },
    backends::{memory, sqlite::AuditStore},
    clock::Clock,
    rng::{SecureRng, random_below},
};
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long after the start old events go for the first time, and how far apart servers that start at once begin.
const FIRST: Duration = Duration::from_secs(60);
const APART: Duration = Duration::from_secs(60);

/// How often it is looked whether a segment was ended.
const LINK_EVERY: Duration = Duration::from_secs(1);

/// What the deletion of old events goes by.
struct Rounds {
    keep: Duration,
    policy: AuditRetentionPolicy,
    archive: FilesystemAuditArchiver,
    emitter: Emitter,
}

/// Deletes what is older than it is kept.
///
/// What leaves the database is in the archive beside the log for two days more, so that a clock that is wrong loses nothing at
/// once. The log loses whole segments, and still verifies.
pub(super) struct Retention {
    log: AuditLog,
    rounds: Kept,
}

/// Where events are, beside the log.
enum Kept {
    Copied(AuditRetentionLoop<AuditStore, FilesystemAuditArchiver>),
    Nowhere(AuditRetentionLoop<memory::AuditStore, FilesystemAuditArchiver>),
}

impl Retention {
    /// Reads the settings; nothing where everything is kept.
    pub(super) fn new(
        settings: &ServerSettings,
        log: &AuditLog,
        copy: Option<&Copied>,
        pipe: &AuditPipe,
        key: AuditSigningKey,
        injected: (Arc<dyn Clock>, Arc<dyn SecureRng>),
    ) -> Result<Option<Self>, EvidenceError> {
        let Some(rounds) = rounds(settings, pipe, key, injected)? else { return Ok(None) };
        let Rounds { keep, policy, archive, emitter } = rounds;
        let rounds = match copy {
            Some(copy) => {
                let retire = LogRetention::for_sinks(log.clone(), keep, [SEARCH]);
                let rounds = AuditRetentionLoop::new(copy.events.clone(), archive, policy, emitter)?;
                Kept::Copied(rounds.with_log(retire))
            }
            None => {
                let nothing = memory::AuditStore::new();
                let rounds = AuditRetentionLoop::new(nothing, archive, policy, emitter)?;
                Kept::Nowhere(rounds.with_log(of_log(log, keep)))
            }
        };
        Ok(Some(Self { log: log.clone(), rounds }))
    }

    /// Ends the segment, so that it can go as a whole when it is old, and deletes what is. Cut off, the next one goes on.
    pub(super) async fn round(&self) -> Result<RetentionReport, EvidenceError> {
        let log = self.log.clone();
        blocking(move || Ok(end_segment(&log)?)).await?;
        Ok(match &self.rounds {
            Kept::Copied(rounds) => rounds.run_once().await?,
            Kept::Nowhere(rounds) => rounds.run_once().await?,
        })
    }
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
    let folder = settings.data.join("audit-archive");
    let archive = FilesystemAuditArchiver::open(folder.clone(), key, &[]).map_err(|error| match error {
        ArchiveError::InUse => EvidenceError::Retained { archive: folder },
        error => EvidenceError::Retention(error.into()),
    })?;
    let emitter = Emitter::new(Arc::new(pipe.clone())).with_clock(clock).with_rng(rng);
    Ok(Some(Rounds { keep, policy, archive, emitter }))
}

/// Keeps a log that nobody reads but those who search it.
fn of_log(log: &AuditLog, keep: Duration) -> LogRetention {
    let end = log.clone();
    LogRetention::new(log.clone(), keep, Arc::new(move || end.end().ok()))
}

/// Something that is done again and again until it is stopped.
pub(super) struct Chore {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Chore {
    /// Keeps the link to the newest segment.
    pub(super) fn link(log: AuditLog, rng: Arc<dyn SecureRng>) -> Self {
        Self::every(Duration::ZERO, LINK_EVERY, move || {
            let (log, rng) = (log.clone(), Arc::clone(&rng));
            async move {
                let pointed = tokio::task::spawn_blocking(move || point(&log, &*rng));
                if let Ok(Err(error)) = pointed.await {
                    tracing::warn!(%error, "audit.jsonl does not point at the newest segment of the audit log");
                }
            }
        })
    }

    /// Deletes daily what is older than it is kept.
    pub(super) fn retention(retention: Arc<Retention>, rng: &dyn SecureRng) -> Self {
        let apart = random_below(rng, u64::try_from(APART.as_millis()).unwrap_or(1));
        Self::every(FIRST + Duration::from_millis(apart), DAY, move || {
            let retention = Arc::clone(&retention);
            async move {
                match retention.round().await {
                    Ok(done) => tracing::info!(
                        archived = done.archived,
                        deleted_hot = done.deleted_hot,
                        deleted_archive = done.deleted_archive,
                        retired_segments = done.retired_segments,
                        failures = done.failures.len(),
                        "old audit events were deleted"
                    ),
                    Err(error) => {
                        tracing::error!(error = &error as &dyn Error, "old audit events were not deleted");
                    }
                }
            }
        })
    }

    fn every<F: Future<Output = ()> + Send>(
        first: Duration,
        pause: Duration,
        chore: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let again = async {
                tokio::time::sleep(first).await;
                loop {
                    chore().await;
                    tokio::time::sleep(pause).await;
                }
            };
            // Told to, or nobody is left to tell it: what is under way is cut off.
            tokio::select! {
                () = again => {}
                _ = stopped.changed() => {}
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
        let rounds = || super::rounds(&settings, &pipe, keys.signing.clone(), injected.clone());
        let (first, second) = (rounds(), rounds());
        let said = second.err().unwrap().to_string();
        assert!(said.contains("give each a folder of its own"), "{said}");
        let rounds = first.unwrap().unwrap();
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
