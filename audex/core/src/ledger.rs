use crate::{
    Requester,
    rate::{self, RateLimited, RateRule, Use},
    session::{SessionFolder, SessionStoreError},
};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The largest ledger that is read, in bytes.
const MAX_LEDGER: u64 = 4 * 1_024 * 1_024;

/// How often it is looked whether the lock is free.
const LOCK_LOOKS: usize = 5_000;

/// How long apart.
const LOCK_WAIT: Duration = Duration::from_millis(2);

/// Counts what was let through, in a file for each identity, under a lock that all processes of the machine take.
///
/// Without rules there is no file, no lock and no work.
///
/// ```
/// use audex_core::{Requester, RateLedger, session::SessionFolder};
/// let data = tempfile::tempdir().unwrap();
/// let sessions = SessionFolder::open(data.path()).unwrap();
/// let ledger = RateLedger::new(data.path());
/// let me = Requester::LocalUser { uid: 1000, name: None };
/// let admitted = ledger.admit(&[], &me, &sessions, chrono::DateTime::UNIX_EPOCH, || Ok("begun"));
/// assert_eq!(admitted.unwrap(), "begun");
/// ```
#[derive(Debug, Clone)]
pub struct RateLedger {
    folder: PathBuf,
}

/// Says why a request was not let through.
///
/// ```
/// use audex_core::LedgerError;
/// let error = LedgerError::Damaged("rate-1.json".into());
/// assert!(error.to_string().contains("remove it"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A limit is reached.
    #[error(transparent)]
    Limited(#[from] RateLimited),
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was counted cannot be read. Nothing is let through then.
    #[error("cannot read what was counted in {}: remove it to begin anew", .0.display())]
    Damaged(PathBuf),
    /// The sessions cannot be counted, or the new one cannot be begun.
    #[error(transparent)]
    Sessions(#[from] SessionStoreError),
}

impl RateLedger {
    /// Keeps the counts in the `state` folder of `data`.
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("state") }
    }

    /// Checks the rules, counts one request and begins its session, all before anybody else is looked at.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]: nothing was begun.
    pub fn admit<T>(
        &self,
        rules: &[RateRule],
        who: &Requester,
        sessions: &SessionFolder,
        now: DateTime<Utc>,
        begin: impl FnOnce() -> Result<T, SessionStoreError>,
    ) -> Result<T, LedgerError> {
        if !rules.iter().any(|rule| who.is_named_by(&rule.identity)) {
            return Ok(begin()?);
        }
        let path = self.folder.join(format!("rate-{}.json", name_of(&who.identity())));
        let io = |source| LedgerError::Io { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(io)?;
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        lock(&file).map_err(io)?;
        let mut requests = read(&mut file).map_err(io)?.ok_or_else(|| LedgerError::Damaged(path.clone()))?;
        let begin_of_window = now - rate::longest_window(rules);
        requests.retain(|&at| at > begin_of_window);
        let identity = who.identity();
        let is_theirs = |record: &crate::session::SessionRecord| {
            record.requester.identity() == identity && now < record.deadline
        };
        let active = sessions.active()?.iter().filter(|record| is_theirs(record)).count();
        let used = Use { requests, active };
        rate::check(rules, who, &used, now)?;
        let mut requests = used.requests;
        requests.push(now);
        write(&mut file, &requests).map_err(io)?;
        Ok(begin()?)
    }
}

/// Returns the name of an identity's file: it can hold anything, so it is not the identity.
fn name_of(identity: &str) -> String {
    Sha256::digest(identity.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// Waits for the lock, which others hold for the time of a write.
fn lock(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_WAIT),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn read(file: &mut File) -> io::Result<Option<Vec<DateTime<Utc>>>> {
    let mut text = Vec::new();
    file.take(MAX_LEDGER).read_to_end(&mut text)?;
    if text.is_empty() {
        return Ok(Some(Vec::new()));
    }
    Ok(serde_json::from_slice(&text).ok())
}

fn write(file: &mut File, requests: &[DateTime<Utc>]) -> io::Result<()> {
    let text = serde_json::to_vec(requests)?;
    // Written over, not replaced: the lock is on this file.
    file.rewind()?;
    file.write_all(&text)?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn rules(max_requests: u32) -> [RateRule; 1] {
        let window = TimeDelta::hours(1);
        [RateRule { identity: "*".to_owned(), max_requests, window, max_concurrent: None }]
    }

    #[test]
    fn as_many_are_let_through_as_are_allowed_however_many_ask_at_once() {
        let data = tempfile::tempdir().unwrap();
        let sessions = SessionFolder::open(data.path()).unwrap();
        let ledger = RateLedger::new(data.path());
        let me = Requester::LocalUser { uid: 1, name: None };
        let now = DateTime::UNIX_EPOCH;
        let admitted: usize = std::thread::scope(|scope| {
            let ask = || usize::from(ledger.admit(&rules(5), &me, &sessions, now, || Ok(())).is_ok());
            let asking: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(admitted, 5);
        let later = now + TimeDelta::hours(1);
        assert!(ledger.admit(&rules(5), &me, &sessions, later, || Ok(())).is_ok());
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_through() {
        let data = tempfile::tempdir().unwrap();
        let sessions = SessionFolder::open(data.path()).unwrap();
        let ledger = RateLedger::new(data.path());
        let me = Requester::LocalUser { uid: 1, name: None };
        let ask = || ledger.admit(&rules(5), &me, &sessions, DateTime::UNIX_EPOCH, || Ok(()));
        ask().unwrap();
        let file = fs::read_dir(data.path().join("state")).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, "[").unwrap();
        assert!(matches!(ask(), Err(LedgerError::Damaged(_))));
    }
}
