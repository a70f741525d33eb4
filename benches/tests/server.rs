//! The smallest run of the benchmark of the team server: that each server issues and the results are whole. How fast anything
//! is is not looked at.

use axess_peers::{Kind, skip};
use serde_json::Value;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-server");

#[test]
fn one_round() {
    for kind in [Kind::Postgres, Kind::OpenBao] {
        if let Some(reason) = kind.missing() {
            return skip("axess-benches server::one_round", &reason);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/server.json");
    let mut command = Command::new(PROGRAM);
    command.args(["--rounds", "1", "--seconds", "0.5", "--sessions", "20", "--folder"]).arg(folder.path());
    let output = command.arg("--json").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for (index, one) in results["load"].as_array().unwrap().iter().enumerate() {
        assert_eq!(one["clients"], [1, 16, 64][index / 3]);
        assert!(
            one["per_second"].as_f64().unwrap() > 0.0 && one["p99_ms"].as_f64() >= one["p50_ms"].as_f64()
        );
        assert_eq!(one["ratio_to_openbao"].as_f64().is_some(), index % 3 < 2, "{one}");
    }
    assert_eq!(results["load"].as_array().unwrap().len(), 9);
    assert_eq!(results["memory"].as_array().unwrap().len(), 3);
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("sqlite").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`sqlite` is not understood"), "{errors}");
}
