//! The smallest run of the store benchmark: that its programs understand each other and its results are whole. What they
//! say is not looked at.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fault must stop the test, in the parts that tests share too"
)]

use axess_peers::{Kind, skip};
use serde_json::Value;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-stores");
const VERBS: [&str; 4] = ["load", "save", "insert", "rotate"];

/// Runs one round on a backend and returns the results. Both sides are our own program: building the other takes minutes.
fn results_on(backend: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/stores.json");
    let output = Command::new(PROGRAM)
        .args([backend, "--rounds", "1", "--peer", PROGRAM, "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("a password login of a visitor"), "{printed}");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn is_whole(backend: &str) {
    let results = results_on(backend);
    assert_eq!(results["rounds"], 1);
    let [only] = results["backends"].as_array().unwrap().as_slice() else {
        panic!("{results}");
    };
    assert_eq!(only["name"], backend);
    let cases: Vec<_> =
        only["cases"].as_array().unwrap().iter().map(|case| (&case["verb"], &case["callers"])).collect();
    let expected: Vec<_> = VERBS.iter().flat_map(|verb| [1, 16].map(|callers| (*verb, callers))).collect();
    assert_eq!(cases.len(), expected.len());
    assert!(
        cases.iter().zip(&expected).all(|(case, wanted)| case.0 == wanted.0 && *case.1 == wanted.1),
        "{results}"
    );
    for case in only["cases"].as_array().unwrap() {
        for number in ["ours_per_second", "theirs_per_second", "ratio"] {
            assert!(case[number].as_f64().is_some_and(|number| number > 0.0), "{case}");
        }
    }
    let login = results["password_login"].as_array().unwrap();
    assert!(login.iter().any(|step| step["call"] == "cycle"), "{login:?}");
}

#[test]
fn one_round_in_memory() {
    is_whole("memory");
}

#[test]
fn one_round_on_sqlite() {
    is_whole("sqlite");
}

mod servers {
    use super::*;

    fn on(kind: Kind, backend: &str) {
        match kind.missing() {
            None => is_whole(backend),
            Some(reason) => skip(&format!("one_round_on_{backend}"), &reason),
        }
    }

    #[test]
    fn one_round_on_postgres() {
        on(Kind::Postgres, "postgres");
    }

    #[test]
    fn one_round_on_mariadb() {
        on(Kind::MariaDb, "mariadb");
    }

    #[test]
    fn one_round_on_redis() {
        on(Kind::Redis, "redis");
    }
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("oracle").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`oracle` is no backend"), "{errors}");
}

#[test]
fn a_peer_that_does_not_start_is_a_failure() {
    for (peer, named) in [("/no-such-program", "does not start"), ("/bin/true", "theirs ended")] {
        let output =
            Command::new(PROGRAM).args(["memory", "--rounds", "1", "--peer", peer]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(named), "{errors}");
    }
}

/// Two workspaces, but one comparison.
#[test]
fn both_programs_are_compiled_alike() {
    let release = |manifest: &str| {
        let text = std::fs::read_to_string(format!("{}/{manifest}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (_, after) = text.split_once("[profile.release]\n").unwrap();
        after.split("\n[").next().unwrap().trim().to_owned()
    };
    let ours = release("../Cargo.toml");
    assert!(ours.contains("codegen-units"), "{ours}");
    assert_eq!(release("peer-stores/Cargo.toml"), ours);
}
