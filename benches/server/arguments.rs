//! What the command line asks for.

use crate::{Fault, load::Span};
use std::{path::PathBuf, time::Duration};

const ROUNDS: usize = 3;
const SECONDS: f64 = 4.0;
const SESSIONS: usize = 10_000;

const USAGE: &str = "usage: [--rounds N] [--seconds S] [--sessions N] [--folder FOLDER] [--json FILE]\n       --serve FOLDER [DATABASE]";

/// What to measure, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    /// How often each server has its turn with each number of clients.
    pub(crate) rounds: usize,
    /// How long a turn is.
    pub(crate) seconds: f64,
    /// How many sessions there are more when memory is looked at.
    pub(crate) sessions: usize,
    /// Where data are written: the disk that is measured.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

/// Which side this process is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Measure,
    /// Our server, until it is killed.
    Serve {
        folder: PathBuf,
        database: Option<String>,
    },
}

impl Arguments {
    pub(crate) fn of(args: &[String]) -> Result<Self, Fault> {
        let mut arguments = Self {
            mode: Mode::Measure,
            rounds: ROUNDS,
            seconds: SECONDS,
            sessions: SESSIONS,
            folder: None,
            json: None,
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{arg}` needs a value\n{USAGE}"));
            match arg.as_str() {
                "--serve" => {
                    let folder = value()?.into();
                    arguments.mode = Mode::Serve { folder, database: rest.next().cloned() };
                }
                "--rounds" => arguments.rounds = value()?.parse().map_err(|_| USAGE)?,
                "--seconds" => arguments.seconds = value()?.parse().map_err(|_| USAGE)?,
                "--sessions" => arguments.sessions = value()?.parse().map_err(|_| USAGE)?,
                "--folder" => arguments.folder = Some(value()?.into()),
                "--json" => arguments.json = Some(value()?.into()),
                _ => return Err(format!("`{arg}` is not understood\n{USAGE}").into()),
            }
        }
        let is_time = arguments.seconds.is_finite() && (0.01..600.0).contains(&arguments.seconds);
        if arguments.rounds == 0 || arguments.sessions == 0 || !is_time {
            return Err(USAGE.into());
        }
        Ok(arguments)
    }

    /// Returns how long each turn is; the first quarter more is warm-up.
    pub(crate) fn span(&self) -> Span {
        let counted = Duration::from_secs_f64(self.seconds);
        Span { warm_up: counted / 4, counted }
    }

    /// Makes an empty folder on the disk that is measured.
    pub(crate) fn fresh_folder(&self) -> Result<tempfile::TempDir, Fault> {
        Ok(match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder)?,
            None => tempfile::tempdir()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in [
            (&["sqlite"][..], "`sqlite`"),
            (&["--rounds"], "`--rounds`"),
            (&["--rounds", "0"], "usage"),
            (&["--seconds", "nan"], "usage"),
        ] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let message = Arguments::of(&args).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
