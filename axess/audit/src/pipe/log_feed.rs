use super::{
    PipeError,
    feed::{Ask, Feed, Page, Progress, chain_of},
    folder,
    gate::Gate,
};
use crate::log::{AuditLog, LogDepth, LogEntry, LogError, LogPosition, NewEntry};
use axess_events::{AuthEvent, AuthEventEnvelope};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// How many bytes of events are read at once.
const READ_BYTES: usize = 4 * 1_024 * 1_024;

/// How often it is tried to count what waits between two new events.
const COUNTS: usize = 4;

/// Reads events from the log; each sink has a cursor file beside it.
pub(super) struct LogFeed {
    log: AuditLog,
    folder: PathBuf,
    names: Vec<String>,
    gate: Arc<Gate>,
    news: watch::Sender<u64>,
    /// Whether nothing more comes from a database.
    is_complete: AtomicBool,
}

/// Returns how far a sink has come in the log in `folder`; `None` while it has taken nothing.
///
/// What lies before the least of all sinks is not needed for delivery any more.
///
/// ```
/// use axess_audit::pipe::cursor_of;
/// let folder = std::env::temp_dir().join("no-such-log");
/// assert_eq!(cursor_of(&folder, "siem").unwrap(), None);
/// ```
///
/// # Errors
///
/// [`PipeError::File`] when the cursor cannot be read.
pub fn cursor_of(folder: &Path, sink: &str) -> Result<Option<LogPosition>, PipeError> {
    let path = cursor_path(folder, sink);
    let Some(bytes) = folder::read(&path)? else { return Ok(None) };
    let progress: Progress<LogPosition> = parse(&path, &bytes)?;
    Ok(Some(progress.lanes.iter().map(|lane| lane.at).fold(progress.at, LogPosition::min)))
}

fn cursor_path(folder: &Path, sink: &str) -> PathBuf {
    folder.join("cursors").join(format!("{sink}.json"))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Progress<LogPosition>, PipeError> {
    serde_json::from_slice(bytes).map_err(|error| PipeError::file(path)(std::io::Error::other(error)))
}

impl LogFeed {
    pub(super) fn new(
        log: AuditLog,
        folder: &Path,
        names: &[String],
        gate: Arc<Gate>,
        is_complete: bool,
    ) -> Result<Self, PipeError> {
        folder::create(&folder.join("cursors"))?;
        Ok(Self {
            log,
            folder: folder.to_owned(),
            names: names.to_vec(),
            gate,
            news: watch::Sender::new(0),
            is_complete: AtomicBool::new(is_complete),
        })
    }

    pub(super) fn log(&self) -> &AuditLog {
        &self.log
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells the workers that there is something new.
    pub(super) fn announce(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// Tells the workers that nothing follows.
    pub(super) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
        self.announce();
    }

    /// Counts what waits for the sinks of another process.
    pub(super) async fn count_all(&self) -> Result<(), PipeError> {
        for sink in 0..self.names.len() {
            let progress = self.load(sink).await?;
            self.count(sink, &progress).await?;
        }
        Ok(())
    }

    fn cursor(&self, sink: usize) -> PathBuf {
        cursor_path(&self.folder, self.names.get(sink).map_or("", String::as_str))
    }
}

impl Feed for LogFeed {
    type Place = LogPosition;

    const SHEDS_BY_CURSOR: bool = true;

    async fn load(&self, sink: usize) -> Result<Progress<LogPosition>, PipeError> {
        let path = self.cursor(sink);
        match folder::read(&path)? {
            Some(bytes) => parse(&path, &bytes),
            None => Ok(Progress::new(LogPosition::default())),
        }
    }

    async fn read(&self, _: usize, ask: Ask<LogPosition>) -> Result<Page<LogPosition>, PipeError> {
        let (log, after, max) = (self.log.clone(), ask.after, ask.max);
        let entries = folder::blocking(move || read(&log, after, max)).await?;
        let mut page = Page::default();
        for entry in entries {
            if ask.until.is_some_and(|until| entry.position > until) {
                break;
            }
            page.end = Some(entry.position);
            let chain = chain_of(&entry.record);
            if ask.wants(chain) {
                page.places.push(entry.position);
                page.records.push(entry.record);
            } else {
                page.skipped.push((entry.position, chain));
            }
        }
        Ok(page)
    }

    async fn save(
        &self,
        sink: usize,
        progress: &Progress<LogPosition>,
        settled: u64,
    ) -> Result<(), PipeError> {
        self.gate.leave(sink, settled);
        let path = self.cursor(sink);
        let text = serde_json::to_vec(progress).map_err(PipeError::NotAnEvent)?;
        let log = self.log.clone();
        let keep = move || {
            // After a power cut the cursor must not be ahead of the log.
            log.sync_acknowledged().map_err(PipeError::Log)?;
            folder::replace(&path, |file| file.write_all(&text))
        };
        folder::blocking(keep).await
    }

    async fn count(&self, sink: usize, progress: &Progress<LogPosition>) -> Result<(), PipeError> {
        let (mut mark, mut depth) = (0, 0);
        for _ in 0..COUNTS {
            let (log, at) = (self.log.clone(), progress.at);
            mark = self.gate.mark();
            let after = folder::blocking(move || depth_after(&log, at)).await?;
            depth = after.entries.saturating_add(progress.in_lanes());
            if self.gate.set_depth_since(mark, sink, depth) {
                return Ok(());
            }
        }
        // Events come faster than they can be counted; what is a little wrong is put right by the next count.
        self.gate.set_depth_near(mark, sink, depth);
        Ok(())
    }

    async fn note(&self, event: AuthEventEnvelope<AuthEvent>) -> Result<(), PipeError> {
        let entry = NewEntry::of(&event).map_err(PipeError::Event)?;
        let (log, entering) = (self.log.clone(), self.gate.enter_own());
        let append = move || log.append_once(vec![entry]).map_err(PipeError::Log);
        if folder::blocking(append).await?.iter().any(Option::is_some) {
            entering.into_buffer();
        }
        self.announce();
        Ok(())
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }
}

/// Reads on, and over what retention has deleted: those events are gone, and waiting for them would be for ever.
fn read(log: &AuditLog, after: LogPosition, max: usize) -> Result<Vec<LogEntry>, PipeError> {
    match log.read(after, max, READ_BYTES) {
        Err(LogError::Retired { first }) => {
            tracing::error!(?after, ?first, "events were deleted from the log before a sink had them");
            log.read(first, max, READ_BYTES).map_err(PipeError::Log)
        }
        read => read.map_err(PipeError::Log),
    }
}

fn depth_after(log: &AuditLog, at: LogPosition) -> Result<LogDepth, PipeError> {
    match log.depth_after(at) {
        Err(LogError::Retired { first }) => log.depth_after(first).map_err(PipeError::Log),
        depth => depth.map_err(PipeError::Log),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::AuditKeys,
        log::{AuditLogConfig, FsyncPolicy},
        pipe::BufferFullPolicy,
    };
    use axess_clock::MockClock;
    use axess_events::account::PasswordChanged;
    use axess_identity::{EventId, UserId};
    use axess_rng::MockRng;
    use std::time::Duration;

    #[tokio::test]
    async fn a_cursor_is_never_ahead_of_what_the_disk_has() {
        let folder = tempfile::tempdir().unwrap();
        let keys = AuditKeys::generate(&MockRng::new(1));
        let settings = AuditLogConfig { fsync: FsyncPolicy::Never, ..AuditLogConfig::new(folder.path()) };
        let log = AuditLog::open(settings, keys, Arc::new(MockClock::default()), Arc::new(MockRng::new(2)))
            .unwrap();
        let gate = Arc::new(Gate::new(BufferFullPolicy::Block, 9, 9, Duration::ZERO, 1));
        let feed = LogFeed::new(log.clone(), folder.path(), &["s".to_owned()], gate, true).unwrap();
        let event = AuthEvent::from(PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) });
        let id = EventId::from_parts(0, [2; 10]);
        feed.note(AuthEventEnvelope::new(id, chrono::DateTime::UNIX_EPOCH, event)).await.unwrap();
        assert!(log.unforced().unwrap() > 0);
        feed.save(0, &Progress::new(log.end().unwrap()), 1).await.unwrap();
        assert_eq!(log.unforced().unwrap(), 0);
    }
}
