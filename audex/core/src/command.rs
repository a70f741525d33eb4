use crate::redact::redacted_command;
use sha2::{Digest, Sha256};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// A command line: what may be kept of it, and what tells it from every other.
///
/// ```
/// use audex_core::CommandLine;
/// let (one, other) = (CommandLine::new(["psql", "--password", "a"]), CommandLine::new(["psql", "--password", "b"]));
/// assert_eq!(one.shown(), ["psql", "--password", "[redacted]"]);
/// assert_eq!(one.shown(), other.shown());
/// assert_ne!(one, other);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    shown: Vec<String>,
    digest: [u8; 32],
}

impl CommandLine {
    /// Takes a program and its arguments; nothing where there is no command.
    pub fn new<T: AsRef<OsStr>>(words: impl IntoIterator<Item = T>) -> Self {
        let mut digest = Sha256::new();
        let mut texts = Vec::new();
        for word in words {
            let word = word.as_ref();
            // With its length, so that no two command lines are one text.
            digest.update(u64::try_from(word.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(word.as_bytes());
            texts.push(word.to_string_lossy().into_owned());
        }
        Self { shown: redacted_command(&texts), digest: digest.finalize().into() }
    }

    /// Returns it bounded, with what looks like a secret replaced.
    pub fn shown(&self) -> &[String] {
        &self.shown
    }

    /// Returns the digest of all of it.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}
