//! The workspace as cargo and git see it: packages, their dependencies and features, and the files that count.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::process;

/// What `cargo metadata --no-deps` tells about the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Every member package.
    pub(crate) packages: Vec<Package>,
    /// The build folder in force, wherever `CARGO_TARGET_DIR` puts it.
    pub(crate) target_directory: PathBuf,
    /// The folder of the root `Cargo.toml`.
    pub(crate) workspace_root: PathBuf,
}

/// One member package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// One dependency as a manifest states it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Asks cargo. Reads manifests only: no network, no build.
    pub(crate) fn load() -> Result<Self, String> {
        let json = process::output_of(
            Command::new(process::cargo())
                .args(["metadata", "--no-deps", "--format-version", "1"])
                .current_dir(root()),
        )?;
        serde_json::from_str(&json).map_err(|error| format!("cargo metadata is not understood: {error}"))
    }

    /// Returns a member by name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Returns a package's manifest path relative to the root.
    pub(crate) fn manifest_of(&self, package: &Package) -> String {
        let path = &package.manifest_path;
        let relative = path.strip_prefix(&self.workspace_root).unwrap_or(path);
        relative.to_string_lossy().into_owned()
    }
}

/// Returns the root of the workspace.
///
/// The variable that cargo sets at run time comes first: two checkouts may share one build folder, and then the path
/// compiled in can be the other one's.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir.parent().map_or(manifest_dir.clone(), Path::to_path_buf)
}

/// Lists the files of the project relative to its root: tracked ones and new ones that are not ignored.
pub(crate) fn files() -> Result<Vec<String>, String> {
    let list = process::output_of(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root()),
    )?;
    let root = root();
    let mut files: Vec<String> = list
        .split('\0')
        .filter(|name| !name.is_empty() && root.join(name).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}
