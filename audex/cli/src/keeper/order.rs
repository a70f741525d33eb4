use super::{KeeperError, wire::wipe};
use chrono::{DateTime, Utc};
use std::{
    ffi::OsString,
    fmt,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::PathBuf,
    time::Duration,
};

/// Says what to run, with what, until when.
///
/// The values of the environment are wiped when it is dropped.
///
/// ```
/// use audex_cli::keeper::KeeperOrder;
/// let order = KeeperOrder {
///     command: vec!["env".into()],
///     env: vec![("AWS_SECRET_ACCESS_KEY".into(), "s3cret".into())],
///     deadline: chrono::DateTime::UNIX_EPOCH,
///     grace: KeeperOrder::DEFAULT_GRACE,
///     private_folder: "/run/user/1000/audex/1".into(),
///     session_id: "1".to_owned(),
///     data_dir: "/home/me/.local/share/audex".into(),
///     audit_dir: "/home/me/.local/share/audex/audit".into(),
///     program: KeeperOrder::THIS_PROGRAM.into(),
/// };
/// assert!(!format!("{order:?}").contains("s3cret"));
/// ```
pub struct KeeperOrder {
    /// The program and its arguments; any bytes but NUL. A name without a slash is searched in the `PATH` of `env`.
    pub command: Vec<OsString>,
    /// The complete environment of the command; nothing is added.
    pub env: Vec<(OsString, OsString)>,
    /// When the session is over, on the wall clock.
    pub deadline: DateTime<Utc>,
    /// How long the command may take to follow a `TERM` before the `KILL`.
    pub grace: Duration,
    /// A folder of ours with mode 0700, which exists. It is removed with everything in it when the session is over.
    pub private_folder: PathBuf,
    /// Names the session to whoever closes its record after W vanished.
    pub session_id: String,
    /// Where the session records are.
    pub data_dir: PathBuf,
    /// Where the audit log is.
    pub audit_dir: PathBuf,
    /// The program that is started as keeper, with the arguments `__keeper` and the private folder.
    pub program: PathBuf,
}

impl KeeperOrder {
    /// How many bytes arguments and environment may have together, 4 MiB.
    ///
    /// The kernel's own limit is usually 2 MiB.
    pub const MAX_BYTES: usize = 4 << 20;
    /// Five seconds from `TERM` to `KILL`.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
    /// The running program, even when its file was replaced or removed meanwhile.
    pub const THIS_PROGRAM: &str = "/proc/self/exe";
    /// The name of the hidden command that calls [`keep`](super::keep).
    pub const SUBCOMMAND: &str = "__keeper";

    pub(super) fn check(&self, now: DateTime<Utc>) -> Result<(), KeeperError> {
        if self.command.first().is_none_or(|program| program.is_empty()) {
            return Err(KeeperError::NotFound { program: OsString::new() });
        }
        let bytes: usize = self.command.iter().map(|word| word.len() + 1).sum::<usize>()
            + self.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
        if bytes > Self::MAX_BYTES {
            return Err(KeeperError::TooLarge { bytes });
        }
        let folder = self.private_folder.symlink_metadata();
        let private = folder.is_ok_and(|folder| {
            folder.is_dir()
                && folder.uid() == nix::unistd::geteuid().as_raw()
                && folder.permissions().mode().trailing_zeros() >= 6
        });
        if !private {
            return Err(KeeperError::Folder(self.private_folder.clone()));
        }
        if now >= self.deadline { Err(KeeperError::DeadlinePassed) } else { Ok(()) }
    }

    /// Returns the folder as an absolute path: the keeper is told it in words.
    pub(super) fn folder(&self) -> Result<PathBuf, KeeperError> {
        std::path::absolute(&self.private_folder).map_err(KeeperError::system("find the private folder"))
    }

    pub(super) fn has_nul(&self) -> bool {
        let words = self.command.iter().chain(self.env.iter().flat_map(|(name, value)| [name, value]));
        words.into_iter().any(|word| word.as_bytes().contains(&0))
    }
}

impl Drop for KeeperOrder {
    fn drop(&mut self) {
        self.env.iter_mut().for_each(|(_, value)| wipe(value));
    }
}

impl fmt::Debug for KeeperOrder {
    /// Leaves out the values of the environment: they hold the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeeperOrder")
            .field("command", &self.command)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("deadline", &self.deadline)
            .field("private_folder", &self.private_folder)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}
