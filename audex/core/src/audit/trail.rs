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
    /// Opens the log in `folder`, with the keys in `keys`; makes what is not there.
    ///
    /// # Errors
    ///
    /// [`TrailError`].
    pub fn open(
        folder: &Path,
        keys: &Path,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, TrailError> {
        Self::with_keys(folder, AuditKeys::load_or_create(keys, &*rng)?, clock, rng)
    }

    /// Opens the log in `folder` with keys that somebody else keeps.
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

    /// Points `audit.jsonl` at the segment that is written, of which somebody else may know a newer one.
    fn point(&self, mut segment: u64) -> io::Result<()> {
        let link = self.log.path().join("audit.jsonl");
        loop {
            while self.segment(segment + 1).exists() {
                segment += 1;
            }
            // A link to nothing is left from a log that was here before.
            if pointed_at(&link).is_some_and(|current| current >= segment) && link.exists() {
                return Ok(());
            }
            // Put in place whole, so that a reader never finds none.
            let temporary = self
                .log
                .path()
                .join(format!(".audit.jsonl.{}", u64::from_le_bytes(random_array(&*self.rng))));
            symlink(segment_name(segment), &temporary)?;
            fs::rename(&temporary, &link)?;
            // Who ended this segment meanwhile made the next one first: it is there now, or its link comes after ours.
            if !self.segment(segment + 1).exists() {
                return Ok(());
            }
        }
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.log.path().join(segment_name(number))
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
            Some(position) => self.point(position.segment).map_err(TrailError::Link),
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

    /// One writes to a segment, another ends it and begins the next, and then the first one sets its link.
    #[test]
    fn the_link_only_moves_forward() {
        let data = tempfile::tempdir().unwrap();
        let (clock, rng) = (Arc::new(MockClock::default()), Arc::new(MockRng::new(1)));
        let folder = data.path().join("audit");
        let trail = LogTrail::open(&folder, &data.path().join("keys"), clock, rng).unwrap();
        let segments = [trail.log.path().join(segment_name(1)), trail.segment(2)];
        assert!(segments[0].exists() && !segments[1].exists());
        trail.point(1).unwrap();
        assert_eq!(target(&trail), segment_name(1));
        fs::write(&segments[1], "").unwrap();
        // It has no link yet: whoever comes first sets it.
        trail.point(1).unwrap();
        assert_eq!(target(&trail), segment_name(2));
        trail.point(1).unwrap();
        assert_eq!(target(&trail), segment_name(2));
        // What is left of a log that is gone does not stay.
        fs::remove_file(&segments[1]).unwrap();
        trail.point(1).unwrap();
        assert_eq!(target(&trail), segment_name(1));
        let others = fs::read_dir(&folder).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".audit.jsonl")
        });
        assert_eq!(others.count(), 0);
    }
}
