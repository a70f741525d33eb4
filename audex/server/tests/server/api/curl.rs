//! The command lines of the documentation, by the real curl. What is added is where the server is, and who calls.

use super::{Api, client::members, pretend::PretendSite};
use crate::site::Someone;
use audex_core::{IssueRules, approval::ApprovalRules};
use audex_policy::Rules;
use axess_peers::{find_program, skip};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs a command line of a shell, as somebody.
async fn run(site: &PretendSite, who: &Someone, line: &str) -> String {
    let line =
        line.replace("http://localhost:8080", &site.url).replace("http://broker.company.com:8080", &site.url);
    let line = if line.contains("Authorization") {
        line
    } else {
        line.replacen("curl ", "curl -H \"Authorization: Bearer $TOKEN\" ", 1)
    };
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("TOKEN", &who.bearer).env_remove("http_proxy");
    let output = shell.output().await.unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const REQUEST: &str = r#"curl -X POST http://localhost:8080/credentials \
-H "Content-Type: application/json" \
-d '{
"allow": "s3:GetObject",
"ttl": "15m",
"provider": "aws"
}'"#;

const BATCH: &str = r#"curl -X POST http://broker.company.com:8080/credentials/batch \
-H "Content-Type: application/json" \
-d '[
{
"allow": "s3:GetObject",
"ttl": "15m",
"provider": "aws"
},
{
"allow": "storage.objects.get",
"ttl": "15m",
"provider": "gcp"
}
]'"#;

#[tokio::test]
async fn credentials_are_asked_for_as_documented() {
    if find_program("curl").is_none() {
        return skip("credentials_are_asked_for_as_documented", "no curl");
    }
    let site = PretendSite::new(IssueRules::default()).await;
    let alice = site.someone("alice@example.com", &[]).await;
    let body = json_of(&run(&site, &alice, REQUEST).await);
    assert_eq!(members(&body), ["credentials", "expires_at", "provider", "session_id"]);
    assert_eq!(body["provider"], "aws");
    let parts = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    assert_eq!(members(&body["credentials"]), parts);
    let batch = json_of(&run(&site, &alice, BATCH).await);
    let providers: Vec<&Value> =
        batch["results"].as_array().unwrap().iter().map(|item| &item["provider"]).collect();
    assert_eq!(providers, ["aws", "gcp"], "{batch}");
    site.stop().await;
}

#[tokio::test]
async fn approvers_decide_as_documented() {
    if find_program("curl").is_none() {
        return skip("approvers_decide_as_documented", "no curl");
    }
    let sensitive = Rules::parse(["s3:*"]).unwrap();
    let approval =
        ApprovalRules { required: 1, roles: vec!["admin".to_owned(), "security".to_owned()], sensitive };
    let site = PretendSite::new(IssueRules { approval: Some(approval), ..IssueRules::default() }).await;
    let alice = site.someone("alice@example.com", &[]).await;
    let bob = site.someone("bob@example.com", &["security"]).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let body = json_of(&run(&site, &alice, REQUEST).await);
        assert_eq!(body["status"], "pending_approval");
        waiting.push(body["session_id"].as_str().unwrap().to_owned());
    }
    let list = "curl http://localhost:8080/approvals/pending \\\n-H \"Authorization: Bearer $TOKEN\"";
    assert_eq!(json_of(&run(&site, &bob, list).await)["items"].as_array().unwrap().len(), 2);
    let approve = r#"curl -X POST http://localhost:8080/approvals/a1b2c3d4/approve \
-H "Authorization: Bearer $TOKEN" \
-d '{"comment": "Approved for data migration task"}'"#;
    let deny = r#"curl -X POST http://localhost:8080/approvals/a1b2c3d4/deny \
-H "Authorization: Bearer $TOKEN" \
-d '{"comment": "TTL too long"}'"#;
    for (line, id, status) in [(approve, &waiting[0], "approved"), (deny, &waiting[1], "denied")] {
        let body = json_of(&run(&site, &bob, &line.replace("a1b2c3d4", &id[..8])).await);
        assert_eq!(body["status"], status);
    }
    let picked_up = Api::at(&site.url, &alice.bearer).get(&format!("/credentials/{}", waiting[0])).await;
    assert_eq!(picked_up.is(200)["provider"], "aws");
    site.stop().await;
}

#[tokio::test]
async fn evidence_is_exported_as_documented() {
    if find_program("curl").is_none() {
        return skip("evidence_is_exported_as_documented", "no curl");
    }
    let site = PretendSite::new(IssueRules::default()).await;
    let alice = site.someone("alice@example.com", &["auditor"]).await;
    run(&site, &alice, REQUEST).await;
    let line = "curl http://localhost:8080/audit/export?format=json \\\n-H \"Authorization: Bearer $TOKEN\"";
    let mut rows = Value::Null;
    // Evidence reaches the place where it is searched a moment later.
    for _ in 0..1_200 {
        rows = json_of(&run(&site, &alice, line).await);
        if rows.to_string().contains("credential_requested") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let requested = |row: &&Value| row["event_type"] == "credential_requested";
    let row = rows.as_array().unwrap().iter().find(requested).unwrap_or_else(|| panic!("{rows}"));
    assert_eq!(row["user"], "alice@example.com");
    assert_eq!(
        (&row["action"], &row["ttl"], &row["provider"]),
        (&json!("s3:GetObject"), &json!("15m"), &json!("aws"))
    );
    assert!(row["timestamp"].as_str().unwrap().ends_with('Z') && row["status"].is_string(), "{row}");
    let csv = run(&site, &alice, &line.replace("json", "csv")).await;
    let head = csv.lines().next().unwrap();
    for name in ["timestamp", "event_type", "user", "action", "ttl", "provider", "status"] {
        assert!(head.split(',').any(|column| column.trim_matches('"') == name), "{head}");
    }
    site.stop().await;
}
