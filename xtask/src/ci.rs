//! `cargo xtask ci`: everything that must pass before a change lands, in order, with the time each step took.

mod deny;
mod features;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{Outcome, demo, process, tidy, workspace::Workspace};

type Step = (&'static str, fn(&Workspace) -> Outcome);

/// Cheap steps first: the tests take most of the time, and only what needs what they build comes after them.
const STEPS: [Step; 8] = [
    ("format", |workspace| cargo(workspace, &["fmt", "--all", "--check"])),
    ("tidy", |_| tidy::run(&[])),
    ("clippy", clippy),
    ("docs", docs),
    ("features", features::run),
    ("test", |workspace| cargo(workspace, &["xtask", "test"])),
    ("demo", |_| demo::run(&["--check".to_owned()])),
    ("deny", deny::run),
];

pub(crate) fn run(args: &[String]) -> Outcome {
    let steps = named(args)?;
    let workspace = Workspace::load()?;
    let (times, outcome) = run_steps(&steps, &workspace);
    print!("\n{}", table(&times, outcome.is_ok()));
    outcome
}

/// The steps of these names, in the order in which all are run; without names, all.
fn named(names: &[String]) -> Result<Vec<Step>, String> {
    let known = STEPS.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no step `{unknown}`; the steps are {}", known.join(", ")));
    }
    Ok(STEPS.into_iter().filter(|(name, _)| names.is_empty() || names.iter().any(|n| n == name)).collect())
}

/// Runs steps up to the first that fails; returns how long each took.
fn run_steps(steps: &[Step], workspace: &Workspace) -> (Vec<(&'static str, Duration)>, Outcome) {
    let mut times = Vec::new();
    for (name, step) in steps {
        println!("\n==== {name}");
        let started = Instant::now();
        let outcome = step(workspace);
        times.push((*name, started.elapsed()));
        if let Err(message) = outcome {
            return (times, Err(format!("step `{name}`: {message}")));
        }
    }
    (times, Ok(()))
}

fn table(times: &[(&str, Duration)], passed: bool) -> String {
    let mut text = String::new();
    for (index, (name, time)) in times.iter().enumerate() {
        let verdict = if passed || index + 1 < times.len() { "ok" } else { "FAILED" };
        text.push_str(&format!("{name:<10} {:>7.1} s  {verdict}\n", time.as_secs_f64()));
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    text.push_str(&format!("{:<10} {:>7.1} s\n", "total", total.as_secs_f64()));
    text
}

fn clippy(workspace: &Workspace) -> Outcome {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    cargo(workspace, &args)
}

fn docs(workspace: &Workspace) -> Outcome {
    process::run(
        Command::new(process::cargo())
            .args(["doc", "--no-deps", "--workspace", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .current_dir(&workspace.workspace_root),
    )
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Outcome {
    process::run(Command::new(process::cargo()).args(args).current_dir(&workspace.workspace_root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_named_and_keep_their_order() {
        let names = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            named(&words).map(|steps| steps.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["deny", "format"]).unwrap(), ["format", "deny"]);
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        let refused = names(&["docs", "test1"]).unwrap_err();
        assert!(refused.contains("`test1`") && refused.contains("tidy, clippy, docs"), "{refused}");
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let workspace = Workspace::load().unwrap();
        let steps: [Step; 3] =
            [("one", |_| Ok(())), ("two", |_| Err("broken".to_owned())), ("three", |_| Ok(()))];
        let (times, outcome) = run_steps(&steps, &workspace);
        assert_eq!(outcome.unwrap_err(), "step `two`: broken");
        let names: Vec<&str> = times.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["one", "two"]);

        let table = table(&times, false);
        assert!(table.contains("one            0.0 s  ok\n"), "{table}");
        assert!(table.contains("two            0.0 s  FAILED\n"), "{table}");
    }
}
