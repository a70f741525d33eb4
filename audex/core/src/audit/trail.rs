use super::BrokerEvent;
use crate::Requester;
use axess_audit::{
    chain::{AuditKeys, CanonicalError, KeyError},
    log::{AuditLog, AuditLogConfig, LogError, NewEntry},
};
use axess_clock::Clock;
use axess_events::{Actor, AuthEventEnvelope};
use axess_identity::EventId;
use axess_rng::{SecureRng, random_array};
use std::{
    fmt, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of the link to the newest segment.
const LINK: &str = "audit.jsonl";

/// The files of the log's keys; of keys in a keyring, there is the last one.
const KEY_FILES: [&str; 3] = ["mac.key", "signing.key", "checkpoint.pub"];

/// Where evidence goes.
///
/// When this returns, the event is kept.
pub trait Trail: Send + Sync + fmt::Debug {
    /// Records an event.
    ///
    /// # Errors
    ///
    /// [`TrailError`]: nothing must happen that has not been recorded.
    fn record(&self, requester: &Requester, event: BrokerEvent) -> Result<(), TrailError>;
}

/// Says why an event could not be recorded.
///
/// ```
/// use audex_core::audit::TrailError;
/// let error = TrailError::Link(std::io::Error::other("read-only"));
/// assert_eq!(error.to_string(), "cannot point audit.jsonl at the newest segment of the audit log");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The log refused it.
    #[error("cannot write the audit log")]
    Log(#[from] LogError),
    /// The keys of the log cannot be had.
    #[error("cannot use the keys of the audit log")]
    Keys(#[from] KeyError),
    /// The event cannot be written down.
    #[error("cannot write the event down")]
    Event(#[from] CanonicalError),
    /// The log is gone, and its keys are there.
    #[error("there is no audit log in {}, though there are keys of one: it was removed", log.display())]
    NoLog {
        /// Where it was.
        log: PathBuf,
        /// Where its keys are, where they are in files, or the public one is.
        keys: Option<PathBuf>,
    },
    /// The link to the newest segment cannot be set.
    #[error("cannot point audit.jsonl at the newest segment of the audit log")]
    Link(#[source] io::Error),
}

/// Keeps evidence in a chained log on disk, shared by any number of processes.
///
/// `audit.jsonl` in its folder is a link to the segment that is written.
///
/// ```
/// use audex_core::{Requester, audit::{BrokerEvent, LogTrail, Trail}, session::SessionId};
/// use axess_clock::MockClock;
/// use axess_rng::MockRng;
/// use std::sync::Arc;
///
/// let data = tempfile::tempdir()?;
/// let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
/// let session_id = SessionId::generate(&*rng);
/// let trail = LogTrail::open(&data.path().join("audit"), &data.path().join("keys"), clock, rng)?;
/// let event = BrokerEvent::CredentialsFailed {
///     session_id,
///     access_key_id: None,
///     reason: "the role does not trust you".to_owned(),
/// };
/// trail.record(&Requester::LocalUser { uid: 1000, name: None }, event)?;
/// trail.close()?;
/// let text = std::fs::read_to_string(data.path().join("audit/audit.jsonl"))?;
/// assert!(text.contains("CredentialsFailed"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogTrail {
    log: AuditLog,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
}

impl LogTrail {
    /// Opens the log in `folder`, with the keys in `keys`; makes both where there is neither.
    ///
    /// # Errors
    ///
    /// [`TrailError`]; [`TrailError::NoLog`] where only the keys are there.
    pub fn open(
        folder: &Path,
        keys: &Path,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, TrailError> {
        Self::prepare(folder, keys, &*clock, &*rng)?;
        Self::with_keys(folder, AuditKeys::load_or_create(keys, &*rng)?, clock, rng)
    }

    /// Begins the log in `folder` where the folder `keys` has no keys of one yet, not even a public one.
    ///
    /// The log is made before its keys. So who is killed in between leaves nothing in the way; and where there are keys,
    /// there was a log, which is not made anew in silence when somebody removed it.
    ///
    /// # Errors
    ///
    /// [`TrailError::NoLog`] where there are keys and no log, or [`TrailError::Log`].
    pub fn prepare(
        folder: &Path,
        keys: &Path,
        clock: &dyn Clock,
        rng: &dyn SecureRng,
    ) -> Result<(), TrailError> {
        // Looked at before the log is: whoever makes them meanwhile has made the log.
        let has_keys = KEY_FILES.iter().any(|name| fs::symlink_metadata(keys.join(name)).is_ok());
        if !has_keys {
            return Ok(AuditLog::begin(folder, clock, rng)?);
        }
        match AuditLog::is_at(folder)? {
            true => Ok(()),
            false => Err(TrailError::NoLog { log: folder.to_owned(), keys: Some(keys.to_owned()) }),
        }
    }

    /// Opens the log in `folder` with keys that somebody else keeps.
    ///
    /// It must be there: see [`prepare`](Self::prepare).
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub fn with_keys(
        folder: &Path,
        keys: AuditKeys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, TrailError> {
        if !AuditLog::is_at(folder)? {
            return Err(TrailError::NoLog { log: folder.to_owned(), keys: None });
        }
        let log = AuditLog::open(AuditLogConfig::new(folder), keys, Arc::clone(&clock), Arc::clone(&rng))?;
        Ok(Self { log, clock, rng })
    }

    /// Returns the log.
    pub const fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Signs a last checkpoint and ends it.
    ///
    /// # Errors
    ///
    /// [`TrailError::Log`].
    pub fn close(&self) -> Result<(), TrailError> {
        Ok(self.log.close()?)
    }
}

/// Points `audit.jsonl` in the folder of a log at `segment`, or at a newer one that somebody else has begun.
///
/// A link that is newer is left alone, and one to nothing is replaced.
///
/// # Errors
///
/// What the file system says.
pub fn point_at(log: &AuditLog, mut segment: u64, rng: &dyn SecureRng) -> io::Result<()> {
    let exists = |number: u64| log.path().join(segment_name(number)).exists();
    let link = log.path().join(LINK);
    loop {
        while exists(segment + 1) {
            segment += 1;
        }
        // A link to nothing is left from a log that was here before.
        if pointed_at(&link).is_some_and(|current| current >= segment) && link.exists() {
            return Ok(());
        }
        // Put in place whole, so that a reader never finds none.
        let temporary = log.path().join(format!(".{LINK}.{}", u64::from_le_bytes(random_array(rng))));
        symlink(segment_name(segment), &temporary)?;
        fs::rename(&temporary, &link)?;
        // Who ended this segment meanwhile made the next one first: it is there now, or its link comes after ours.
        if !exists(segment + 1) {
            return Ok(());
        }
    }
}

fn segment_name(number: u64) -> String {
    format!("{number:012}.jsonl")
}

/// Returns the number of the segment that the link points at.
fn pointed_at(link: &Path) -> Option<u64> {
    fs::read_link(link).ok()?.to_str()?.strip_suffix(".jsonl")?.parse().ok()
}

impl Trail for LogTrail {
    fn record(&self, requester: &Requester, event: BrokerEvent) -> Result<(), TrailError> {
        let now = self.clock.now();
        let id = EventId::generate(now, &*self.rng);
        let envelope = AuthEventEnvelope::new(id, now, event)
            .with_actor(Actor::Operator(requester.to_string().as_str().into()));
        let positions = self.log.append(vec![NewEntry::of(&envelope)?])?;
        match positions.last() {
            Some(position) => point_at(&self.log, position.segment, &*self.rng).map_err(TrailError::Link),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_clock::MockClock;
    use axess_rng::MockRng;

    fn target(trail: &LogTrail) -> String {
        let link = trail.log.path().join("audit.jsonl");
        fs::read_link(link).unwrap().to_str().unwrap().to_owned()
    }

    fn open(data: &Path) -> Result<LogTrail, TrailError> {
        let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
        LogTrail::open(&data.join("audit"), &data.join("keys"), clock, rng)
    }

    #[test]
    fn a_log_that_was_removed_is_not_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("audit");
        open(data.path()).unwrap().close().unwrap();
        open(data.path()).unwrap().close().unwrap();
        // All of it, and all but its name.
        fs::rename(&folder, data.path().join("kept")).unwrap();
        for with_name in [false, true] {
            if with_name {
                fs::create_dir(&folder).unwrap();
                fs::copy(data.path().join("kept/log.json"), folder.join("log.json")).unwrap();
            }
            for left in [KEY_FILES.as_slice(), &KEY_FILES[..1], &KEY_FILES[2..]] {
                let other = tempfile::tempdir().unwrap();
                fs::create_dir(other.path().join("keys")).unwrap();
                for name in left {
                    let from = data.path().join("keys").join(name);
                    fs::copy(from, other.path().join("keys").join(name)).unwrap();
                }
                assert!(matches!(open(other.path()), Err(TrailError::NoLog { keys: Some(_), .. })));
                assert!(!other.path().join("audit").exists());
            }
            assert!(matches!(open(data.path()), Err(TrailError::NoLog { .. })));
            let keys = AuditKeys::load(&data.path().join("keys")).unwrap();
            let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
            let opened = LogTrail::with_keys(&folder, keys, clock, rng);
            assert!(matches!(opened, Err(TrailError::NoLog { keys: None, .. })));
            assert_eq!(folder.exists(), with_name, "nothing was made");
        }
        fs::remove_dir_all(&folder).unwrap();
        fs::rename(data.path().join("kept"), &folder).unwrap();
        open(data.path()).unwrap();
    }

    #[test]
    fn who_is_killed_at_the_first_start_leaves_nothing_in_the_way() {
        let data = tempfile::tempdir().unwrap();
        let (folder, keys) = (data.path().join("audit"), data.path().join("keys"));
        LogTrail::prepare(&folder, &keys, &MockClock::default(), &MockRng::new(1)).unwrap();
        assert!(AuditLog::is_at(&folder).unwrap() && !keys.exists());
        // Among the keys, too.
        let _ = AuditKeys::load_or_create(&keys, &MockRng::new(2)).unwrap();
        for name in ["checkpoint.pub", "signing.key"] {
            fs::remove_file(keys.join(name)).unwrap();
        }
        open(data.path()).unwrap().close().unwrap();
    }

    /// One writes to a segment, another ends it and begins the next, and then the first one sets its link.
    #[test]
    fn the_link_only_moves_forward() {
        let data = tempfile::tempdir().unwrap();
        let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
        let folder = data.path().join("audit");
        let trail = LogTrail::open(&folder, &data.path().join("keys"), clock, rng).unwrap();
        let segments = [trail.log.path().join(segment_name(1)), trail.log.path().join(segment_name(2))];
        assert!(segments[0].exists() && !segments[1].exists());
        point_at(&trail.log, 1, &*trail.rng).unwrap();
        assert_eq!(target(&trail), segment_name(1));
        fs::write(&segments[1], "").unwrap();
        // It has no link yet: whoever comes first sets it.
        point_at(&trail.log, 1, &*trail.rng).unwrap();
        assert_eq!(target(&trail), segment_name(2));
        point_at(&trail.log, 1, &*trail.rng).unwrap();
        assert_eq!(target(&trail), segment_name(2));
        // What is left of a log that is gone does not stay.
        fs::remove_file(&segments[1]).unwrap();
        point_at(&trail.log, 1, &*trail.rng).unwrap();
        assert_eq!(target(&trail), segment_name(1));
        let others = fs::read_dir(&folder).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".audit.jsonl")
        });
        assert_eq!(others.count(), 0);
    }
}
