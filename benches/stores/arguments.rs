//! What the command line asks for.

use crate::{backends::Backend, turns::Fault};
use std::path::PathBuf;

/// How often each program has its turn, when nothing else is said.
const ROUNDS: usize = 100;

const USAGE: &str = "usage: [BACKEND...] [--rounds N] [--durable] [--peer PROGRAM] [--json FILE]";

/// What to compare, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) backends: Vec<Backend>,
    pub(crate) rounds: usize,
    /// Whether servers flush what they acknowledge.
    pub(crate) is_durable: bool,
    /// The program of the other side; without it, ours is measured alone.
    pub(crate) peer: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn of(args: &[&str]) -> Result<Self, Fault> {
        let mut arguments =
            Self { backends: Vec::new(), rounds: ROUNDS, is_durable: false, peer: None, json: None };
        let mut rest = args.iter().copied();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{arg}` needs a value\n{USAGE}"));
            match arg {
                "--rounds" => arguments.rounds = value()?.parse().map_err(|_| USAGE)?,
                "--durable" => arguments.is_durable = true,
                "--peer" => arguments.peer = Some(value()?.into()),
                "--json" => arguments.json = Some(value()?.into()),
                name => {
                    let backend = Backend::ALL.into_iter().find(|backend| backend.name() == name);
                    let names = Backend::ALL.map(Backend::name).join(", ");
                    let message = || format!("`{name}` is no backend: {names}\n{USAGE}");
                    arguments.backends.push(backend.ok_or_else(message)?);
                }
            }
        }
        if arguments.backends.is_empty() {
            arguments.backends = Backend::ALL.into();
        }
        if arguments.rounds == 0 { Err(USAGE.into()) } else { Ok(arguments) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_backends_unless_some_are_named() {
        let arguments = Arguments::of(&[]).unwrap();
        assert_eq!((arguments.backends, arguments.rounds), (Backend::ALL.to_vec(), ROUNDS));
        let arguments = Arguments::of(&["sqlite", "--rounds", "2", "--durable", "--json", "a"]).unwrap();
        assert_eq!((arguments.backends, arguments.rounds), (vec![Backend::Sqlite], 2));
        assert!(arguments.is_durable);
        assert_eq!(arguments.json, Some("a".into()));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in [
            (&["oracle"][..], "`oracle`"),
            (&["--rounds"], "`--rounds`"),
            (&["--rounds", "0"], "usage"),
            (&["--rounds", "many"], "usage"),
            (&["--fast"], "`--fast`"),
        ] {
            let message = Arguments::of(args).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
