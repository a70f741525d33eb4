//! What the command line asks for.

use crate::Fault;
use std::path::PathBuf;

const ROUNDS: usize = 30;
const RECORDS: usize = 10_000;
const LINES: usize = 100_000;

const USAGE: &str =
    "usage: --tryaudex PROGRAM [--rounds N] [--records N] [--lines N] [--folder FOLDER] [--json FILE]";

/// What to measure, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The program that is measured.
    pub(crate) tryaudex: PathBuf,
    /// How often each side has its turn.
    pub(crate) rounds: usize,
    /// How many records of sessions are listed.
    pub(crate) records: usize,
    /// How many lines the longest log has.
    pub(crate) lines: usize,
    /// Where files are written: the disk that is measured.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn of(args: &[String]) -> Result<Self, Fault> {
        let mut arguments = Self {
            tryaudex: PathBuf::new(),
            rounds: ROUNDS,
            records: RECORDS,
            lines: LINES,
            folder: None,
            json: None,
        };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{arg}` needs a value\n{USAGE}"));
            match arg.as_str() {
                "--tryaudex" => arguments.tryaudex = value()?.into(),
                "--rounds" => arguments.rounds = value()?.parse().map_err(|_| USAGE)?,
                "--records" => arguments.records = value()?.parse().map_err(|_| USAGE)?,
                "--lines" => arguments.lines = value()?.parse().map_err(|_| USAGE)?,
                "--folder" => arguments.folder = Some(value()?.into()),
                "--json" => arguments.json = Some(value()?.into()),
                _ => return Err(format!("`{arg}` is not understood\n{USAGE}").into()),
            }
        }
        if !arguments.tryaudex.is_file() {
            return Err(format!("`{}` is no program\n{USAGE}", arguments.tryaudex.display()).into());
        }
        if arguments.rounds == 0 || arguments.records == 0 || arguments.lines < 10 {
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
            (&["--tryaudex", "/no/such"], "`/no/such`"),
            (&["--tryaudex", "/bin/sh", "--rounds", "0"], "usage"),
        ] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let message = Arguments::of(&args).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
