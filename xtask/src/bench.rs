//! `cargo xtask bench`: what a request, a stored session, a decision, a record of them, a brokered command, the team server and an ID token cost.

use std::{path::PathBuf, process::Command};

use crate::{Outcome, process, workspace::Workspace};

const USAGE: &str = "usage: cargo xtask bench [request [CASE...] | stores [BACKEND...] [--rounds N] [--durable] | authz [--rounds N] | audit [--rounds N] | broker [--rounds N] | server [--rounds N] | federation [--rounds N]]";

/// The stores we are compared with, in a workspace of their own.
const PEER: &str = "axess-bench-peer-stores";
const PEER_MANIFEST: &str = "benches/peer-stores/Cargo.toml";

pub(crate) fn run(args: &[String]) -> Outcome {
    let workspace = Workspace::load()?;
    match args.split_first() {
        None => request(&workspace, &[])
            .and_then(|()| stores(&workspace, &[]))
            .and_then(|()| authz(&workspace, &[]))
            .and_then(|()| audit(&workspace, &[]))
            .and_then(|()| broker(&workspace, &[]))
            .and_then(|()| server(&workspace, &[]))
            .and_then(|()| federation(&workspace, &[])),
        Some((name, rest)) if name == "request" => request(&workspace, rest),
        Some((name, rest)) if name == "stores" => stores(&workspace, rest),
        Some((name, rest)) if name == "authz" => authz(&workspace, rest),
        Some((name, rest)) if name == "audit" => audit(&workspace, rest),
        Some((name, rest)) if name == "broker" => broker(&workspace, rest),
        Some((name, rest)) if name == "server" => server(&workspace, rest),
        Some((name, rest)) if name == "federation" => federation(&workspace, rest),
        Some((name, _)) => Err(format!("there is no benchmark `{name}`\n{USAGE}")),
    }?;
    println!("results: {}", results(&workspace).display());
    Ok(())
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
        assert!(
            ["`sores`", "request", "stores", "authz", "audit", "broker", "server", "federation"]
                .iter()
                .all(|text| message.contains(text)),
            "{message}"
        );
    }

    #[test]
    fn what_is_built_is_there() {
        let root = crate::workspace::root();
        let manifest = std::fs::read_to_string(root.join(PEER_MANIFEST)).unwrap();
        assert!(manifest.contains(&format!("name = \"{PEER}\"")), "{manifest}");
        assert!(root.join(PEER_MANIFEST).with_file_name("Cargo.lock").is_file());
    }
}
