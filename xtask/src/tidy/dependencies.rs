//! Every third-party dependency has a row in the decision page: what it is for, and what it was chosen over.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Fault, Project, table::first_column};

const PAGE: &str = "docs/decisions/0002-dependencies.md";

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    workspace: Tables,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    #[serde(default, rename = "dev-dependencies")]
    dev_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default, rename = "build-dependencies")]
    build_dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Default, Deserialize)]
struct Tables {
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let documented = project.file(PAGE).map(first_column).unwrap_or_default();
    let mut faults = Vec::new();
    let mut known = Vec::new();
    for file in project.files().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
    {
        let manifest: Manifest = match toml::from_str(&file.text) {
            Ok(manifest) => manifest,
            Err(error) => {
                faults.push(Fault::new(&file.path, 1, format!("not understood: {error}")));
                continue;
            }
        };
        for (name, _) in manifest.entries().filter(|(_, entry)| is_external(entry)) {
            if !documented.iter().any(|(_, row)| row == name) {
                let at = file.line_of(&format!("{name} = "));
                let message = format!("`{name}` is not argued for (add purpose and alternative to {PAGE})");
                faults.push(Fault::new(&file.path, at, message));
            }
            known.push(name.clone());
        }
    }
    for (line, name) in documented {
        if !known.iter().any(|found| found == name) {
            faults.push(Fault::new(
                PAGE,
                line,
                format!("`{name}` is no dependency any more (take the row out)"),
            ));
        }
    }
    faults
}

impl Manifest {
    fn entries(&self) -> impl Iterator<Item = (&String, &toml::Value)> {
        let tables = [
            &self.workspace.dependencies,
            &self.dependencies,
            &self.dev_dependencies,
            &self.build_dependencies,
        ];
        tables.into_iter().flatten()
    }
}

/// An entry that brings a version: not a path, and not a pointer to the workspace's own table.
fn is_external(entry: &toml::Value) -> bool {
    entry.get("path").is_none() && entry.get("workspace").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\nserde = { version = \"1\" }\nours = { path = \"ours\" }\n";

    fn faults(member: &str, page: &str) -> Vec<String> {
        let project = Project::of(&[("Cargo.toml", ROOT), ("a/Cargo.toml", member), (PAGE, page)]);
        check(&project).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dependency_needs_a_row_and_a_row_a_dependency() {
        let member = "[dependencies]\nserde.workspace = true\nours.workspace = true\n";
        assert_eq!(faults(member, "| `serde` | why | what else |\n"), [""; 0]);
        let found = faults(member, "");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("Cargo.toml:2: `serde` is not argued for"), "{found:?}");
        let found = faults(member, "| `serde` | why |\n| `rand` | why |\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(&format!("{PAGE}:2: `rand`")), "{found:?}");
    }

    #[test]
    fn a_version_outside_the_root_counts_too() {
        let found = faults("[build-dependencies]\ncc = \"1\"\n", "| `serde` | why |\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a/Cargo.toml:2: `cc`"), "{found:?}");
    }
}
