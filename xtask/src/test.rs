//! `cargo xtask test`: every test of the workspace, with the programs and servers the tests talk to.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use axess_peers::Server;

use crate::{Outcome, no_arguments, peers, process, workspace::Workspace};

/// The variable that names the skip file. A test that lacks a program it needs appends one line, `name: reason`.
const SKIP_FILE: &str = "AXESS_SKIP_FILE";

/// Environment variables of the tests.
type Variables = Vec<(String, String)>;

pub(crate) fn run(args: &[String]) -> Outcome {
    no_arguments("test", args)?;
    let started = Instant::now();
    if let Err(message) = peers::install() {
        println!(
            "peers: {message}\npeers: going on; a test that needs a missing program is listed as skipped"
        );
    }
    let workspace = Workspace::load()?;
    let skip_file = workspace.target_directory.join("skips.txt");
    std::fs::create_dir_all(&workspace.target_directory)
        .and_then(|()| std::fs::write(&skip_file, ""))
        .map_err(|error| format!("{}: {error}", skip_file.display()))?;

    let servers = peers::start_servers();
    let mut variables: Variables = servers.iter().flat_map(Server::variables).collect();
    variables.push((SKIP_FILE.to_owned(), skip_file.display().to_string()));
    let tests = tests(&workspace, &variables).and_then(|()| doctests(&workspace, &variables));
    drop(servers);
    let skips =
        std::fs::read_to_string(&skip_file).map_err(|error| format!("{}: {error}", skip_file.display()))?;
    let skipped = report(&skips);
    let verdict = if tests.is_ok() { "all tests passed" } else { "tests FAILED" };
    println!("xtask test: {verdict}, {skipped} skipped, {:.0} s", started.elapsed().as_secs_f64());
    tests.and_then(|()| judge(skipped, process::in_ci()))
}

/// Unit and integration tests, under nextest where it is installed.
fn tests(workspace: &Workspace, variables: &Variables) -> Outcome {
    let scope = ["--workspace", "--all-features", "--no-fail-fast"];
    let mut command = cargo(workspace, variables);
    if has_nextest() {
        command.args(["nextest", "run"]).args(scope);
    } else {
        command.arg("test").args(scope).args(["--lib", "--bins", "--tests"]);
    }
    process::run(&mut command)
}

fn doctests(workspace: &Workspace, variables: &Variables) -> Outcome {
    let scope = ["test", "--workspace", "--all-features", "--no-fail-fast", "--doc"];
    process::run(cargo(workspace, variables).args(scope))
}

fn cargo(workspace: &Workspace, variables: &Variables) -> Command {
    let mut command = Command::new(process::cargo());
    let variables = variables.iter().map(|(name, value)| (name, value));
    command.current_dir(&workspace.workspace_root).envs(variables);
    command
}

fn has_nextest() -> bool {
    Command::new(process::cargo())
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Prints each skipped test and returns how many there are.
fn report(skips: &str) -> usize {
    let mut lines: Vec<&str> = skips.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.sort_unstable();
    lines.dedup();
    for line in &lines {
        println!("skipped {line}");
    }
    lines.len()
}

/// A developer's machine may lack a program; continuous integration may not.
fn judge(skipped: usize, in_ci: bool) -> Outcome {
    if in_ci && skipped > 0 {
        return Err(format!("{skipped} test(s) skipped, and CI=true allows none"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_skipped_test_counts_once() {
        assert_eq!(report(""), 0);
        assert_eq!(report("b: no nginx\n\na: no chromium\nb: no nginx\n"), 2);
    }

    #[test]
    fn a_skip_fails_only_in_ci() {
        assert!(judge(0, true).is_ok());
        assert!(judge(2, false).is_ok());
        assert!(judge(1, true).unwrap_err().contains("CI=true"));
    }
}
