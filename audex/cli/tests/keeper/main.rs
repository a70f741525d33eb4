//! The keeper with real processes: bash, python, coreutils, tmux.
//!
//! No product binary takes part: this program is the wrapper, the keeper and the tests, by its first argument. That
//! is also why it has a `main` of its own.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests, which clippy cannot see without its harness"
)]

mod daemons;
mod endings;
mod jobs;
mod rig;
mod role;
mod signals;
mod transparent;

use std::{panic, process::ExitCode};

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(word) if word == "__keeper" => role::keeper(arguments),
        Some(word) if word == role::STRANGER => role::stranger(arguments),
        Some(word) if word == role::WRAPPER => role::wrapper(arguments.collect()),
        _ => run_tests(&std::env::args().skip(1).collect::<Vec<_>>()),
    }
}

/// Understands what cargo and nextest ask of a test program.
fn run_tests(arguments: &[String]) -> ExitCode {
    let has = |flag: &str| arguments.iter().any(|one| one == flag);
    let names: Vec<&String> =
        arguments.iter().filter(|one| !one.starts_with('-') && *one != "terse").collect();
    let is_wanted = |name: &str| {
        names.is_empty()
            || names.iter().any(|one| if has("--exact") { *one == name } else { name.contains(one.as_str()) })
    };
    let groups = [transparent::TESTS, endings::TESTS, daemons::TESTS, signals::TESTS, jobs::TESTS];
    let tests = groups.into_iter().flatten().filter(|(name, _)| is_wanted(name));
    let mut failed: Vec<&str> = Vec::new();
    for (name, test) in tests {
        if has("--list") {
            // Nextest asks a second time for the ignored ones, of which there are none.
            if !has("--ignored") {
                println!("{name}: test");
            }
            continue;
        }
        let passed = panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed.extend(Some(*name).filter(|_| !passed));
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::from(101)
}
