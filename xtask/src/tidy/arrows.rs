//! Dependencies between the workspace's own packages are exactly those that `xtask/arrows.toml` lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Fault, Project};
use crate::workspace::Workspace;

const LIST: &str = "xtask/arrows.toml";

/// The allow-list as written in `arrows.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arrows {
    rows: Vec<Vec<String>>,
    #[serde(default)]
    uses: Edges,
    #[serde(default)]
    dev_uses: Edges,
    #[serde(default)]
    sideways: Vec<Sideways>,
    #[serde(default)]
    never: Vec<Never>,
}

type Edges = BTreeMap<String, BTreeSet<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sideways {
    from: String,
    to: String,
    reason: String,
}

/// Third-party packages that a package must not name, in any dependency table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Never {
    package: String,
    names: Vec<String>,
    reason: String,
}

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let Some(workspace) = project.workspace() else {
        return Vec::new();
    };
    let Some(list) = project.file(LIST) else {
        return vec![Fault::new(LIST, 1, "missing (list the rows and edges of the workspace)")];
    };
    let arrows: Arrows = match toml::from_str(&list.text) {
        Ok(arrows) => arrows,
        Err(error) => return vec![Fault::new(LIST, 1, format!("not understood: {error}"))],
    };
    let mut faults = Vec::new();
    rows(project, workspace, &arrows, &mut faults);
    edges(project, workspace, &arrows.uses, false, &mut faults);
    edges(project, workspace, &arrows.dev_uses, true, &mut faults);
    directions(project, &arrows, &mut faults);
    forbidden_names(project, workspace, &arrows.never, &mut faults);
    faults
}

/// Every package has one row, and every row names packages that exist.
fn rows(project: &Project, workspace: &Workspace, arrows: &Arrows, faults: &mut Vec<Fault>) {
    let listed: Vec<&String> = arrows.rows.iter().flatten().collect();
    for package in &workspace.packages {
        if listed.iter().filter(|name| ***name == package.name).count() != 1 {
            let message = format!("`{}` needs exactly one place in `rows` (add it there)", package.name);
            faults.push(Fault::new(LIST, line(project, "rows"), message));
        }
    }
    for name in listed {
        if workspace.package(name).is_none() {
            let message = format!("`{name}` is no package of the workspace (take it out)");
            faults.push(Fault::new(LIST, line(project, &quoted(name)), message));
        }
    }
}

/// The manifests and the list agree, edge by edge.
fn edges(project: &Project, workspace: &Workspace, listed: &Edges, dev: bool, faults: &mut Vec<Fault>) {
    let table = if dev { "dev_uses" } else { "uses" };
    let mut actual = Edges::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            let is_dev = dependency.kind.as_deref() == Some("dev");
            if is_dev != dev || workspace.package(&dependency.name).is_none() {
                continue;
            }
            let (from, to) = (&package.name, &dependency.name);
            if !listed.get(from).is_some_and(|names| names.contains(to)) {
                let manifest = workspace.manifest_of(package);
                let at = project.file(&manifest).map_or(1, |file| file.line_of(to));
                let message =
                    format!("`{from}` may not use `{to}` (drop it, or argue for it in {LIST} [{table}])");
                faults.push(Fault::new(&manifest, at, message));
            }
            actual.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    for (from, names) in listed {
        for to in names {
            if !actual.get(from).is_some_and(|found| found.contains(to)) {
                let message = format!("[{table}] `{from}` no longer uses `{to}` (take the edge out)");
                faults.push(Fault::new(LIST, line(project, &format!("{from} = ")), message));
            }
        }
    }
}

/// Listed edges point down; one that does not has a reason, and no reason outlives its edge.
fn directions(project: &Project, arrows: &Arrows, faults: &mut Vec<Fault>) {
    let row_of = |name: &str| {
        let holds = |row: &Vec<String>| row.iter().any(|found| found == name);
        arrows.rows.iter().position(holds).unwrap_or(usize::MAX)
    };
    for (from, names) in &arrows.uses {
        for to in names.iter().filter(|to| row_of(to) >= row_of(from)) {
            let excused = arrows
                .sideways
                .iter()
                .any(|edge| edge.from == *from && edge.to == **to && !edge.reason.trim().is_empty());
            if !excused || row_of(to) > row_of(from) {
                let message = format!(
                    "`{from}` -> `{to}` does not point to a lower row \
                     (turn it around; a sideways edge needs a [[sideways]] entry with a reason)"
                );
                faults.push(Fault::new(LIST, line(project, &format!("{from} = ")), message));
            }
        }
    }
    for edge in &arrows.sideways {
        if !arrows.uses.get(&edge.from).is_some_and(|names| names.contains(&edge.to)) {
            let message =
                format!("[[sideways]] `{}` -> `{}` excuses no edge (take it out)", edge.from, edge.to);
            faults.push(Fault::new(LIST, line(project, &quoted(&edge.from)), message));
        }
    }
}

fn forbidden_names(project: &Project, workspace: &Workspace, never: &[Never], faults: &mut Vec<Fault>) {
    for rule in never {
        let Some(package) = workspace.package(&rule.package) else {
            let message =
                format!("[[never]] `{}` is no package of the workspace (take it out)", rule.package);
            faults.push(Fault::new(LIST, line(project, &quoted(&rule.package)), message));
            continue;
        };
        let manifest = workspace.manifest_of(package);
        for dependency in &package.dependencies {
            let is_family = |name: &String| {
                dependency
                    .name
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            if rule.names.iter().any(is_family) {
                let at = project.file(&manifest).map_or(1, |file| file.line_of(&dependency.name));
                let message =
                    format!("`{}` may not use `{}` ({})", rule.package, dependency.name, rule.reason);
                faults.push(Fault::new(&manifest, at, message));
            }
        }
    }
}

fn line(project: &Project, needle: &str) -> usize {
    project.file(LIST).map_or(1, |file| file.line_of(needle))
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "rows = [[\"clock\", \"cache\"], [\"core\"]]\n";
    const CORE_ON_CLOCK: &str = r#"{"name": "clock", "kind": null}"#;

    fn faults(list: &str, core_uses: &str, cache_uses: &str) -> Vec<String> {
        let package = |name: &str, uses: &str| {
            format!(
                r#"{{"name": "{name}", "manifest_path": "/r/{name}/Cargo.toml", "features": {{}}, "dependencies": [{uses}]}}"#
            )
        };
        let json = format!(
            r#"{{"target_directory": "/r/target", "workspace_root": "/r", "packages": [{}, {}, {}]}}"#,
            package("clock", ""),
            package("cache", cache_uses),
            package("core", core_uses),
        );
        let manifest = "[dependencies]\nserde = \"1\"\nclock.workspace = true\n";
        let project = Project::of(&[(LIST, list), ("core/Cargo.toml", manifest)]).with_metadata(&json);
        check(&project).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_listed_edge_passes_and_an_unlisted_one_fails() {
        let list = format!("{ROWS}[uses]\ncore = [\"clock\"]\n");
        assert_eq!(faults(&list, CORE_ON_CLOCK, ""), [""; 0]);
        let found = faults(ROWS, CORE_ON_CLOCK, "");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("core/Cargo.toml:3: `core` may not use `clock`"), "{found:?}");
    }

    #[test]
    fn an_edge_that_is_gone_fails() {
        let found = faults(&format!("{ROWS}[uses]\ncore = [\"clock\"]\n"), "", "");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("xtask/arrows.toml:3: [uses] `core` no longer uses `clock`"),
            "{found:?}"
        );
    }

    #[test]
    fn development_edges_are_a_list_of_their_own() {
        let dev = r#"{"name": "clock", "kind": "dev"}"#;
        assert_eq!(faults(&format!("{ROWS}[dev_uses]\ncore = [\"clock\"]\n"), dev, ""), [""; 0]);
        assert_eq!(faults(&format!("{ROWS}[uses]\ncore = [\"clock\"]\n"), dev, "").len(), 2);
    }

    #[test]
    fn a_sideways_edge_needs_a_reason_and_an_upward_one_has_none() {
        let list = format!("{ROWS}[uses]\ncache = [\"clock\"]\n");
        assert_eq!(faults(&list, "", CORE_ON_CLOCK).len(), 1);
        let edge = "[[sideways]]\nfrom = \"cache\"\nto = \"clock\"\nreason = \"it expires entries\"\n";
        assert_eq!(faults(&format!("{list}{edge}"), "", CORE_ON_CLOCK), [""; 0]);
        assert_eq!(
            faults(&format!("{list}{}", edge.replace("it expires entries", " ")), "", CORE_ON_CLOCK).len(),
            1
        );
        assert_eq!(faults(&format!("{ROWS}{edge}"), "", "").len(), 1, "a reason without an edge");

        let up = format!("{ROWS}[uses]\ncache = [\"core\"]\n{}", edge.replace("\"clock\"", "\"core\""));
        let found = faults(&up, "", r#"{"name": "core", "kind": "build"}"#);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("does not point to a lower row"), "{found:?}");
    }

    #[test]
    fn rows_and_packages_agree() {
        let found = faults("rows = [[\"clock\", \"cache\", \"gone\"]]\n", "", "");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`core` needs exactly one place"), "{found:?}");
        assert!(found[1].contains("`gone` is no package"), "{found:?}");
    }

    #[test]
    fn a_package_may_not_name_what_it_must_not_know() {
        let never =
            "[[never]]\npackage = \"core\"\nnames = [\"axum\", \"cedar\"]\nreason = \"core is pure\"\n";
        let list = format!("{ROWS}{never}");
        for (name, expected) in [("axum", 1), ("cedar-policy", 1), ("axumatic", 0), ("serde", 0)] {
            let uses = format!(r#"{{"name": "{name}", "kind": "dev"}}"#);
            assert_eq!(faults(&list, &uses, "").len(), expected, "{name}");
        }
    }

    #[test]
    fn a_list_that_is_missing_or_misspelt_fails() {
        assert_eq!(faults("rows = []\nrow = 1\n", "", "").len(), 1);
        let json = r#"{"target_directory": "/t", "workspace_root": "/r", "packages": []}"#;
        assert_eq!(check(&Project::of(&[]).with_metadata(json)).len(), 1);
    }
}
