//! `Cargo.lock` takes crates from the default registry only, and none there carries a name of ours.

use serde::Deserialize;

use super::{Fault, Project};

const LOCK: &str = "Cargo.lock";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Families of names that are ours: a registry crate of that name would be somebody else's code under our label.
const OURS: [&str; 2] = ["axess", "tryaudex"];

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    source: Option<String>,
}

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let Some(file) = project.file(LOCK) else {
        return Vec::new();
    };
    let lock: Lock = match toml::from_str(&file.text) {
        Ok(lock) => lock,
        Err(error) => return vec![Fault::new(LOCK, 1, format!("not understood: {error}"))],
    };
    let mut faults = Vec::new();
    for Package { name, source } in lock.package {
        let Some(source) = source else {
            continue;
        };
        let line = file.line_of(&format!("name = \"{name}\""));
        if source != REGISTRY {
            let message = format!("`{name}` comes from {source} (use a release on the default registry)");
            faults.push(Fault::new(LOCK, line, message));
        }
        if OURS.iter().any(|family| name.starts_with(family)) {
            let message =
                format!("`{name}` is a name of ours, taken from a registry (use the path in this workspace)");
            faults.push(Fault::new(LOCK, line, message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, source: &str) -> usize {
        let lock = format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{source}\n");
        check(&Project::of(&[(LOCK, &lock)])).len()
    }

    #[test]
    fn our_names_come_from_here_and_others_from_the_registry() {
        let registry = format!("source = \"{REGISTRY}\"");
        assert_eq!(count("serde", &registry), 0);
        assert_eq!(count("axess-core", ""), 0);
        assert_eq!(count("axess-core", &registry), 1);
        assert_eq!(count("tryaudex", &registry), 1);
        assert_eq!(count("serde", "source = \"git+https://host.example/serde\""), 1);
    }
}
