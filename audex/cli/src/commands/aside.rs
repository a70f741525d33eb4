//! Standard output is kept for our JSON: what a command writes there goes to standard error meanwhile.

use crate::{
    exit::{Exit, Failure},
    output::Output,
};
use nix::unistd::{dup, dup2_stdout};
use std::{
    io::{self, Write},
    os::fd::OwnedFd,
};

/// Holds standard output while a command has standard error in its place.
pub(super) struct Aside(OwnedFd);

impl Aside {
    /// Does something with standard output set aside, where JSON is asked for.
    ///
    /// # Errors
    ///
    /// What it returns, or [`Exit::LocalState`] when standard output cannot be set aside.
    pub(super) fn during<T>(
        output: &Output,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !output.is_json() {
            return work();
        }
        let aside = Self::begin()?;
        let done = work();
        aside.end()?;
        done
    }

    fn begin() -> Result<Self, Failure> {
        let begin = || {
            let stdout = dup(io::stdout())?;
            dup2_stdout(io::stderr())?;
            Ok::<_, nix::Error>(Self(stdout))
        };
        begin().map_err(|error| {
            Failure::new(Exit::LocalState, format!("standard output cannot be set aside: {error}"))
        })
    }

    fn end(&self) -> Result<(), Failure> {
        // What was written meanwhile went where it belongs.
        let _ = io::stdout().flush();
        dup2_stdout(&self.0)
            .map_err(|error| Failure::new(Exit::LocalState, format!("standard output is gone: {error}")))
    }
}
