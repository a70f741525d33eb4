//! The smallest run of the benchmark of the broker: that each program does its work and the results are whole. How long
//! anything takes is not looked at.

use axess_peers::skip;
use serde_json::Value;
use std::{path::Path, process::Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_axess-bench-broker");

#[test]
fn one_round() {
    // It lies beside ours where the workspace was built.
    let tryaudex = Path::new(PROGRAM).with_file_name("tryaudex");
    if !tryaudex.is_file() {
        return skip("axess-benches broker::one_round", "tryaudex is not built (cargo build -p audex-cli)");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results/broker.json");
    let mut command = Command::new(PROGRAM);
    command.args(["--rounds", "1", "--records", "20", "--lines", "2000", "--tryaudex"]).arg(tryaudex);
    let output = command.arg("--folder").arg(folder.path()).arg("--json").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let lines: Vec<_> =
        results["append"].as_array().unwrap().iter().map(|case| case["lines"].as_u64().unwrap()).collect();
    assert_eq!(lines, [0, 200, 2_000]);
    for number in
        ["/start/0/p50_ms", "/start/4/ratio_to_true", "/append/2/open_and_append_us", "/memory/2/peak_kib"]
    {
        let found = results.pointer(number).and_then(Value::as_f64);
        assert!(found.is_some_and(|found| found > 0.0), "{number} of {results}");
    }
    assert_eq!(results["start"][4]["program"], "tryaudex run --provider aws -- true");
    // The wrapper and the keeper.
    assert_eq!(results["memory"][0]["processes"], 2, "{results}");
}

#[test]
fn a_wrong_call_says_how_to_call() {
    let output = Command::new(PROGRAM).arg("sqlite").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("`sqlite` is not understood"), "{errors}");
}
