//! Requests that schemathesis makes up from the description.

use super::Api;
use crate::site::{Site, approvals};
use axess_peers::{skip, tools_folder};
use serde_json::json;
use std::process::Stdio;
use tokio::process::Command;

/// How many requests it makes up for each operation: a number, since a time (`--max-time`, which it always uses up) would be
/// other requests on each machine.
const EXAMPLES: &str = "60";

/// What counts as a refusal of what is wrong: its own list, and what is too large (413, 431).
const REFUSALS: &str = r#"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, 431, "5xx"]
"#;

/// What it looks for: failures of ours, and answers that are not as they are described. Not which other methods a path has:
/// pages of the console have some of the API's paths, and are not described.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_made_up_do_not_break_it() {
    let test = "requests_that_are_made_up_do_not_break_it";
    let tools = tools_folder().map(|tools| tools.join("schemathesis")).filter(|folder| folder.is_dir());
    let Some(tools) = tools else { return skip(test, "no schemathesis (cargo xtask peers install)") };
    let site = Site::with(|settings| settings.rules = approvals(1)).await;
    let admin = site.someone("admin@example.com", &[], &["admin", "auditor", "security"]).await;
    let api = Api::of(&site, &admin);
    api.post("/credentials", &json!({"provider": "local", "allow": "orders:GetOrder"})).await.is(200);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schemathesis.toml"), REFUSALS).unwrap();
    let mut python = Command::new("python3");
    python
        .args(["-S", "-m", "schemathesis.cli", "run", &format!("{}/openapi.json", site.url)])
        .args([
            "--max-examples",
            EXAMPLES,
            "--seed",
            "20240101",
            "--workers",
            "1",
            // The same requests each time: what it finds, it finds again.
            "--generation-deterministic",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            CHECKS,
            "--no-color",
            "--max-failures",
            "20",
        ])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "10"])
        .args(["--header", &format!("Authorization: Bearer {}", admin.bearer)])
        .env("PYTHONPATH", tools)
        .env("SCHEMATHESIS_HOOKS", "")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = python.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("test cases") || said.contains("Test cases"), "{said}");
    // The server is alive. The token it was given may be gone: `DELETE /tokens/{id}` is among what it makes up.
    let other = site.someone("other@example.com", &[], &[]).await;
    Api::of(&site, &other).get("/sessions").await.is(200);
    site.stop().await;
}
