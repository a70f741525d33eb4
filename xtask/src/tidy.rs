//! `cargo xtask tidy`: the house rules that neither rustc nor clippy checks.
//!
//! One rule, one file. A rule reads the [`Project`] and returns its faults; all rules run, all faults are printed.
//! Every rule has a test that shows it can fail.

mod ambient;
mod arrows;
mod crate_header;
mod dependencies;
mod doc_lines;
mod features;
mod lockfile;
mod map;
mod project;
mod readme;
mod sizes;
mod stubs;
mod table;
mod tokens;
mod words;

pub(crate) use project::{Fault, Project};

use crate::{Outcome, no_arguments};

/// A named check over the whole project.
struct Rule {
    name: &'static str,
    check: fn(&Project) -> Vec<Fault>,
}

const RULES: &[Rule] = &[
    Rule { name: "arrows", check: arrows::check },
    Rule { name: "sizes", check: sizes::check },
    Rule { name: "ambient", check: ambient::check },
    Rule { name: "stubs", check: stubs::check },
    Rule { name: "crate_header", check: crate_header::check },
    Rule { name: "features", check: features::check },
    Rule { name: "dependencies", check: dependencies::check },
    Rule { name: "lockfile", check: lockfile::check },
    Rule { name: "doc_lines", check: doc_lines::check },
    Rule { name: "words", check: words::check },
    Rule { name: "readme", check: readme::check },
    Rule { name: "map", check: map::check },
];

/// Runs every rule and prints every fault.
pub(crate) fn run(args: &[String]) -> Outcome {
    no_arguments("tidy", args)?;
    let project = Project::load()?;
    let mut faults: Vec<Fault> = project.unreadable();
    for rule in RULES {
        faults.extend((rule.check)(&project));
    }
    faults.sort();
    faults.dedup();
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        println!("tidy: no fault in {} files ({})", project.file_count(), names.join(", "));
        return Ok(());
    }
    Err(format!("tidy found {} fault(s)", faults.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_file() {
        for rule in RULES {
            let file = crate::workspace::root().join(format!("xtask/src/tidy/{}.rs", rule.name));
            assert!(file.is_file(), "{} is missing", file.display());
        }
    }

    #[test]
    fn an_empty_project_has_no_fault() {
        let project = Project::of(&[]);
        for rule in RULES {
            assert_eq!((rule.check)(&project), [], "{}", rule.name);
        }
    }
}
