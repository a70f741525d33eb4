//! `cargo xtask bench`: what a request, a stored session, a decision, a record of them, a brokered command, the team server and an ID token cost.

use std::{path::PathBuf, process::Command};

use crate::{Outcome, process, workspace::Workspace};

/// What a benchmark is called, what may follow, and how it runs; a run of all takes them in this order.
const BENCHMARKS: &[(&str, &str, Benchmark)] = &[
    ("request", " [CASE...]", request),
    ("stores", " [BACKEND...] [--rounds N] [--durable]", stores),
    ("authz", " [--rounds N]", authz),
    ("audit", " [--rounds N]", audit),
    ("broker", " [--rounds N]", broker),
    ("server", " [--rounds N]", server),
    ("federation", " [--rounds N]", federation),
];

/// Runs one with the arguments that follow its name.
type Benchmark = fn(&Workspace, &[String]) -> Outcome;

/// The stores we are compared with, in a workspace of their own.
const PEER: &str = "axess-bench-peer-stores";
const PEER_MANIFEST: &str = "benches/peer-stores/Cargo.toml";

pub(crate) fn run(args: &[String]) -> Outcome {
    let workspace = Workspace::load()?;
    match args.split_first() {
        None => BENCHMARKS.iter().try_for_each(|(_, _, run)| run(&workspace, &[])),
        Some((name, rest)) => match BENCHMARKS.iter().find(|(known, _, _)| known == name) {
            Some((_, _, run)) => run(&workspace, rest),
            None => Err(format!("there is no benchmark `{name}`\n{}", usage())),
        },
    }?;
    println!("results: {}", results(&workspace).display());
    Ok(())
}

fn usage() -> String {
    let each: Vec<_> = BENCHMARKS.iter().map(|(name, rest, _)| format!("{name}{rest}")).collect();
    format!("usage: cargo xtask bench [{}]", each.join(" | "))
}

fn request(workspace: &Workspace, cases: &[String]) -> Outcome {
    process::run(
        Command::new(process::cargo())
            .args(["bench", "-p", "axess-benches", "--bench", "request", "--"])
            .args(cases)
            .current_dir(&workspace.workspace_root),
    )
}

fn stores(workspace: &Workspace, args: &[String]) -> Outcome {
    process::run(
        Command::new(process::cargo())
            .args(["build", "--release", "--locked", "--manifest-path", PEER_MANIFEST, "--target-dir"])
            .arg(&workspace.target_directory)
            .current_dir(&workspace.workspace_root),
    )?;
    process::run(
        Command::new(process::cargo())
            .args(["run", "--release", "-p", "axess-benches", "--bin", "axess-bench-stores", "--", "--peer"])
            .arg(workspace.target_directory.join("release").join(PEER))
            .arg("--json")
            .arg(results(workspace).join("stores.json"))
            .args(args)
            .current_dir(&workspace.workspace_root),
    )
}

fn authz(workspace: &Workspace, args: &[String]) -> Outcome {
    program(workspace, "authz", &[], args)
}

fn federation(workspace: &Workspace, args: &[String]) -> Outcome {
    program(workspace, "federation", &[], args)
}

fn audit(workspace: &Workspace, args: &[String]) -> Outcome {
    // On the disk of the build folder: the one for temporary files may be memory.
    let folder = results(workspace).display().to_string();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{folder}: {error}"))?;
    program(workspace, "audit", &["--folder", &folder], args)
}

/// Measures on the disk of the build folder.
fn server(workspace: &Workspace, args: &[String]) -> Outcome {
    let folder = results(workspace).display().to_string();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{folder}: {error}"))?;
    program(workspace, "server", &["--folder", &folder], args)
}

/// Measures the program as it would be shipped.
fn broker(workspace: &Workspace, args: &[String]) -> Outcome {
    process::run(
        Command::new(process::cargo())
            .args(["build", "--release", "-p", "audex-cli", "--bin", "tryaudex"])
            .current_dir(&workspace.workspace_root),
    )?;
    let tryaudex = workspace.target_directory.join("release/tryaudex").display().to_string();
    let folder = results(workspace).display().to_string();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{folder}: {error}"))?;
    program(workspace, "broker", &["--tryaudex", &tryaudex, "--folder", &folder], args)
}

/// Runs the program of one benchmark.
fn program(workspace: &Workspace, name: &str, own: &[&str], args: &[String]) -> Outcome {
    process::run(
        Command::new(process::cargo())
            .args([
                "run",
                "--release",
                "-p",
                "axess-benches",
                "--bin",
                &format!("axess-bench-{name}"),
                "--",
                "--json",
            ])
            .arg(results(workspace).join(format!("{name}.json")))
            .args(own)
            .args(args)
            .current_dir(&workspace.workspace_root),
    )
}

fn results(workspace: &Workspace) -> PathBuf {
    workspace.target_directory.join("axess-bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_benchmark_names_the_known_ones() {
        let message = run(&["sores".to_owned()]).unwrap_err();
        assert!(message.contains("`sores`"), "{message}");
        assert!(BENCHMARKS.iter().all(|(name, _, _)| message.contains(name)), "{message}");
    }

    #[test]
    fn what_is_built_is_there() {
        let root = crate::workspace::root();
        let manifest = std::fs::read_to_string(root.join(PEER_MANIFEST)).unwrap();
        assert!(manifest.contains(&format!("name = \"{PEER}\"")), "{manifest}");
        assert!(root.join(PEER_MANIFEST).with_file_name("Cargo.lock").is_file());
    }
}
