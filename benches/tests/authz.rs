//! The smallest run of the benchmark of decisions: that both sides answer alike and its results are whole. How long they
//! take is not looked at.

use serde_json::Value;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-authz");

#[test]
fn one_round_of_the_smallest_case() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/authz.json");
    let output = Command::new(PROGRAM)
        .args(["--rounds", "1", "--largest", "10", "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let cases = results["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 1, "{results}");
    assert_eq!((&cases[0]["policies"], &cases[0]["entities"]), (&10.into(), &10.into()));
    for number in ["engine_ns", "axess_ns"] {
        assert!(cases[0][number].as_f64().is_some_and(|number| number > 0.0), "{results}");
    }
    assert!(results["greatest_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{results}");
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("sqlite").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`sqlite` is not understood"), "{errors}");
}
