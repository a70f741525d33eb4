//! Each library says what it is not about and forbids unsafe code; no module is a drawer for leftovers.

use super::{Fault, Project, project::File, tokens::matches_at};

/// Names that say nothing about what is inside.
const VAGUE: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"];

pub(super) fn check(project: &Project) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in project.rust_files() {
        if file.path.ends_with("/src/lib.rs") {
            library(file, &mut faults);
        }
        let parts = file.path.trim_end_matches(".rs").split('/');
        if let Some(name) = parts.clone().find(|part| VAGUE.contains(part)) {
            faults.push(vague(&file.path, 1, name));
        }
        for (at, token) in file.tokens.iter().enumerate() {
            if let Some(name) = VAGUE.iter().find(|name| matches_at(&file.tokens, at, &["mod", name])) {
                faults.push(vague(&file.path, token.line, name));
            }
        }
    }
    faults
}

fn library(file: &File, faults: &mut Vec<Fault>) {
    let forbids = file.text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
    if !forbids {
        faults.push(Fault::new(
            &file.path,
            1,
            "unsafe code is not forbidden (add `#![forbid(unsafe_code)]`)",
        ));
    }
    let header: Vec<&str> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
    if !header.iter().any(|line| line.starts_with("//! Does not know about: ")) {
        let message = "the crate's limits are unsaid (open with `//! Does not know about: ...`)";
        faults.push(Fault::new(&file.path, 1, message));
    }
}

fn vague(path: &str, line: usize, name: &str) -> Fault {
    Fault::new(path, line, format!("`{name}` says nothing (name the module after what it holds)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//! A crate.\n//!\n//! Does not know about: the rest.\n#![forbid(unsafe_code)]\n";

    fn count(path: &str, text: &str) -> usize {
        check(&Project::of(&[(path, text)])).len()
    }

    #[test]
    fn a_library_needs_its_header() {
        assert_eq!(count("axess/a/src/lib.rs", GOOD), 0);
        assert_eq!(count("axess/a/src/lib.rs", &GOOD.replace("#![forbid(unsafe_code)]", "")), 1);
        assert_eq!(count("axess/a/src/lib.rs", &GOOD.replace("Does not know", "Knows")), 1);
        assert_eq!(count("axess/a/src/lib.rs", ""), 2);
        assert_eq!(count("axess/a/src/part.rs", ""), 0);
    }

    #[test]
    fn a_vague_module_name_fails() {
        for name in VAGUE {
            assert_eq!(count(&format!("axess/a/src/{name}.rs"), ""), 1, "{name}");
            assert_eq!(count(&format!("axess/a/src/{name}/part.rs"), ""), 1, "{name}");
            assert_eq!(count("axess/a/src/part.rs", &format!("mod {name} {{}}")), 1, "{name}");
        }
        assert_eq!(count("axess/a/src/commonness.rs", "mod utility;"), 0);
    }
}
