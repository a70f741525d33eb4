//! Servers out of npm packages, each with what it needs in a folder of its own.

use std::{fs, path::PathBuf, process::Command};

use axess_peers::Kind;

use crate::{Outcome, process};

/// A package, and the server that is made of it.
struct Package {
    kind: Kind,
    /// Pinned: tests are written against what it does.
    requirement: &'static str,
    /// Below the tools of the build folder.
    folder: &'static str,
}

const PACKAGES: [Package; 1] =
    [Package { kind: Kind::OpenIdProvider, requirement: "oidc-provider@9.13.3", folder: "oidc" }];

/// Fetches those whose server is missing.
pub(super) fn install() -> Outcome {
    // One that cannot be had must not take the others with it.
    let missing = PACKAGES.iter().filter(|package| package.kind.missing().is_some());
    let outcomes: Vec<Outcome> = missing.map(Package::install).collect();
    outcomes.into_iter().collect()
}

/// Returns true for a kind whose server is made of a package.
#[cfg(test)]
pub(super) fn has(kind: Kind) -> bool {
    PACKAGES.iter().any(|package| package.kind == kind)
}

impl Package {
    fn install(&self) -> Outcome {
        let folder = self.folder()?;
        // What is left of an earlier version or a broken download.
        let _ = fs::remove_dir_all(&folder);
        let manifest = folder.join("package.json");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&manifest, "{\"private\":true}\n"))
            .map_err(|error| format!("{}: {error}", manifest.display()))?;
        // No script of a package runs on the developer's machine.
        let quiet = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
        let mut npm = Command::new("npm");
        process::run(npm.args(quiet).arg(self.requirement).current_dir(&folder))?;
        self.kind.missing().map_or(Ok(()), Err)
    }

    fn folder(&self) -> Result<PathBuf, String> {
        Ok(axess_peers::tools_folder().ok_or("this program is in no build folder")?.join(self.folder))
    }
}
