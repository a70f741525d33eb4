//! Programs of others that assume a role and hand it to a command. Neither scopes it, records it or ends it.

use crate::site::Site;
use axess_peers::{find_program, tools_folder};
use std::process::Command;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// `aws-export-credentials --exec`.
    ExportCredentials,
    /// `awsumepy`, whose output a shell evaluates; that is not counted.
    Awsume,
}

impl Peer {
    /// Those that are here (`cargo xtask peers install`).
    pub(crate) fn all() -> Vec<Self> {
        let module =
            |name: &str| tools_folder().is_some_and(|tools| tools.join("brokers").join(name).is_dir());
        if find_program("python3").is_none() {
            return Vec::new();
        }
        let known = [(Self::ExportCredentials, "aws_export_credentials"), (Self::Awsume, "awsume")];
        known.into_iter().filter(|(_, name)| module(name)).map(|(peer, _)| peer).collect()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ExportCredentials => "aws-export-credentials",
            Self::Awsume => "awsume",
        }
    }

    /// The command that assumes the role of the profile `app`, and has it used by another.
    pub(crate) fn command(self, site: &Site, used_by: &[&str]) -> Command {
        let python = find_program("python3").unwrap_or_else(|| "python3".into());
        let mut command = site.program(&python);
        // It may keep its compiled modules, as it would where it is installed.
        command.envs(tools_folder().map(|tools| ("PYTHONPATH", tools.join("brokers"))));
        match self {
            Self::ExportCredentials => {
                command.args(["-m", "aws_export_credentials", "--profile", "app", "--exec"]).args(used_by)
            }
            Self::Awsume => command.args(["-c", "from awsume.awsumepy.main import main; main()", "app"]),
        };
        command
    }
}
