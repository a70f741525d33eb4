use crate::cases::{Case, Counts};
use axess_authz::{AuthzDecision, AuthzQuery, DenyReason};
use axess_peers::skip;
use axess_rng::MockRng;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    panic::AssertUnwindSafe,
    path::PathBuf,
    process::{Command, Stdio},
};

const PACKAGE: &str = "@cedar-policy/cedar-wasm";
const VERSION: &str = "4.13.0";
const CASES: usize = 300;

/// Reads questions, asks the package, writes answers.
const PROGRAM: &str = r"
import { readFileSync } from 'node:fs';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
const answers = JSON.parse(readFileSync(0, 'utf8')).map((question) => cedar.isAuthorized(question));
process.stdout.write(JSON.stringify(answers));
";

/// Installs the package below the build folder unless it is there, and returns the program that uses it.
fn program() -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cedar-wasm-{VERSION}"));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let runs = |command: &mut Command| command.output().map_err(|error| format!("{command:?}: {error}"));
    runs(Command::new("node").arg("--version"))?;
    if !folder.join("node_modules").join(PACKAGE).join("package.json").exists() {
        let package = format!("{PACKAGE}@{VERSION}");
        let npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let output = runs(Command::new("npm").args(npm).arg(&folder).arg(&package))?;
        if !output.status.success() {
            return Err(format!("npm cannot install {package}"));
        }
    }
    let program = folder.join("decide.mjs");
    fs::write(&program, PROGRAM).map_err(|error| error.to_string())?;
    Ok(program)
}

fn answers(program: &PathBuf, questions: &[Value]) -> Vec<Value> {
    let mut node =
        Command::new("node").arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(&serde_json::to_vec(questions).unwrap()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Compares one decision of ours with the other's answer, under our rule that any error is a denial.
fn compare(case: &Case, answer: &Value, counts: &mut Counts) {
    let graph = case.store.graph(&case.entities).unwrap();
    let query = AuthzQuery {
        principal: &case.principal,
        action: &case.action,
        resource: &case.resource,
        context: &case.context,
    };
    let ours = case.store.decide(query, &graph);
    assert_eq!(answer["type"], "success", "{answer}\n{}", case.source);
    let theirs = &answer["response"];
    let reasons = texts(&theirs["diagnostics"]["reason"]);
    let errors: BTreeSet<&str> = theirs["diagnostics"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["policyId"].as_str().unwrap())
        .collect();
    let ids = |policies: &[String]| {
        policies.iter().map(String::as_str).map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let theirs_are =
        |set: &BTreeSet<&str>| set.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
    match &ours {
        AuthzDecision::Allow { policies } => {
            counts.allowed += 1;
            assert!(theirs["decision"] == "allow" && errors.is_empty(), "{ours}\n{answer}\n{}", case.source);
            assert_eq!(ids(policies), theirs_are(&reasons), "{}", case.source);
        }
        AuthzDecision::Deny { reason: DenyReason::EvaluationFailed { failures }, .. } => {
            counts.failed += 1;
            if theirs["decision"] == "allow" {
                counts.turned += 1;
            }
            let failed: BTreeSet<&str> = failures.iter().map(|failure| failure.policy.as_str()).collect();
            assert_eq!(failed, errors, "{}", case.source);
        }
        AuthzDecision::Deny { policies, .. } => {
            counts.denied += 1;
            assert!(theirs["decision"] == "deny" && errors.is_empty(), "{ours}\n{answer}\n{}", case.source);
            assert_eq!(ids(policies), theirs_are(&reasons), "{}", case.source);
        }
    }
}

#[test]
fn cedar_wasm_decides_the_same() {
    let program = match program() {
        Ok(program) => program,
        Err(reason) => return skip("cedar_wasm_decides_the_same", &reason),
    };
    let rng = MockRng::new(20_260_101);
    let cases: Vec<Case> = (0..CASES).map(|_| Case::draw(&rng)).collect();
    let questions: Vec<Value> = cases.iter().map(|case| case.question.clone()).collect();
    let answers = answers(&program, &questions);
    assert_eq!(answers.len(), cases.len());
    let mut counts = Counts::default();
    for (case, answer) in cases.iter().zip(&answers) {
        compare(case, answer, &mut counts);
    }
    // A generator that hardly ever allows, or never fails, would compare nothing.
    assert!(
        counts.allowed > 50 && counts.denied > 50 && counts.failed > 10 && counts.turned > 2,
        "{counts:?}"
    );
}

#[test]
fn the_comparison_notices_a_difference() {
    let rng = MockRng::new(7);
    let case = std::iter::repeat_with(|| Case::draw(&rng)).find(|case| {
        let graph = case.store.graph(&case.entities).unwrap();
        let query = AuthzQuery {
            principal: &case.principal,
            action: &case.action,
            resource: &case.resource,
            context: &case.context,
        };
        case.store.decide(query, &graph).is_allow()
    });
    let wrong = json!({ "type": "success", "response": { "decision": "deny", "diagnostics": { "reason": [], "errors": [] } } });
    let case = case.unwrap();
    let noticed =
        std::panic::catch_unwind(AssertUnwindSafe(|| compare(&case, &wrong, &mut Counts::default())));
    assert!(noticed.is_err());
}
