use super::ledger::*;
use crate::store::place::{administered, who};
use audex_core::{Requester, audit::BrokerEvent};
use audex_server::evidence::{AuditQuery, ExportFormat};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde_json::Value;

async fn export(ledger: &Ledger, format: ExportFormat, query: AuditQuery) -> String {
    let chunks: Vec<_> = ledger.evidence.export(format, query).try_collect().await.unwrap();
    String::from_utf8(chunks.concat()).unwrap()
}

on_each!(everything_is_exported_oldest_first, |ledger: Ledger| async move {
    for minute in 1..=700 {
        ledger.session("alice@example.com", at(minute)).await;
    }
    ledger.login(at(701)).await;
    ledger.place.clock.set(at(702));
    let text = export(&ledger, ExportFormat::Json, AuditQuery::default()).await;
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(events.len(), 1_402);
    let time = |event: &Value| event["timestamp"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let times: Vec<_> = events.iter().map(time).collect();
    let late = times.windows(2).position(|pair| pair[0] > pair[1]);
    assert_eq!(late.map(|at| &events[at..at + 2]), None);
    assert_eq!(events[1]["event_type"], "credential_requested");
    assert_eq!(events.last().unwrap()["user"], "alice@example.com");
    let query = AuditQuery {
        event_type: Some("credential_issued".to_owned()),
        since: Some(at(10)),
        until: Some(at(12)),
        ..AuditQuery::default()
    };
    let text = export(&ledger, ExportFormat::Csv, query).await;
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[0],
        "\"timestamp\",\"event_type\",\"user\",\"action\",\"ttl\",\"provider\",\"status\",\"session_id\",\"event_id\",\"detail\""
    );
    assert!(
        lines[1].starts_with("\"2026-01-01T00:10:00.000001Z\",\"credential_issued\",\"alice@example.com\",")
    );
});

on_each!(an_export_of_nothing_is_whole, |ledger: Ledger| async move {
    let none = || AuditQuery { user: Some("nobody".to_owned()), ..AuditQuery::default() };
    assert_eq!(export(&ledger, ExportFormat::Json, none()).await, "[\n]\n");
    assert_eq!(export(&ledger, ExportFormat::Csv, none()).await.matches("\r\n").count(), 1);
});

on_each!(a_spreadsheet_runs_nothing, |ledger: Ledger| async move {
    let evil = Requester::Principal { email: "=cmd|' /C calc'!A0".to_owned(), groups: vec![] };
    ledger.note(&evil, at(1), administered("=1+1")).await;
    let comment = "\",\"=HYPERLINK(\"\"http://evil\"\")".to_owned();
    let voted = BrokerEvent::ApprovalLapsed { session_id: crate::store::place::new_id(), reason: comment };
    ledger.note(&who("bob@example.com"), at(2), voted).await;
    ledger.place.clock.set(at(3));
    let text = export(&ledger, ExportFormat::Csv, AuditQuery::default()).await;
    assert!(text.contains("\"'=cmd|' /C calc'!A0\",\"'=1+1\""), "{text}");
    for cell in text.split("\",\"") {
        assert!(!cell.starts_with('='), "{cell}");
    }
});
