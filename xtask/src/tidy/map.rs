//! The code map names every library crate, and every path in it exists.

use super::{Fault, Project};

const MAP: &str = "ARCHITECTURE.md";
/// Where library crates live.
const FAMILIES: [&str; 2] = ["axess/", "audex/"];
/// What the rows of the second table leave out: they are about the library, or name the folder themselves.
const ROOTS: [&str; 2] = ["", "axess/"];

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let Some(map) = project.file(MAP) else { return Vec::new() };
    let mut faults = Vec::new();
    for folder in project.files().filter_map(|file| file.path.strip_suffix("/Cargo.toml")) {
        let is_library = FAMILIES.iter().any(|family| folder.starts_with(family));
        if is_library && !map.text.contains(&format!("| `{folder}` |")) {
            faults.push(Fault::new(
                MAP,
                1,
                format!("`{folder}` has no row (say what it is, and what is not in it)"),
            ));
        }
    }
    for (index, line) in map.text.lines().enumerate() {
        let Some((_, places)) = line.strip_prefix("| ").and_then(|row| row.rsplit_once(" | ")) else {
            continue;
        };
        for place in places.split('`').skip(1).step_by(2).filter(|place| place.contains("/src/")) {
            if !exists(project, place.trim_end_matches('/')) {
                faults.push(Fault::new(
                    MAP,
                    index + 1,
                    format!("`{place}` does not exist (say where it is now)"),
                ));
            }
        }
    }
    faults
}

fn exists(project: &Project, place: &str) -> bool {
    ROOTS.iter().any(|root| {
        let place = format!("{root}{place}");
        project.files().any(|file| {
            file.path.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATE: &[(&str, &str)] = &[("axess/clock/Cargo.toml", ""), ("axess/clock/src/lib.rs", "")];

    fn faults(map: &str) -> Vec<String> {
        let files = [CRATE, &[(MAP, map)]].concat();
        check(&Project::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        let message = "ARCHITECTURE.md:1: `axess/clock` has no row (say what it is, and what is not in it)";
        assert_eq!(faults("# Architecture\n"), [message]);
        assert!(faults("| 0 | `axess/clock` | the clock | timers |\n").is_empty());
    }

    #[test]
    fn a_place_that_is_gone_fails() {
        let map =
            |place: &str| format!("| 0 | `axess/clock` | the clock | timers |\n| the time | {place} |\n");
        for known in ["`clock/src/lib.rs`", "`axess/clock/src/lib.rs`, and `clock/src/`"] {
            assert!(faults(&map(known)).is_empty(), "{known}");
        }
        let message = "ARCHITECTURE.md:2: `clock/src/time.rs` does not exist (say where it is now)";
        assert_eq!(faults(&map("`clock/src/lib.rs` and `clock/src/time.rs`")), [message]);
    }
}
