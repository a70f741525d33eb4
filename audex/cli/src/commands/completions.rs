//! `tryaudex completions`: a script that completes commands in a shell.

use super::Invocation;
use crate::{
    args::Cli,
    exit::{Outcome, SUCCESS},
};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// The arguments of `tryaudex completions`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "completions", "bash"])?;
/// assert!(matches!(cli.command, Command::Completions(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
#[command(after_help = "For bash: source <(tryaudex completions bash)")]
pub struct CompletionsArgs {
    /// Shell the script is for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script, whatever `--output` says.
pub(super) fn run(invocation: &Invocation, args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tryaudex", &mut script);
    invocation.output.bytes(&script)?;
    Ok(SUCCESS)
}
