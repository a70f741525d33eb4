use crate::{
    Requester,
    rate::{self, RateLimited, RateRule, Use},
    session::{SessionFolder, SessionStoreError},
};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The largest ledger that is read, in bytes: as many requests as a rule may let through are less.
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
        let rules: Vec<RateRule> =
            rules.iter().filter(|rule| who.is_named_by(&rule.identity)).cloned().collect();
        if rules.is_empty() {
            return Ok(begin()?);
        }
        let path = self.folder.join(format!("rate-{}.json", name_of(&who.identity())));
        let io = |source| LedgerError::Io { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(io)?;
        // A file of its own, since the one that is counted in is replaced.
        let lock_file = opened(&path.with_extension("lock"), false).map_err(io)?;
        lock(&lock_file).map_err(io)?;
        let mut requests = read(&path).map_err(io)?.ok_or_else(|| LedgerError::Damaged(path.clone()))?;
        // Only of the rules about them: what is kept is then never more than the one with that window lets through.
        let begin_of_window = now - rate::longest_window(&rules);
        requests.retain(|&at| at > begin_of_window);
        let identity = who.identity();
        let is_theirs = |record: &crate::session::SessionRecord| {
            record.requester.identity() == identity && now < record.deadline
        };
        let active = sessions.active()?.iter().filter(|record| is_theirs(record)).count();
        let used = Use { requests, active };
        rate::check(rules.iter().map(|rule| (rule, &used)), who, now)?;
        let mut requests = used.requests;
        requests.push(now);
        write(&path, &requests).map_err(io)?;
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

fn opened(path: &Path, is_truncated: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(is_truncated).mode(0o600).open(path)
}

/// Reads what was counted; nothing where it cannot be told.
fn read(path: &Path) -> io::Result<Option<Vec<DateTime<Utc>>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Vec::new())),
        file => file?,
    };
    let mut text = Vec::new();
    file.take(MAX_LEDGER).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// Replaces what was counted, as a whole: whoever stops in the middle leaves the old count.
fn write(path: &Path, requests: &[DateTime<Utc>]) -> io::Result<()> {
    let text = serde_json::to_vec(requests)?;
    let temporary = path.with_extension("new");
    let mut file = opened(&temporary, true)?;
    file.write_all(&text)?;
    file.sync_data()?;
    fs::rename(&temporary, path)
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
        let file = counted(data.path());
        for text in ["[", ""] {
            fs::write(&file, text).unwrap();
            assert!(matches!(ask(), Err(LedgerError::Damaged(_))), "{text}");
        }
    }

    /// The file of the only identity.
    fn counted(data: &Path) -> PathBuf {
        let entries = fs::read_dir(data.join("state")).unwrap().map(|entry| entry.unwrap().path());
        let mut files = entries.filter(|path| path.extension().is_some_and(|end| end == "json"));
        files.next().unwrap()
    }

    #[test]
    fn the_most_that_a_rule_lets_through_can_be_read_again() {
        let data = tempfile::tempdir().unwrap();
        let sessions = SessionFolder::open(data.path()).unwrap();
        let ledger = RateLedger::new(data.path());
        let me = Requester::LocalUser { uid: 1, name: None };
        let now = DateTime::from_timestamp(1_800_000_000, 123_456_789).unwrap();
        // What the rule says beyond it is not let through.
        let ask = || ledger.admit(&rules(u32::MAX), &me, &sessions, now, || Ok(()));
        ask().unwrap();
        let most = usize::try_from(RateRule::MAX_REQUESTS).unwrap();
        write(&counted(data.path()), &vec![now; most - 1]).unwrap();
        ask().unwrap();
        assert!(matches!(ask(), Err(LedgerError::Limited(_))));
    }

    #[test]
    fn the_window_of_a_rule_about_others_keeps_nothing() {
        let data = tempfile::tempdir().unwrap();
        let sessions = SessionFolder::open(data.path()).unwrap();
        let ledger = RateLedger::new(data.path());
        let me = Requester::LocalUser { uid: 1, name: None };
        let [mine] = rules(1);
        let others =
            RateRule { identity: "team:other".to_owned(), window: TimeDelta::days(31), ..mine.clone() };
        let rules = [mine, others];
        for hour in 0..3 {
            let now = DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
            ledger.admit(&rules, &me, &sessions, now, || Ok(())).unwrap();
        }
        assert_eq!(read(&counted(data.path())).unwrap().unwrap().len(), 1);
    }

    /// Whoever dies while writing has not reached the file that is counted in.
    #[test]
    fn a_count_that_was_cut_short_is_not_the_count() {
        let data = tempfile::tempdir().unwrap();
        let sessions = SessionFolder::open(data.path()).unwrap();
        let ledger = RateLedger::new(data.path());
        let me = Requester::LocalUser { uid: 1, name: None };
        let ask = || ledger.admit(&rules(2), &me, &sessions, DateTime::UNIX_EPOCH, || Ok(()));
        ask().unwrap();
        // One who reads while it is written finds the old count or the new one.
        let mut old = File::open(counted(data.path())).unwrap();
        ask().unwrap();
        let mut text = String::new();
        old.read_to_string(&mut text).unwrap();
        assert_eq!(serde_json::from_str::<Vec<DateTime<Utc>>>(&text).unwrap().len(), 1);
        fs::write(counted(data.path()).with_extension("new"), "[\"20").unwrap();
        assert!(matches!(ask(), Err(LedgerError::Limited(_))));
    }
}
