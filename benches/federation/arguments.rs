//! What the command line asks for.

use crate::Fault;
use std::path::PathBuf;

/// How often each side has its turn, when nothing else is said.
const ROUNDS: usize = 300;

const USAGE: &str = "usage: [--rounds N] [--json FILE]";

/// What to measure, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) rounds: usize,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn of(args: &[String]) -> Result<Self, Fault> {
        let mut arguments = Self { rounds: ROUNDS, json: None };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{arg}` needs a value\n{USAGE}"));
            match arg.as_str() {
                "--rounds" => arguments.rounds = value()?.parse().map_err(|_| USAGE)?,
                "--json" => arguments.json = Some(value()?.into()),
                _ => return Err(format!("`{arg}` is not understood\n{USAGE}").into()),
            }
        }
        if arguments.rounds == 0 { Err(USAGE.into()) } else { Ok(arguments) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Result<Arguments, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Arguments::of(&args).map_err(|fault| fault.to_string())
    }

    #[test]
    fn everything_unless_something_is_said() {
        assert_eq!(of(&[]).unwrap(), Arguments { rounds: ROUNDS, json: None });
        assert_eq!(
            of(&["--rounds", "2", "--json", "a"]).unwrap(),
            Arguments { rounds: 2, json: Some("a".into()) }
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (args, named) in
            [(&["sqlite"][..], "`sqlite`"), (&["--rounds"], "`--rounds`"), (&["--rounds", "0"], "usage")]
        {
            let message = of(args).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }
}
