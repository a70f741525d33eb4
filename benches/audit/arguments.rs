//! What the command line asks for.

use crate::Fault;
use std::path::PathBuf;

const ROUNDS: usize = 30;
const EVENTS: usize = 4_096;
const LOGINS: usize = 2_000;

const USAGE: &str = "usage: [--rounds N] [--events N] [--logins N] [--folder FOLDER] [--json FILE]";

/// What to measure, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// How often each side has its turn.
    pub(crate) rounds: usize,
    /// How many events a turn appends.
    pub(crate) events: usize,
    /// How many logins each side does.
    pub(crate) logins: usize,
    /// Where files are written: the disk that is measured.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn of(args: &[String]) -> Result<Self, Fault> {
        let mut arguments = Self { rounds: ROUNDS, events: EVENTS, logins: LOGINS, folder: None, json: None };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{arg}` needs a value\n{USAGE}"));
            match arg.as_str() {
                "--rounds" => arguments.rounds = value()?.parse().map_err(|_| USAGE)?,
                "--events" => arguments.events = value()?.parse().map_err(|_| USAGE)?,
                "--logins" => arguments.logins = value()?.parse().map_err(|_| USAGE)?,
                "--folder" => arguments.folder = Some(value()?.into()),
                "--json" => arguments.json = Some(value()?.into()),
                _ => return Err(format!("`{arg}` is not understood\n{USAGE}").into()),
            }
        }
        if arguments.rounds == 0 || arguments.events == 0 || arguments.logins == 0 {
            return Err(USAGE.into());
        }
        Ok(arguments)
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
            (&["--events", "many"], "usage"),
        ] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let message = Arguments::of(&args).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
