mod files;
#[cfg(test)]
mod tests;

use super::{ParseSessionIdError, SessionId, SessionRecord};
use files::{failed, ids_in, is_still_at, read, read_limited, write_synced};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How many characters of an id a person has to type.
const MIN_PREFIX: usize = 4;

/// The folder in the sessions' folder that has a file for each session that is not over.
const LIVE: &str = ".live";

/// How often a new session is tried to be held.
const NEW_LOOKS: usize = 1_000;

/// How long apart.
const NEW_WAIT: Duration = Duration::from_millis(1);

/// How long a reason may be, in characters.
const MAX_REASON: usize = 512;

/// Keeps session records: `<id>.json` in one folder, each written whole.
///
/// A session that is not over also has a file in `.live`, which whoever keeps the session holds locked; the operating
/// system lets go of it when that process ends, however it ends. So nothing has to be scanned but what is live.
///
/// A record has one writer: whoever holds its [`SessionGuard`].
///
/// ```
/// use audex_core::session::SessionFolder;
/// let data = tempfile::tempdir().unwrap();
/// let sessions = SessionFolder::open(data.path())?;
/// assert_eq!(sessions.recent(20)?.0.len(), 0);
/// # Ok::<(), audex_core::session::SessionStoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SessionFolder {
    folder: PathBuf,
}

/// Holds a session: while it lives, no other process changes the record or takes the session for abandoned.
///
/// ```
/// use audex_core::session::{SessionFolder, SessionId};
/// let data = tempfile::tempdir().unwrap();
/// let sessions = SessionFolder::open(data.path())?;
/// let id = SessionId::generate(&axess_rng::MockRng::new(1));
/// let guard = sessions.take(id)?.unwrap();
/// assert!(sessions.take(id)?.is_none());
/// drop(guard);
/// assert!(sessions.take(id)?.is_some());
/// # Ok::<(), audex_core::session::SessionStoreError>(())
/// ```
#[derive(Debug)]
pub struct SessionGuard {
    id: SessionId,
    // Locked; the lock goes with it.
    _file: File,
}

/// Says which records could not be read.
///
/// ```
/// let unreadable = audex_core::session::Unreadable::default();
/// assert!(unreadable.0.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unreadable(pub Vec<(PathBuf, String)>);

/// Says what went wrong with the session records.
///
/// ```
/// use audex_core::session::SessionStoreError;
/// let error = SessionStoreError::Unknown("a1b2".to_owned());
/// assert_eq!(error.to_string(), "there is no session a1b2");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SessionStoreError {
    /// The operating system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A record is not one that this version reads.
    #[error("cannot read the record {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No session has this id, or an id that begins so.
    #[error("there is no session {0}")]
    Unknown(String),
    /// Several sessions have ids that begin so.
    #[error("{prefix} is the beginning of {} sessions", candidates.len())]
    Ambiguous {
        /// What was typed.
        prefix: String,
        /// The sessions.
        candidates: Vec<SessionId>,
    },
    /// The text is no id.
    #[error(transparent)]
    NotAnId(#[from] ParseSessionIdError),
}

impl SessionFolder {
    /// Opens the records in the `sessions` folder of `data`, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn open(data: &Path) -> Result<Self, SessionStoreError> {
        let folder = data.join("sessions");
        let live = folder.join(LIVE);
        // Looked at first, so that a folder that may only be read can be listed.
        if !live.is_dir() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&live)
                .map_err(failed("make the folder", &live))?;
        }
        Ok(Self { folder })
    }

    /// Returns where the records are.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Takes hold of a session, unless a process that lives has it.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn take(&self, id: SessionId) -> Result<Option<SessionGuard>, SessionStoreError> {
        let path = self.live_path(id);
        loop {
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
            let file = file.map_err(failed("make", &path))?;
            match file.try_lock() {
                // Whoever had it may have removed the file between our opening and our locking it.
                Ok(()) if is_still_at(&file, &path) => return Ok(Some(SessionGuard { id, _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
            }
        }
    }

    /// Writes the record of a session that is held.
    ///
    /// It is on disk when this returns: the old one or the new one is there, whatever happens meanwhile.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`]: the old record is still there.
    pub fn save(&self, guard: &SessionGuard, record: &SessionRecord) -> Result<(), SessionStoreError> {
        debug_assert_eq!(guard.id, record.session_id);
        let path = self.record_path(record.session_id);
        let temporary = self.folder.join(format!(".{}.tmp", record.session_id));
        let text = serde_json::to_vec_pretty(record)
            .map_err(|error| SessionStoreError::Unreadable { path: path.clone(), why: error.to_string() })?;
        let written = write_synced(&temporary, &text).and_then(|()| fs::rename(&temporary, &path));
        let written = written.and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|source| {
            // What is left of it would be taken for nothing; it only takes room.
            let _ = fs::remove_file(&temporary);
            failed("write", &path)(source)
        })
    }

    /// Lets go of a session that is over.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn release(&self, guard: SessionGuard) -> Result<(), SessionStoreError> {
        let SessionGuard { id, _file: file } = guard;
        let path = self.live_path(id);
        for path in [self.revocation_path(id), path] {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(failed("remove", &path)(error));
            }
        }
        drop(file);
        Ok(())
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Unknown`] or [`SessionStoreError::Unreadable`].
    pub fn load(&self, id: SessionId) -> Result<SessionRecord, SessionStoreError> {
        read(&self.record_path(id))?.ok_or_else(|| SessionStoreError::Unknown(id.to_string()))
    }

    /// Finds the session that a person names, by its id or at least four characters of the beginning of it.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Unknown`], [`SessionStoreError::Ambiguous`] or [`SessionStoreError::NotAnId`].
    pub fn find(&self, prefix: &str) -> Result<SessionId, SessionStoreError> {
        let prefix = prefix.trim().to_ascii_lowercase();
        let is_beginning = prefix.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_beginning || prefix.len() < MIN_PREFIX || prefix.len() > 36 {
            return Err(ParseSessionIdError.into());
        }
        let mut candidates: Vec<SessionId> =
            self.names()?.into_iter().filter(|id| id.to_string().starts_with(&prefix)).collect();
        candidates.sort_unstable();
        match candidates.as_slice() {
            [one] => Ok(*one),
            [] => Err(SessionStoreError::Unknown(prefix)),
            _ => Err(SessionStoreError::Ambiguous { prefix, candidates }),
        }
    }

    /// Reads the records that were written last, newest first, and says which could not be read.
    ///
    /// Reads only as many files as there are records returned.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`] when the folder cannot be listed.
    pub fn recent(&self, limit: usize) -> Result<(Vec<SessionRecord>, Unreadable), SessionStoreError> {
        let mut newest = Vec::new();
        for id in self.names()? {
            let path = self.record_path(id);
            // One that is gone meanwhile is not there.
            if let Ok(changed) = fs::metadata(&path).and_then(|metadata| metadata.modified()) {
                newest.push((changed, id));
            }
        }
        newest.sort_unstable_by(|one, other| other.cmp(one));
        newest.truncate(limit);
        let mut unreadable = Unreadable::default();
        let mut records = Vec::with_capacity(newest.len());
        for (_, id) in newest {
            match self.load(id) {
                Ok(record) => records.push(record),
                Err(SessionStoreError::Unknown(_)) => {}
                Err(error) => unreadable.0.push((self.record_path(id), error.to_string())),
            }
        }
        records.sort_by(|one: &SessionRecord, other| {
            other.created_at.cmp(&one.created_at).then(other.session_id.cmp(&one.session_id))
        });
        Ok((records, unreadable))
    }

    /// Returns the ids of all sessions that have a record.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`] when the folder cannot be listed.
    pub fn names(&self) -> Result<Vec<SessionId>, SessionStoreError> {
        ids_in(&self.folder, ".json")
    }

    /// Returns the sessions that are not known to be over, whether or not their process lives.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`] when the folder cannot be listed.
    pub fn live(&self) -> Result<Vec<SessionId>, SessionStoreError> {
        ids_in(&self.folder.join(LIVE), "")
    }

    /// Reads the records of the sessions that are active.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`] when the folder cannot be listed, [`SessionStoreError::Unreadable`] when a record cannot
    /// be read: who counts them must not miss one.
    pub fn active(&self) -> Result<Vec<SessionRecord>, SessionStoreError> {
        let mut active = Vec::new();
        for id in self.live()? {
            match self.load(id) {
                Ok(record) if record.status.is_over() => {}
                Ok(record) => active.push(record),
                // It is just beginning, or was removed.
                Err(SessionStoreError::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(active)
    }

    /// Takes hold of a session that is just beginning.
    ///
    /// Whoever looks for abandoned sessions may have its mark for a moment.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn take_new(&self, id: SessionId) -> Result<SessionGuard, SessionStoreError> {
        for _ in 0..NEW_LOOKS {
            if let Some(guard) = self.take(id)? {
                return Ok(guard);
            }
            std::thread::sleep(NEW_WAIT);
        }
        Err(failed("lock", &self.live_path(id))(io::ErrorKind::TimedOut.into()))
    }

    /// Tells whether a process that lives has hold of a session.
    ///
    /// What cannot be told is held.
    pub fn is_held(&self, id: SessionId) -> bool {
        match File::open(self.live_path(id)) {
            Ok(file) => file.try_lock().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Asks whoever keeps a session to end it.
    ///
    /// They look several times a second.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn ask_to_end(&self, id: SessionId, reason: &str) -> Result<(), SessionStoreError> {
        let path = self.revocation_path(id);
        let reason: String = reason.chars().take(MAX_REASON).collect();
        write_synced(&path, reason.as_bytes()).map_err(failed("write", &path))
    }

    /// Returns why a session is to end, if somebody asked for that.
    pub fn asked_to_end(&self, id: SessionId) -> Option<String> {
        let path = self.revocation_path(id);
        match read_limited(&path) {
            Ok(reason) => Some(String::from_utf8_lossy(&reason).chars().take(MAX_REASON).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // It is there: not being able to read why does not make it go on.
            Err(_) => Some(String::new()),
        }
    }

    /// Removes the record of a session that is over.
    ///
    /// Returns whether it did.
    ///
    /// # Errors
    ///
    /// [`SessionStoreError::Io`].
    pub fn remove(&self, id: SessionId) -> Result<bool, SessionStoreError> {
        let Some(guard) = self.take(id)? else { return Ok(false) };
        let path = self.record_path(id);
        match self.load(id) {
            Ok(record) if !record.status.is_over() => return Ok(false),
            Err(SessionStoreError::Unknown(_)) => {}
            Err(error @ SessionStoreError::Io { .. }) => return Err(error),
            // What nobody can read is over.
            Ok(_) | Err(_) => fs::remove_file(&path).map_err(failed("remove", &path))?,
        }
        self.release(guard)?;
        Ok(true)
    }

    fn record_path(&self, id: SessionId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn live_path(&self, id: SessionId) -> PathBuf {
        self.folder.join(LIVE).join(id.to_string())
    }

    fn revocation_path(&self, id: SessionId) -> PathBuf {
        self.folder.join(LIVE).join(format!("{id}.end"))
    }
}

impl SessionGuard {
    /// Returns whose guard it is.
    pub const fn id(&self) -> SessionId {
        self.id
    }
}
