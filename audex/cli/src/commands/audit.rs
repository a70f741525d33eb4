//! `tryaudex audit`: what happened, and the proof that nobody changed it.

mod event;
mod export;
mod lines;
mod recent;
mod verify;

pub(super) use recent::walk_back;

pub use export::{ExportArgs, ExportFormat};
pub use verify::VerifyArgs;

use super::Invocation;
use crate::exit::{Exit, Failure, Outcome};
use clap::{Args, Subcommand};
use std::{io, path::Path};

/// The arguments of `tryaudex audit`.
///
/// ```
/// use audex_cli::args::{Cli, Command};
/// use clap::Parser;
/// let cli = Cli::try_parse_from(["tryaudex", "audit", "recent", "-n", "5"])?;
/// assert!(matches!(cli.command, Command::Audit(_)));
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What there is to do with the audit log.
///
/// ```
/// let recent = audex_cli::commands::audit::AuditCommand::Recent { number: 20, event: vec![] };
/// assert!(format!("{recent:?}").contains("20"));
/// ```
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Show the newest events, newest first; with --output json one document on each line
    Recent {
        /// How many at most
        #[arg(short, long, value_name = "N", default_value_t = 20)]
        number: usize,
        /// Only events of this type, as in RequestDenied (repeatable)
        #[arg(long, value_name = "TYPE")]
        event: Vec<String>,
    },
    /// Show every event of a session, oldest first; with --output json one document on each line
    Show {
        /// Session, by its id or the first characters of it (at least 4)
        #[arg(value_name = "SESSION")]
        session: String,
    },
    /// Check that no event was changed, removed, added or moved since it was written
    Verify(VerifyArgs),
    /// Write all events, oldest first, for other programs to read
    Export(ExportArgs),
}

pub(super) fn run(invocation: &Invocation, args: &AuditArgs) -> Outcome {
    match &args.command {
        AuditCommand::Recent { number, event } => recent::recent(invocation, *number, event),
        AuditCommand::Show { session } => recent::show(invocation, session),
        AuditCommand::Verify(args) => verify::run(invocation, args),
        AuditCommand::Export(args) => export::run(invocation, args),
    }
}

/// Returns the log's folder.
fn folder(invocation: &Invocation) -> Result<std::path::PathBuf, Failure> {
    Ok(invocation.config()?.settings.audit.folder(&invocation.paths()?))
}

fn unreadable(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::LocalState, format!("cannot read the audit log in {}: {error}", folder.display()))
}
