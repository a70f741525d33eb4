//! Time and randomness come from the injected clock and generator, never from the system directly.

use super::{Fault, Project, project::File, tokens::matches_at};

/// Where asking the system is allowed: the two crates that wrap it, and programs that measure real time.
const OWNERS: [&str; 4] = ["axess/clock/", "axess/rng/", "xtask/", "benches/"];

/// Calls that ask the system, and what to hold instead.
const CALLS: [(&[&str], &str); 10] = [
    (&["Utc", ":", ":", "now"], CLOCK),
    (&["Local", ":", ":", "now"], CLOCK),
    (&["SystemTime", ":", ":", "now"], CLOCK),
    (&["Instant", ":", ":", "now"], CLOCK),
    (&["Uuid", ":", ":", "new_v4"], RNG),
    (&["Uuid", ":", ":", "now_v7"], RNG),
    (&["rand", ":", ":", "rng"], RNG),
    (&["thread_rng"], RNG),
    (&["OsRng"], RNG),
    (&["getrandom"], RNG),
];

const CLOCK: &str = "take `now`, or hold an `Arc<dyn Clock>`";
const RNG: &str = "take or hold a `SecureRng`; ids are made from it";

pub(super) fn check(project: &Project) -> Vec<Fault> {
    project
        .rust_files()
        .filter(|file| !file.is_test() && !OWNERS.iter().any(|owner| file.path.starts_with(owner)))
        .flat_map(faults_in)
        .collect()
}

fn faults_in(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, token) in file.tokens.iter().enumerate().filter(|(_, token)| !token.in_test) {
        for (call, instead) in CALLS.iter().filter(|(call, _)| matches_at(&file.tokens, at, call)) {
            let message = format!("`{}` asks the system ({instead})", call.concat());
            faults.push(Fault::new(&file.path, token.line, message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Project::of(&[(path, text)])).len()
    }

    #[test]
    fn every_ambient_call_fails() {
        for (call, _) in CALLS {
            let text = format!("fn a() {{ b({}()); }}", call.concat());
            assert_eq!(count("axess/core/src/a.rs", &text), 1, "{text}");
            assert_eq!(count("examples/minimal/src/main.rs", &text), 1, "{text}");
        }
    }

    #[test]
    fn owners_tests_and_mentions_pass() {
        let text = "fn a() { Utc::now(); }";
        for path in [
            "axess/clock/src/system.rs",
            "xtask/src/a.rs",
            "benches/a.rs",
            "axess/core/src/a/tests.rs",
            "axess/core/tests/a.rs",
        ] {
            assert_eq!(count(path, text), 0, "{path}");
        }
        for text in [
            "#[cfg(test)] mod tests { fn a() { Utc::now(); } }",
            "// Utc::now()\nconst A: &str = \"Utc::now()\";",
            "fn a() { clock.now(); Utc::today(); MockClock::now(); }",
        ] {
            assert_eq!(count("axess/core/src/a.rs", text), 0, "{text}");
        }
    }
}
