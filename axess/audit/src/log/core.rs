//! What the clones of a handle, and its threads, share.

use super::{
    AuditLog, AuditLogConfig, FsyncPolicy, LogError, disk,
    folder::{Folder, Mark},
    hints::Hints,
    queue::Queue,
    segment,
    state::State,
};
use crate::chain::{AuditKeys, CHECKPOINTS_FILE, Heads, LogId};
use axess_clock::Clock;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A log that is open.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: AuditLogConfig,
    pub(super) folder: Folder,
    pub(super) id: LogId,
    pub(super) keys: AuditKeys,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn SecureRng>,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) queue: Queue,
    pub(super) hints: Hints,
    /// None while it must be read from the disk again.
    state: Mutex<Option<State>>,
    /// What was found to be wrong with the files while they were open; only opening them again helps.
    broken: Mutex<Option<LogError>>,
    closed: AtomicBool,
}

impl Core {
    pub(super) fn open(
        config: AuditLogConfig,
        keys: AuditKeys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRng>,
    ) -> Result<Self, LogError> {
        let folder = Folder::open(&config.path)?;
        let opened_at = clock.now();
        let id = {
            let _locked = folder.lock()?;
            folder.clear()?;
            folder.identify(segment::log_of(&folder)?, opened_at, &rng)?
        };
        let queue = Queue::new(config.max_waiting.max(1));
        let core = Self {
            config,
            folder,
            id,
            keys,
            clock,
            rng,
            opened_at,
            queue,
            hints: Hints::default(),
            state: Mutex::new(None),
            broken: Mutex::new(None),
            closed: AtomicBool::new(false),
        };
        core.exclusive(|_| Ok(()))?;
        Ok(core)
    }

    /// Runs `act` while nobody else changes the log, on what is true by then.
    ///
    /// `act` leaves the state true when it fails, too.
    pub(super) fn exclusive<T>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut slot = lock(&self.state);
        if let Some(error) = lock(&self.broken).clone() {
            return Err(error);
        }
        let _locked = self.folder.lock()?;
        // Whatever goes wrong before the state is put back, the next one reads it from the disk.
        let state = slot.take().map_or_else(|| self.load(None), Ok);
        let caught_up = state.and_then(|mut state| self.catch_up(&mut state).map(|()| state));
        let mut state = match caught_up {
            Ok(state) => state,
            Err(error) => {
                self.refuse_from_now_on(&error);
                return Err(error);
            }
        };
        let result = act(&mut state);
        *slot = Some(state);
        result
    }

    /// Does nothing more after an error that does not pass by itself.
    pub(super) fn refuse_from_now_on(&self, error: &LogError) {
        if !error.is_transient() {
            *lock(&self.broken) = Some(error.clone());
        }
    }

    /// Returns how far the log may be read.
    pub(super) fn readable(&self) -> Result<Mark, LogError> {
        match self.folder.published()? {
            Some(mark) => Ok(mark),
            None => self.exclusive(|state| {
                self.folder.publish(state.mark())?;
                Ok(state.mark())
            }),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Takes no more entries.
    pub(super) fn begin_close(&self) {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
    }

    /// Forces to the disk what was written without that.
    ///
    /// The entries are written on meanwhile.
    pub(super) fn sync_behind(&self) -> Result<(), LogError> {
        let (file, path, number, bytes) = {
            let slot = lock(&self.state);
            let Some(state) = slot.as_ref().filter(|state| state.synced < state.bytes) else {
                return Ok(());
            };
            let path = state.segment.path.clone();
            // A file of its own: on a shared one, what the disk refuses would be said to only one of the two who ask.
            let file = disk::open_existing(&path).or_else(|_| state.segment.file.try_clone());
            let file = file.map_err(LogError::io("open", &path))?;
            (file, path, state.segment.number, state.bytes)
        };
        let result = disk::sync(&file);
        let mut slot = lock(&self.state);
        if let Some(state) = slot.as_mut().filter(|state| state.segment.number == number) {
            match &result {
                Ok(()) if !state.sync_failed => state.synced = state.synced.max(bytes),
                Ok(()) => {}
                Err(_) => state.sync_failed = true,
            }
        }
        result.map_err(LogError::io("force to disk", &path))
    }

    /// Returns how often a thread of its own forces entries to the disk.
    pub(super) fn sync_period(&self) -> Option<std::time::Duration> {
        match self.config.fsync {
            FsyncPolicy::Every(period) => Some(period),
            FsyncPolicy::Always | FsyncPolicy::Never => None,
        }
    }
}

impl AuditLog {
    /// Tells whether a folder holds a log: a segment of it at least.
    ///
    /// # Errors
    ///
    /// What the operating system refuses.
    pub fn is_at(path: &Path) -> Result<bool, LogError> {
        Folder::has_segments(path)
    }

    /// Begins a log in a folder where there is none, without its keys; does nothing where there is one.
    ///
    /// Whoever makes the keys only afterwards knows, from then on, that there was a log where there are keys.
    ///
    /// # Errors
    ///
    /// [`LogError::Damaged`], or what the operating system refuses.
    pub fn begin(
        path: &Path,
        clock: &(impl Clock + ?Sized),
        rng: &(impl SecureRng + ?Sized),
    ) -> Result<(), LogError> {
        let folder = Folder::open(path)?;
        let _locked = folder.lock()?;
        folder.clear()?;
        let id = folder.identify(segment::log_of(&folder)?, clock.now(), rng)?;
        let is_new = folder.segments()?.is_empty() && !folder.join(CHECKPOINTS_FILE).exists();
        if is_new {
            segment::Segment::create(&folder, 1, &Heads::new(id).begin_segment(1), &[])?;
        }
        Ok(())
    }

    /// Forces to the disk what was acknowledged and is not there yet: nothing under [`FsyncPolicy::Always`].
    pub(crate) fn sync_acknowledged(&self) -> Result<(), LogError> {
        let core = &self.0.core;
        if core.config.fsync == FsyncPolicy::Always {
            return Ok(());
        }
        core.exclusive(|state| match state.synced < state.bytes || state.sync_failed {
            true => core.force(state),
            false => Ok(()),
        })
    }

    /// Makes the log believe that it has as many chains as it can hold.
    #[cfg(test)]
    pub(crate) fn fill_chains(&self) -> Result<(), LogError> {
        self.0.core.exclusive(|state| {
            state.chains = super::MAX_CHAINS;
            Ok(())
        })
    }

    /// Returns how many bytes were written and not forced to the disk.
    #[cfg(test)]
    pub(crate) fn unforced(&self) -> Result<u64, LogError> {
        self.0.core.exclusive(|state| Ok(state.bytes - state.synced))
    }
}

/// Locks a mutex; a panic of another holder leaves nothing behind that is half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
