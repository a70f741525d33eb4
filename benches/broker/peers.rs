//! Programs of others that assume a role and hand it to a command. Neither scopes it, records it or ends it.

use crate::site::Site;
use axess_peers::{find_program, tools_folder};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// The interpreter itself: what stands in the path may be a script that looks for it each time.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let output =
        Command::new(find_program("python3")?).args(["-c", "import sys; print(sys.executable)"]).output();
    String::from_utf8(output.ok()?.stdout)
        .ok()
        .map(|path| PathBuf::from(path.trim()))
        .filter(|path| path.is_file())
});

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
        if PYTHON.is_none() {
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
        let mut command = site.program(PYTHON.as_deref().unwrap_or(Path::new("python3")));
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
