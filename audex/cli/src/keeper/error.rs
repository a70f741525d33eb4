use std::{ffi::OsString, io, path::PathBuf};

/// Says why a command was not started, or why nothing is known of its end.
///
/// ```
/// use audex_cli::keeper::KeeperError;
/// let error = KeeperError::NotFound { program: "terrafrom".into() };
/// assert_eq!(error.to_string(), r#"command not found: "terrafrom""#);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// There is no such program; a shell answers 127.
    #[error("command not found: {program:?}")]
    NotFound {
        /// The name as it was given.
        program: OsString,
    },
    /// The program is there and cannot be run; a shell answers 126.
    #[error("cannot run {program:?}: {reason}")]
    NotExecutable {
        /// The name as it was given.
        program: OsString,
        /// Why, in words for the user.
        reason: String,
    },
    /// The deadline was over before the command began.
    #[error("the deadline passed before the command could start")]
    DeadlinePassed,
    /// Arguments and environment together are larger than [`KeeperOrder::MAX_BYTES`](super::KeeperOrder::MAX_BYTES).
    #[error("arguments and environment have {bytes} bytes, more than the {max} that can be passed on", max = super::KeeperOrder::MAX_BYTES)]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// Signals can only be held before the process has a second thread.
    #[error("signals must be held before the process starts a second thread")]
    Threads,
    /// The private folder is not a folder that only we can enter.
    #[error("{} is not a folder of ours with mode 0700", .0.display())]
    Folder(PathBuf),
    /// The operating system refused something the keeper needs.
    #[error("the process that keeps the session could not {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The keeper broke off before the command ran.
    #[error("the process that keeps the session did not start the command: {0}")]
    NotKept(String),
    /// The keeper vanished while the command ran. Every descendant was ended.
    #[error("the process that keeps the session was killed, and everything it kept was ended with it{}", left_over(.left))]
    Lost {
        /// The ids of the processes that could not be ended.
        left: Vec<i32>,
    },
}

impl KeeperError {
    pub(super) fn system(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    pub(super) fn refused(doing: &'static str) -> impl Fn(nix::errno::Errno) -> Self {
        move |errno| Self::System { doing, source: errno.into() }
    }
}

fn left_over(left: &[i32]) -> String {
    if left.is_empty() { String::new() } else { format!(", except for the processes {left:?}") }
}
