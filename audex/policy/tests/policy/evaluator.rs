//! Compares compiled documents with the decisions of an IAM evaluator.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use audex_policy::compile::aws;
use axess_peers::{find_program, skip, tools_folder};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::json;

use crate::model::{Case, cases};

const SCRIPT: &str = include_str!("evaluator.py");

/// How many documents are compared.
const DOCUMENTS: usize = 400;

/// Finds Python, and the folder that its evaluator is unpacked in.
fn evaluator() -> Result<(PathBuf, PathBuf), String> {
    let python = find_program("python3").ok_or("python3 is missing")?;
    let folder = tools_folder().ok_or("this program is in no build folder")?.join("ministack");
    let module = folder.join("ministack/core/iam_evaluator.py");
    if module.is_file() {
        Ok((python, folder))
    } else {
        Err("the Python package ministack is missing (cargo xtask peers install)".to_owned())
    }
}

fn decisions(python: &Path, folder: &Path, cases: &str) -> Vec<Vec<bool>> {
    let mut child = Command::new(python)
        .args(["-B", "-c", SCRIPT])
        .env("PYTHONPATH", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(cases.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_evaluator_of_others_decides_as_we_do() {
    let (python, folder) = match evaluator() {
        Ok(found) => found,
        Err(reason) => return skip("an_evaluator_of_others_decides_as_we_do", &reason),
    };
    // The same cases in each run; other seeds are what the properties are for.
    let mut runner = TestRunner::deterministic();
    let mut compiled: Vec<(Case, String)> = Vec::new();
    while compiled.len() < DOCUMENTS {
        let case = cases().new_tree(&mut runner).unwrap().current();
        if let Ok(policy) = aws::session_policy(&case.narrowed().grant) {
            compiled.push((case, policy.document));
        }
    }
    let points: Vec<_> = Case::points().collect();
    let input: Vec<_> =
        compiled.iter().map(|(_, document)| json!({ "document": document, "points": points })).collect();
    let decided = decisions(&python, &folder, &json!(input).to_string());
    assert_eq!(decided.len(), DOCUMENTS);
    let mut allowed = 0;
    for ((case, document), decided) in compiled.iter().zip(decided) {
        assert_eq!(decided.len(), points.len());
        for ((action, resource), is_allowed) in points.iter().zip(decided) {
            assert_eq!(is_allowed, case.is_granted(action, resource), "{action} {resource}: {document}");
            allowed += usize::from(is_allowed);
        }
    }
    let all = DOCUMENTS * points.len();
    assert!(allowed > all / 50 && allowed < all / 2, "{allowed} of {all} say little");
}
