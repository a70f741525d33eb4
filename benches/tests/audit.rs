//! The smallest run of the benchmark of the trail: that what it writes verifies and its results are whole. How long
//! anything takes is not looked at.

use serde_json::Value;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-audit");

#[test]
fn one_round_of_few_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/audit.json");
    let output = Command::new(PROGRAM)
        .args(["--rounds", "1", "--events", "256", "--logins", "5", "--folder"])
        .arg(folder.path())
        .arg("--json")
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let writers: Vec<_> =
        results["append"].as_array().unwrap().iter().map(|case| case["writers"].as_u64().unwrap()).collect();
    assert_eq!(writers, [1, 16, 64, 256]);
    for number in
        ["/append/0/durable_per_second", "/append/3/cached_ratio", "/verify/per_second", "/logins/2/p99_us"]
    {
        let found = results.pointer(number).and_then(Value::as_f64);
        assert!(found.is_some_and(|found| found > 0.0), "{number} of {results}");
    }
    let trails: Vec<_> =
        results["logins"].as_array().unwrap().iter().map(|side| side["trail"].as_str().unwrap()).collect();
    assert_eq!(trails, ["memory", "tracing-appender", "log"]);
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("sqlite").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`sqlite` is not understood"), "{errors}");
}
