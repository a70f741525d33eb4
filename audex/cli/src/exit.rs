//! How the program ends: the exit codes, and what is said with them.

use std::fmt;

/// What a command returns: the code to leave with, or why it could not do what it was asked.
pub type Outcome = Result<u8, Failure>;

/// The code of a command that did what it was asked.
pub const SUCCESS: u8 = 0;

/// Names the codes the program leaves with where they are not those of the command it runs.
///
/// They never change.
///
/// ```
/// use audex_cli::exit::Exit;
/// assert_eq!(Exit::Denied.code(), 80);
/// assert_eq!(Exit::Denied.name(), "denied");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A check found something: `policy test`, `policy lint --strict`, `health`.
    CheckFailed,
    /// The command line, or a request on it, cannot be read.
    Usage,
    /// A fault of this program.
    Bug,
    /// The rules do not allow what was asked for.
    Denied,
    /// Somebody else has to agree first.
    ApprovalNeeded,
    /// Too many requests, or too many sessions at once.
    RateLimited,
    /// The session's deadline passed and its command was ended.
    DeadlinePassed,
    /// The provider failed, refused, or answered something else.
    Provider,
    /// The audit log is not as it was written.
    Tampered,
    /// The configuration cannot be used.
    Config,
    /// The folders or files of this machine cannot be used: full, read-only, locked, open to others.
    LocalState,
    /// Somebody revoked the session and its command was ended.
    Revoked,
    /// The session's budget was exceeded and its command was ended.
    BudgetExceeded,
    /// The command to run is there and cannot be run.
    NotExecutable,
    /// There is no such command to run.
    NotFound,
}

impl Exit {
    /// Lists every code.
    pub const ALL: [Self; 15] = [
        Self::CheckFailed,
        Self::Usage,
        Self::Bug,
        Self::Denied,
        Self::ApprovalNeeded,
        Self::RateLimited,
        Self::DeadlinePassed,
        Self::Provider,
        Self::Tampered,
        Self::Config,
        Self::LocalState,
        Self::Revoked,
        Self::BudgetExceeded,
        Self::NotExecutable,
        Self::NotFound,
    ];

    /// Returns the code.
    pub const fn code(self) -> u8 {
        match self {
            Self::CheckFailed => 1,
            Self::Usage => 2,
            Self::Bug => 70,
            Self::Denied => 80,
            Self::ApprovalNeeded => 81,
            Self::RateLimited => 82,
            Self::DeadlinePassed => 83,
            Self::Provider => 84,
            Self::Tampered => 85,
            Self::Config => 86,
            Self::LocalState => 87,
            Self::Revoked => 88,
            Self::BudgetExceeded => 89,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
        }
    }

    /// Returns the name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CheckFailed => "check_failed",
            Self::Usage => "usage",
            Self::Bug => "bug",
            Self::Denied => "denied",
            Self::ApprovalNeeded => "approval_needed",
            Self::RateLimited => "rate_limited",
            Self::DeadlinePassed => "deadline_passed",
            Self::Provider => "provider",
            Self::Tampered => "tampered",
            Self::Config => "config",
            Self::LocalState => "local_state",
            Self::Revoked => "revoked",
            Self::BudgetExceeded => "budget_exceeded",
            Self::NotExecutable => "not_executable",
            Self::NotFound => "not_found",
        }
    }

    /// Returns what it means, for the manual.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::CheckFailed => "a check found something (policy test, policy lint --strict, health)",
            Self::Usage => "the command line, or a request on it, cannot be read",
            Self::Bug => "a fault of tryaudex itself",
            Self::Denied => "the rules do not allow what was asked for",
            Self::ApprovalNeeded => "somebody else has to agree first",
            Self::RateLimited => "too many requests, or too many sessions at once",
            Self::DeadlinePassed => "the session's deadline passed and its command was ended",
            Self::Provider => "the provider failed, refused, or answered something else",
            Self::Tampered => "the audit log is not as it was written",
            Self::Config => "the configuration cannot be used",
            Self::LocalState => {
                "folders or files of this machine cannot be used (full, read-only, locked, open to others)"
            }
            Self::Revoked => "the session was revoked and its command was ended",
            Self::BudgetExceeded => "the session's budget was exceeded and its command was ended",
            Self::NotExecutable => "the command to run is there and cannot be run",
            Self::NotFound => "there is no such command to run",
        }
    }
}

/// Says why a command could not do what it was asked, and what to do about it.
///
/// ```
/// use audex_cli::exit::{Exit, Failure};
/// let failure = Failure::new(Exit::Config, "no role is configured").with_help("set AUDEX_ROLE_ARN");
/// assert_eq!(failure.to_string(), "no role is configured");
/// assert_eq!(failure.exit.code(), 86);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code to leave with.
    pub exit: Exit,
    /// What happened, in one sentence without its full stop; lines after the first are details.
    pub message: String,
    /// What to do, each a sentence without its full stop.
    pub help: Vec<String>,
}

impl Failure {
    /// Makes a failure.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: Vec::new() }
    }

    /// Makes a failure of an error, with its causes.
    pub fn of(exit: Exit, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(exit, with_causes(error))
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns an error and its causes on one line.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_names_are_told_apart() {
        let codes: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        let names: BTreeSet<&str> = Exit::ALL.iter().map(|exit| exit.name()).collect();
        assert_eq!((codes.len(), names.len()), (Exit::ALL.len(), Exit::ALL.len()));
        assert!(!codes.contains(&SUCCESS));
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let inner = std::io::Error::other("disk on fire");
        let outer = audex_core::ProviderError::new(audex_core::ProviderFault::BadAnswer, "no answer")
            .with_source(inner);
        assert_eq!(Failure::of(Exit::Provider, &outer).message, "no answer: disk on fire");
    }
}
