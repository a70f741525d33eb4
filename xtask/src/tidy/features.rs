//! The facade's feature flags and `docs/features.md` list the same names.

use super::{Fault, Project, table::first_column};

const FACADE: &str = "axess";
const PAGE: &str = "docs/features.md";

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let Some(workspace) = project.workspace() else {
        return Vec::new();
    };
    let Some(facade) = workspace.package(FACADE) else {
        return Vec::new();
    };
    let manifest = workspace.manifest_of(facade);
    let documented = project.file(PAGE).map(first_column).unwrap_or_default();
    let mut faults = Vec::new();
    for feature in facade.features.keys() {
        if !documented.iter().any(|(_, name)| name == feature) {
            let at = project.file(&manifest).map_or(1, |file| file.line_of(&format!("{feature} = [")));
            let message = format!("feature `{feature}` is not documented (add a row for it to {PAGE})");
            faults.push(Fault::new(&manifest, at, message));
        }
    }
    for (line, name) in documented {
        if !facade.features.contains_key(name) {
            let message = format!("`{name}` is no feature of `{FACADE}` (take the row out)");
            faults.push(Fault::new(PAGE, line, message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(features: &str, page: &str) -> Vec<String> {
        let json = format!(
            r#"{{"target_directory": "/r/target", "workspace_root": "/r", "packages": [{{"name": "axess",
            "manifest_path": "/r/axess/axess/Cargo.toml", "dependencies": [], "features": {features}}}]}}"#
        );
        let manifest = "[features]\ndefault = [\"a\"]\na = []\n";
        let project = Project::of(&[("axess/axess/Cargo.toml", manifest), (PAGE, page)]).with_metadata(&json);
        check(&project).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn flags_and_rows_agree() {
        let page = "| Feature | Adds |\n|---|---|\n| `default` | a |\n| `a` | an API |\n";
        assert_eq!(faults(r#"{"default": ["a"], "a": []}"#, page), [""; 0]);
        let found = faults(r#"{"default": ["a"], "a": []}"#, &page.replace("| `a`", "| a"));
        assert_eq!(
            found,
            [
                "axess/axess/Cargo.toml:3: feature `a` is not documented (add a row for it to docs/features.md)"
            ]
        );
        let found = faults(r#"{"default": []}"#, page);
        assert_eq!(found, ["docs/features.md:4: `a` is no feature of `axess` (take the row out)"]);
    }
}
