use serde::{Deserialize, Serialize};
use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// Says how the command ended.
///
/// ```
/// use audex_cli::keeper::Exit;
/// assert_eq!(Exit::Code(3).code(), 3);
/// assert_eq!(Exit::Signal(15).code(), 143);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned this code, 0 to 255.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

/// Says why W ended the command before its deadline.
///
/// ```
/// use audex_cli::keeper::{Cause, StopReason};
/// assert_ne!(Cause::Stopped(StopReason::Revoked), Cause::Stopped(StopReason::Budget));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// The session was revoked.
    Revoked,
    /// The session's budget is spent.
    Budget,
}

/// Says why the session ended.
///
/// ```
/// use audex_cli::keeper::Cause;
/// assert_eq!(serde_json::to_string(&Cause::Deadline).unwrap(), r#""Deadline""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The command ended by itself, or by a signal that was meant for it.
    Own,
    /// The deadline passed.
    Deadline,
    /// W asked for it.
    Stopped(StopReason),
}

/// Tells how a session ended.
///
/// ```
/// use audex_cli::keeper::{Cause, Ended, Exit};
/// let ended = Ended { exit: Exit::Code(0), cause: Cause::Own, left: Vec::new() };
/// assert_eq!(ended.exit.code(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How the command ended. A command that not even `KILL` ended counts as killed by it, and is in `left`.
    pub exit: Exit,
    /// Why the session ended.
    pub cause: Cause,
    /// The ids of the processes that could not be ended; empty but for uninterruptible sleep and other users' processes.
    pub left: Vec<i32>,
}

impl Exit {
    /// Returns the code a shell would report: the command's own, or 128 plus the signal.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }

    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(status.into_raw()),
        }
    }
}
