//! Searching, and streams of what was found.

use crate::fixture::{Place, day, event, event_id, logged, open_log, row, start, tenant, user, with_fields};
use axess_audit::{
    AuditRecord,
    export::{
        AuditSearch, CSV_COLUMNS, EventSource, ExportError, InvalidPageToken, MAX_SCANNED, PageToken,
        export_csv, export_json, export_ndjson,
    },
};
use axess_core::{
    memory::MemoryAuditStore,
    store::{AuditOrder, AuditRow, AuditScope, AuditStore},
};
use axess_events::Actor;
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const MINE: u8 = 1;

fn all() -> AuditSearch {
    AuditSearch::new(AuditScope::Tenant(tenant(MINE)))
}

/// 60 events that differ in everything that is searched for, and one of somebody else.
fn sample() -> Vec<AuditRow> {
    let mut rows = Vec::new();
    for n in 0..60_u64 {
        let at = start() + TimeDelta::seconds(i64::try_from(n / 4).unwrap());
        let fields = json!({ "user_id": user(u8::try_from(n % 3).unwrap()), "note": format!("Größe {n}") });
        let mut event = with_fields(n, tenant(MINE), at, fields);
        event.payload.event_type =
            ["LoginFailed", "Logout", "FactorFailed"][usize::try_from(n % 3).unwrap()].into();
        event.actor = Some(if n % 2 == 0 { Actor::System } else { Actor::Operator("alice@ops".into()) });
        event.client_ip = Some(format!("192.0.2.{}", n % 5).parse().unwrap());
        rows.push(row(&event, None));
    }
    rows.push(row(&event(999, tenant(2), start()), None));
    rows
}

async fn store() -> MemoryAuditStore {
    let store = MemoryAuditStore::new();
    store.append(sample()).await.unwrap();
    store
}

async fn found(search: &AuditSearch, limit: usize) -> Vec<AuditRecord> {
    let (store, mut records, mut token) = (store().await, Vec::new(), None);
    loop {
        let page = search.page(&store, limit, token).await.unwrap();
        assert!(page.records.len() <= limit);
        records.extend(page.records);
        // Tokens are texts on their way to the client and back.
        token = page.next.map(|token| token.to_string().parse().unwrap());
        if token.is_none() {
            return records;
        }
    }
}

#[tokio::test]
async fn every_condition_must_hold_on_every_page() {
    let from = Some(start() + TimeDelta::seconds(3));
    let until = Some(start() + TimeDelta::seconds(9));
    let types = vec!["Logout".to_owned(), "FactorFailed".to_owned()];
    let actor = Some(Actor::Operator("alice@ops".into()));
    let client_ip = Some("192.0.2.3".parse().unwrap());
    let mut seen = Vec::new();
    for search in [
        all(),
        AuditSearch { user_id: Some(user(1)), ..all() },
        AuditSearch { event_types: types[..1].to_vec(), ..all() },
        AuditSearch { event_types: types.clone(), ..all() },
        AuditSearch { actor: actor.clone(), ..all() },
        AuditSearch { client_ip, ..all() },
        AuditSearch { from, until, ..all() },
        AuditSearch { text: Some("GRÖSSE 7".into()), ..all() },
        AuditSearch { text: Some("größe 7".into()), ..all() },
        AuditSearch { event_types: types, actor, from, user_id: Some(user(2)), ..all() },
        AuditSearch { text: Some("nothing".into()), ..all() },
    ] {
        for order in [AuditOrder::NewestFirst, AuditOrder::OldestFirst] {
            let search = AuditSearch { order, ..search.clone() };
            let mut want: Vec<_> = sample()
                .iter()
                .map(|row| AuditRecord::from_event(row.body.clone()).unwrap())
                .filter(|record| search.matches(record))
                .collect();
            want.sort_by_key(|record| (record.occurred_at(), record.event_id()));
            if order == AuditOrder::NewestFirst {
                want.reverse();
            }
            for limit in [1, 7, 60, 1_000] {
                assert_eq!(found(&search, limit).await, want, "{search:?}, {limit}");
            }
            seen.push(want.len());
        }
    }
    seen.dedup();
    assert_eq!(seen, [60, 20, 40, 30, 12, 24, 0, 1, 8, 0]);
}

#[tokio::test]
async fn a_token_is_good_for_its_search_only() {
    let store = store().await;
    let token = all().page(&store, 5, None).await.unwrap().next.unwrap();
    let other = AuditSearch { user_id: Some(user(1)), ..all() };
    let refused = other.page(&store, 5, Some(token)).await;
    assert!(matches!(refused, Err(ExportError::Token(InvalidPageToken::OtherSearch))));
    let text = token.to_string();
    assert!(!text.contains(&user(1).to_string()));
    for bad in [&text[1..], &text[..text.len() - 2], "", "!!!!", &text.replace('A', "B")[1..]] {
        assert_eq!(bad.parse::<PageToken>(), Err(InvalidPageToken::Malformed), "{bad}");
    }
}

#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_events() {
    let place = Place::new();
    for chunk in 0..12 {
        let rows = (chunk * 1_000..(chunk + 1) * 1_000).map(|n| {
            let n = u64::try_from(n).unwrap();
            row(&event(n, tenant(MINE), start() + TimeDelta::milliseconds(i64::try_from(n).unwrap())), None)
        });
        place.store.append(rows.collect()).await.unwrap();
    }
    // The oldest of all.
    let search = AuditSearch { text: Some(event_id(0).to_string()), ..all() };
    let page = search.page(&place.store, 10, None).await.unwrap();
    assert!(page.records.is_empty());
    let page = search.page(&place.store, 10, page.next).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(MAX_SCANNED, 10_000);
}

async fn bytes(stream: impl Stream<Item = Result<Bytes, ExportError>>) -> Vec<u8> {
    let chunks: Vec<_> = stream.try_collect().await.unwrap();
    chunks.concat()
}

/// What Python's csv module reads.
fn python(csv: &[u8]) -> Vec<Vec<String>> {
    let script = "import csv, json, sys, io\n\
        text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')\n\
        print(json.dumps(list(csv.reader(text, strict=True))))";
    let mut child = Command::new("python3");
    let mut child = child.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let csv = csv.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&csv).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn csv_is_read_by_others_and_runs_nothing() {
    let place = Place::new();
    let evil = [
        "=HYPERLINK(\"http://evil\",\"x\")",
        "+1+1",
        "-2+3|cmd' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\"=1\"",
        "＝1",
        "\u{3000}＋1",
        "a,b\"c\r\nd",
        "Zoë 👩🏽‍💻",
        "",
        "plain",
    ];
    let mut want = Vec::new();
    for (n, text) in (0_u64..).zip(evil) {
        let fields = json!({ "user_id": user(1), "note": text });
        let mut event =
            with_fields(n, tenant(MINE), start() + TimeDelta::seconds(i64::try_from(n).unwrap()), fields);
        event.payload.event_type = text.into();
        event.actor = Some(Actor::Operator(text.into()));
        event.user_agent = Some(text.into());
        place.store.append(vec![row(&event, None)]).await.unwrap();
        want.push(event);
    }
    let search = AuditSearch { order: AuditOrder::OldestFirst, ..all() };
    let csv = bytes(export_csv(search.over_store(place.store.clone()))).await;
    let records = python(&csv);
    assert_eq!(records[0], CSV_COLUMNS);
    assert_eq!(records.len(), want.len() + 2);
    assert!(records.iter().all(|record| record.len() == CSV_COLUMNS.len()));
    let last = &records[records.len() - 1];
    assert_eq!((&*last[0], &*last[11]), ("END", &*format!("{{\"events\":{}}}", want.len())));
    for (record, event) in records[1..].iter().zip(&want) {
        assert_eq!(record[0], event.event_id.to_string());
        for cell in record {
            let trimmed = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
            assert!(!trimmed.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{cell:?}");
            assert!(!cell.starts_with(['\t', '\r', '\n']), "{cell:?}");
        }
        let text = &event.payload.event_type;
        assert!(record[3] == *text || record[3] == format!("'{text}"), "{:?}", record[3]);
        assert_eq!(record[4..6], [user(1).to_string(), "operator".to_owned()]);
        let fields: Value = serde_json::from_str(&record[11]).unwrap();
        assert_eq!(fields, json!({ "note": text }));
    }
    assert!(csv.windows(2).filter(|pair| pair == b"\r\n").count() >= records.len());
}

#[tokio::test]
async fn json_and_ndjson_hold_the_events_as_they_were_recorded() {
    let search = AuditSearch { order: AuditOrder::OldestFirst, ..all() };
    let want: Vec<_> = found(&search, 1_000).await;
    let json = bytes(export_json(search.clone().over_store(store().await))).await;
    let array: Vec<Value> = serde_json::from_slice(&json).unwrap();
    assert_eq!(array.len(), 60);
    let ndjson = bytes(export_ndjson(search.over_store(store().await))).await;
    let lines: Vec<_> = ndjson.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 61);
    for ((line, record), value) in lines.iter().zip(&want).zip(&array) {
        assert_eq!(*line, &*record.event);
        assert_eq!(*value, serde_json::from_slice::<Value>(&record.event).unwrap());
    }
    assert_eq!(lines[60], br#"{"export":{"complete":true,"events":60}}"#);
}

#[tokio::test]
async fn an_export_of_nothing_has_its_header_and_its_end() {
    let none = || AuditSearch::new(AuditScope::System).over_store(MemoryAuditStore::new());
    let records = python(&bytes(export_csv(none())).await);
    assert_eq!(records.len(), 2);
    assert_eq!(bytes(export_json(none())).await, b"[\n]\n");
}

/// A source that fails after some pages.
struct Failing(u64);

impl EventSource for Failing {
    async fn page(&mut self) -> Result<Option<Vec<AuditRecord>>, ExportError> {
        self.0 = self.0.checked_sub(1).ok_or(ExportError::Stopped)?;
        let event = row(&event(self.0, tenant(MINE), start()), None);
        Ok(Some(vec![AuditRecord::from_event(event.body).unwrap()]))
    }
}

#[tokio::test]
async fn a_failure_in_the_middle_is_said_and_nothing_looks_whole() {
    async fn cut(stream: impl Stream<Item = Result<Bytes, ExportError>>) -> String {
        let chunks: Vec<_> = stream.collect().await;
        let (last, good) = chunks.split_last().unwrap();
        assert!(matches!(last, Err(ExportError::Stopped)), "{last:?}");
        let good: Vec<_> = good.iter().map(|chunk| chunk.as_ref().unwrap().clone()).collect();
        String::from_utf8(good.concat()).unwrap()
    }
    let csv = cut(export_csv(Failing(2))).await;
    assert!(csv.lines().count() == 3 && !csv.contains("END"));
    let json = cut(export_json(Failing(2))).await;
    assert!(serde_json::from_str::<Value>(&json).is_err());
    assert!(!cut(export_ndjson(Failing(2))).await.contains("complete"));

    let place = Place::new();
    let mut rows: Vec<_> = (0..3).map(|n| row(&event(n, tenant(MINE), day(0)), None)).collect();
    rows[1].body = "{".into();
    place.store.append(rows.clone()).await.unwrap();
    let chunks: Vec<_> = export_ndjson(all().over_store(place.store.clone())).collect().await;
    let id = rows[1].event_id;
    let mut chunks = chunks.into_iter();
    assert!(chunks.next().unwrap().unwrap().len() > 100, "what can be read comes first");
    let failed = chunks.next().unwrap();
    assert!(matches!(failed, Err(ExportError::Unreadable { event_id, .. }) if event_id == id));
    let rest: Vec<_> = chunks.map(Result::unwrap).collect();
    assert_eq!(rest.concat(), b"{\"export\":{\"complete\":false,\"events\":2,\"unreadable\":1}}\n");
    let chunks: Vec<_> = export_csv(all().over_store(place.store.clone())).collect().await;
    let end = chunks.last().unwrap().as_ref().unwrap();
    assert!(end.ends_with(b"\"{\"\"events\"\":2,\"\"unreadable\"\":1}\"\r\n"), "{end:?}");
    // Pages go on past it, whatever their size.
    let (mut token, mut pages) = (None, Vec::new());
    loop {
        let page = all().page(&place.store, 1, token).await.unwrap();
        token = page.next;
        pages.extend(page.records.iter().map(AuditRecord::event_id).map(Ok));
        pages.extend(page.unreadable.into_iter().map(Err));
        if token.is_none() {
            break;
        }
    }
    pages.sort_by_key(|found| found.unwrap_or_else(|id| id));
    assert_eq!(pages, [Ok(rows[0].event_id), Err(id), Ok(rows[2].event_id)]);
}

/// Counts the pages that are asked for.
struct Counting(Arc<AtomicUsize>);

impl EventSource for Counting {
    async fn page(&mut self) -> Result<Option<Vec<AuditRecord>>, ExportError> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let event = row(&event(u64::try_from(n).unwrap(), tenant(MINE), start()), None);
        Ok(Some(vec![AuditRecord::from_event(event.body).unwrap()]))
    }
}

#[tokio::test]
async fn a_page_is_read_when_it_is_wanted() {
    let pages = Arc::new(AtomicUsize::new(0));
    let mut stream = Box::pin(export_ndjson(Counting(Arc::clone(&pages))));
    assert_eq!(pages.load(Ordering::Relaxed), 0);
    for wanted in 1..=20 {
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(pages.load(Ordering::Relaxed), wanted);
    }
}

#[tokio::test]
async fn the_log_is_a_source_too() {
    let place = Place::new();
    let log = open_log(&place.folder.path().join("log"), &place.clock);
    let mine: Vec<_> = (0..50).map(|n| event(n, tenant(MINE), start())).collect();
    let theirs: Vec<_> = (100..110).map(|n| event(n, tenant(2), start())).collect();
    let rows = logged(&log, &mine);
    logged(&log, &theirs);
    let search = AuditSearch { from: Some(start()), ..all() };
    let mut source = search.clone().over_log(log.clone());
    let first = source.page().await.unwrap().unwrap();
    // What comes later is not waited for.
    logged(&log, &[event(500, tenant(MINE), start())]);
    let mut records = first;
    while let Some(page) = source.page().await.unwrap() {
        records.extend(page);
    }
    let want: Vec<_> = rows.iter().map(|row| row.body.clone()).collect();
    assert_eq!(records.iter().map(|record| record.body().clone()).collect::<Vec<_>>(), want);
    let ndjson = bytes(export_ndjson(search.over_log(log))).await;
    assert!(ndjson.ends_with(b"{\"export\":{\"complete\":true,\"events\":51}}\n"));

    // Rows that are lines of a log are exported as their events.
    place.store.append(rows).await.unwrap();
    let csv = python(&bytes(export_csv(all().over_store(place.store.clone()))).await);
    assert_eq!(csv.len(), 52);
}
