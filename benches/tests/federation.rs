//! The smallest run of the benchmark of logins at providers: that both sides answer alike and its results are whole. How long they
//! take is not looked at.

use serde_json::Value;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-federation");

#[test]
fn one_round() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/federation.json");
    let output = Command::new(PROGRAM).args(["--rounds", "1", "--json"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let cases = results["cases"].as_array().unwrap();
    assert_eq!(
        cases.iter().map(|case| case["algorithm"].as_str().unwrap()).collect::<Vec<_>>(),
        ["RS256", "ES256"]
    );
    for number in [
        "/cases/0/jsonwebtoken_ns",
        "/cases/1/axess_ns",
        "/greatest_ratio",
        "/callback/p50_ns",
        "/callback/by_hand_ns",
    ] {
        let found = results.pointer(number).and_then(Value::as_f64);
        assert!(found.is_some_and(|found| found > 0.0), "{number} of {results}");
    }
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("sqlite").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`sqlite` is not understood"), "{errors}");
}
