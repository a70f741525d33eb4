//! Compliance reports, computed from what really happened.

use crate::{
    api::{Api, delete_order, id_of},
    site::{Site, Someone, approvals},
};
use audex_server::settings::AuditBackend;
use axess_peers::{find_program, skip};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tokio::process::Command;

const SOC2: &str = "/compliance/report?type=soc2";

/// A server on which alice had two sessions, one of them approved by bob, and was refused one by him and one by the rules.
async fn busy_site(is_copied: bool) -> (Site, Someone) {
    let site = Site::with(|settings| {
        settings.rules = approvals(1);
        if is_copied {
            let path = settings.data.join("search.db");
            settings.audit.backend = AuditBackend::Sqlite { path };
        }
    })
    .await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &["team:devops"], &[]).await);
    let bob = Api::of(&site, &site.someone("bob@example.com", &[], &["security"]).await);
    let audrey = site.someone("audrey@example.com", &[], &["auditor"]).await;
    let get = json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "15m"});
    alice.post("/credentials", &get).await.is(200);
    let late = json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "12h"});
    alice.post("/credentials", &late).await.refused(403, "ttl_not_allowed");
    for verb in ["approve", "deny"] {
        let id = id_of(&alice.post("/credentials", &delete_order()).await.is(202));
        let comment = json!({"comment": "=cmd()"});
        bob.post(&format!("/approvals/{id}/{verb}"), &comment).await.is(200);
        if verb == "approve" {
            alice.get(&format!("/credentials/{id}")).await.is(200);
        }
    }
    (site, audrey)
}

fn amounts(report: &Value, id: &str) -> Vec<u64> {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut figures = sections.flat_map(|section| section["figures"].as_array().unwrap());
    let figure = figures.find(|figure| figure["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    let items = figure["items"].as_array().unwrap().iter();
    items.map(|item| item["amount"].as_u64().unwrap_or(u64::MAX)).collect()
}

fn rows<'a>(report: &'a Value, id: &str) -> &'a Value {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut figures = sections.flat_map(|section| section["figures"].as_array().unwrap());
    &figures.find(|figure| figure["id"] == id).unwrap()["rows"]
}

fn lines(folder: &Path) -> String {
    let entries = fs::read_dir(folder.join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let texts =
        entries.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap_or_default());
    texts.collect()
}

async fn figures_are_of_what_happened(is_copied: bool) {
    let (site, audrey) = busy_site(is_copied).await;
    let audrey = Api::of(&site, &audrey);
    let report = audrey.get(&format!("{SOC2}&format=json")).await.is(200);
    assert_eq!(amounts(&report, "sessions"), [2, 2, 0, 0], "{report}");
    assert_eq!(amounts(&report, "approval_outcomes"), [2, 1, 1, 0, 0, 0, 0]);
    assert_eq!(amounts(&report, "separation"), [1, 0, 0]);
    assert_eq!(amounts(&report, "quorum"), [2, 0, 0]);
    assert_eq!(amounts(&report, "denials"), [1, 333, 1]);
    assert_eq!(rows(&report, "by_team"), &json!([["team:devops", [2, 1]]]));
    assert_eq!(rows(&report, "by_identity"), &json!([["alice@example.com", [2, 1]]]));
    assert_eq!(rows(&report, "votes_by_approver"), &json!([["bob@example.com", [1, 1]]]));
    assert!(rows(&report, "reasons")[0][0].as_str().unwrap().contains("12h"), "{report}");
    // The heads are those of the log: it has the very lines.
    let head = &report["evidence"]["chains"][0];
    let hash = head["hash"].as_str().unwrap();
    assert_eq!(head["chain"], "system");
    let log = lines(site.folder.path());
    let line =
        log.lines().find(|line| line.contains(&format!("\"{hash}\""))).unwrap_or_else(|| panic!("{hash}"));
    assert!(line.contains(&format!("\"seq\":{}", head["sequence"])), "{head}: {line}");
    assert_eq!(report["evidence"]["log"].is_string(), !is_copied);
    let none = audrey.get(&format!("{SOC2}&format=json&from=2020-01-01&to=2020-01-31")).await.is(200);
    assert_eq!(none["period"], json!({"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}));
    assert_eq!(none["evidence"]["events"], 0);
    let csv = audrey.get("/compliance/report?type=iso27001&format=csv").await;
    assert_eq!((csv.status.as_u16(), csv.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"iso27001-report.csv\"");
    assert!(
        csv.text
            .contains("\"approvals\",\"quorum\",\"5.3 8.2\",\"One approval required\",\"\",\"2\",\"count\"")
    );
    site.stop().await;
}

#[tokio::test]
async fn figures_are_of_what_happened_as_the_log_has_it() {
    figures_are_of_what_happened(false).await;
}

#[tokio::test]
async fn figures_are_of_what_happened_as_a_copy_has_it() {
    figures_are_of_what_happened(true).await;
}

#[tokio::test]
async fn curl_saves_a_document_that_a_reader_opens() {
    let test = "curl_saves_a_document_that_a_reader_opens";
    let (Some(curl), Some(reader)) = (find_program("curl"), find_program("pdftotext")) else {
        return skip(test, "no curl or no poppler-utils");
    };
    let (site, audrey) = busy_site(false).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soc2-report.pdf");
    let mut command = Command::new(curl);
    command.arg(format!("{}{SOC2}", site.url)).arg("--output").arg(&path);
    command.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--write-out",
        "%{http_code} %{content_type}",
    ]);
    command.arg("-H").arg(format!("Authorization: Bearer {}", audrey.bearer));
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("200 application/pdf"), "{said}");
    let output = Command::new(reader).arg("-layout").arg(&path).arg("-").output().await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for said in ["SOC 2 access report", &site.url, "team:devops", "bob@example.com", "Chain head", "CC8.1"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let answer = Api::of(&site, &audrey).get(SOC2).await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"soc2-report.pdf\"");
    site.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_said() {
    let site = Site::new().await;
    let audrey = Api::of(&site, &site.someone("audrey@example.com", &[], &["auditor"]).await);
    for (query, detail) in [
        ("", "`type` is soc2 or iso27001"),
        ("?type=pci", "`type` is soc2 or iso27001"),
        ("?type=soc2&format=doc", "`format` is pdf, json or csv"),
        ("?type=soc2&from=yesterday", "`from` is a date"),
        ("?type=soc2&to=2026-02-30", "`to` is a date"),
        ("?type=soc2&from=2026-02-01&to=2026-01-01", "`from` has to be before `to`"),
        ("?type=soc2&from=9999-01-01", "`from` has to be before `to`"),
        ("?type=soc2&until=2026-01-01", "until"),
    ] {
        let problem = audrey.get(&format!("/compliance/report{query}")).await.refused(400, "invalid_request");
        let said = problem["detail"].as_str().unwrap();
        assert!(said.contains(detail), "{query}: {said}");
    }
    for edge in ["from=-262143-01-01", "to=%2B262142-12-31", "from=0000-01-01", "to=0000-01-01T00:00:00Z"] {
        let answer = audrey.get(&format!("{SOC2}&format=csv&{edge}")).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{edge}: {answer:?}");
    }
    site.stop().await;
}

#[tokio::test]
async fn only_those_who_may_read_the_audit_get_one() {
    let site = Site::new().await;
    let alice = Api::of(&site, &site.someone("alice@example.com", &[], &["security"]).await);
    for path in [SOC2, "/compliance/report", "/compliance/report?type=pci"] {
        for bearer in ["", "audx_nobody"] {
            Api::at(&site.url, bearer).get(path).await.refused(401, "unauthenticated");
        }
        alice.get(path).await.refused(403, "forbidden");
    }
    site.stop().await;
}

#[tokio::test]
async fn one_report_is_made_at_a_time() {
    let site = Site::new().await;
    let audrey = Api::of(&site, &site.someone("audrey@example.com", &[], &["auditor"]).await);
    let turn = site.app.evidence.report_turn().unwrap();
    let busy = audrey.get(SOC2).await;
    busy.refused(503, "unavailable");
    assert_eq!(busy.header("retry-after"), "5");
    drop(turn);
    let path = format!("{SOC2}&format=csv");
    assert_eq!(audrey.get(&path).await.status, 200);
    // The turn is given back, also by one that nobody waits for.
    for _ in 0..3 {
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(2), audrey.get(SOC2)).await;
        drop(given_up);
    }
    for _ in 0..1_200 {
        if audrey.get(&path).await.status == 200 {
            return drop(site.stop().await);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the turn is never given back");
}
