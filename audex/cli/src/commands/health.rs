//! `tryaudex health`: whether everything is as it should be.

mod checks;
mod trail;

use super::Invocation;
use crate::{
    exit::{Exit, Failure, Outcome, SUCCESS},
    output::{Style, printable},
};
use clap::Args;
use serde::Serialize;

/// The arguments of `tryaudex health`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "health", "--online"])?;
/// assert!(matches!(cli.command, Command::Health(health) if health.online));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Leaves with code 1 when something is wrong; a warning alone is code 0. Of an audit log of 16 MiB or more it \
                        looks at the end only: `tryaudex audit verify` looks at all of it."
)]
pub struct HealthArgs {
    /// Ask the provider as well whether it would mint, and as whom
    #[arg(long)]
    pub online: bool,
}

/// How something is.
///
/// ```
/// use audex_cli::commands::health::State;
/// assert!(State::Wrong > State::Warning && State::Warning > State::Good);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Something will not work, or is not safe.
    Wrong,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    message: String,
    help: Vec<String>,
}

impl Check {
    fn new(name: &'static str, state: State, message: impl Into<String>) -> Self {
        Self { name, state, message: message.into(), help: Vec::new() }
    }

    fn failed(name: &'static str, failure: Failure) -> Self {
        Self { name, state: State::Wrong, message: failure.message, help: failure.help }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

pub(super) fn run(invocation: &Invocation, args: &HealthArgs) -> Outcome {
    let found = checks::all(invocation, args.online);
    let worst = found.iter().map(|check| check.state).max().unwrap_or(State::Good);
    let code = if worst == State::Wrong { Exit::CheckFailed.code() } else { SUCCESS };
    let output = &invocation.output;
    if output.is_json() {
        output.json(&serde_json::json!({ "state": worst, "checks": found }))?;
        return Ok(code);
    }
    for check in &found {
        let (style, label) = match check.state {
            State::Good => (Style::Good, "good   "),
            State::Warning => (Style::Warning, "warning"),
            State::Wrong => (Style::Error, "wrong  "),
        };
        let message = check.message.lines().map(printable).collect::<Vec<_>>().join("\n                    ");
        output.line(format_args!("{} {:<11} {message}", style.paint(label), check.name))?;
        for help in &check.help {
            output.line(format_args!(
                "        {:<11} {} {}",
                "",
                Style::Help.paint("help:"),
                printable(help)
            ))?;
        }
    }
    Ok(code)
}
