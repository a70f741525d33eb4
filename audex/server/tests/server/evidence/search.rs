use super::ledger::*;
use crate::store::place::{administered, now, operator, pending, who};
use audex_core::{audit::BrokerEvent, session::SessionStore};
use audex_policy::Provider;
use audex_server::evidence::{AuditEntry, AuditQuery, EvidenceError};
use chrono::TimeDelta;
use serde_json::json;

fn types(entries: &[AuditEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event_type.as_str()).collect()
}

on_each!(what_was_just_recorded_is_found_with_its_members, |ledger: Ledger| async move {
    let alice = who("alice@example.com");
    let waiting = pending("alice@example.com", at(1));
    let id = waiting.session_id;
    ledger.place.clock.set(at(1));
    let required = BrokerEvent::ApprovalRequired {
        session_id: id,
        entry_point: audex_core::session::EntryPoint::Server,
        provider: Provider::Local,
        asked: "orders:Read".to_owned(),
        rules: vec!["*".to_owned()],
        required: 1,
        ttl_seconds: Some(900),
    };
    ledger.place.store.insert_request(&waiting, &[], required, vec![]).await.unwrap();
    let session = ledger.session("alice@example.com", at(2)).await;
    let denied = BrokerEvent::RequestDenied {
        session_id: id,
        entry_point: audex_core::session::EntryPoint::Server,
        provider: Provider::Local,
        asked: "orders:Delete".to_owned(),
        reason: "no".to_owned(),
    };
    ledger.note(&alice, at(3), denied).await;
    ledger.note(&alice, at(4), ended(&session)).await;
    ledger.login(at(5)).await;
    let found = ledger.all(&AuditQuery::default()).await;
    assert_eq!(
        types(&found),
        [
            "password_changed",
            "session_ended",
            "credential_denied",
            "credential_issued",
            "credential_requested",
            "credential_requested",
            "administered",
        ]
    );
    assert_eq!(found[0].user, "alice@example.com", "axess knows her by another name");
    assert_eq!(found[1].status.as_deref(), Some("budget_exceeded"));
    let mut asked = serde_json::to_value(&found[5]).unwrap();
    for name in ["event_id", "detail"] {
        asked.as_object_mut().unwrap().remove(name).unwrap();
    }
    assert_eq!(
        asked,
        json!({
            "timestamp": "2026-01-01T00:01:00Z",
            "event_type": "credential_requested",
            "user": "alice@example.com",
            "action": "orders:Read",
            "ttl": "15m",
            "provider": "local",
            "status": "pending_approval",
            "session_id": id.to_string(),
        })
    );
    let granted = &found[4];
    let members = (granted.status.as_deref(), granted.ttl.as_deref(), granted.action.as_deref());
    assert_eq!(members, (Some("approved"), Some("15m"), Some("orders:Read")));
    verified(ledger).await;
});

on_each!(conditions_are_all_held, |ledger: Ledger| async move {
    for minute in 0..20 {
        let who = if minute % 2 == 0 { "alice@example.com" } else { "bob@example.com" };
        ledger.session(who, at(minute)).await;
        ledger.login(at(minute)).await;
    }
    let all = ledger.all(&AuditQuery::default()).await;
    assert_eq!(all.len(), 61);
    let count = |query: AuditQuery| {
        let ledger = &ledger;
        async move { ledger.all(&AuditQuery { limit: Some(3), ..query }).await.len() }
    };
    let text = |text: &str| Some(text.to_owned());
    let of = |event_type: &str| AuditQuery { event_type: text(event_type), ..AuditQuery::default() };
    assert_eq!(count(of("credential_requested")).await, 20);
    assert_eq!(count(of("credential_issued")).await, 20);
    assert_eq!(count(of("password_changed")).await, 20);
    assert_eq!(count(of("nothing_of_ours")).await, 0);
    assert_eq!(count(AuditQuery { user: text("Bob@example.com"), ..AuditQuery::default() }).await, 20);
    assert_eq!(count(AuditQuery { user: text("alice@example.com"), ..AuditQuery::default() }).await, 40);
    let (since, until) = (Some(at(5)), Some(at(7)));
    assert_eq!(count(AuditQuery { since, until, ..AuditQuery::default() }).await, 6);
    assert_eq!(
        count(AuditQuery { since, until, user: text("bob@example.com"), ..of("credential_issued") }).await,
        1
    );
    let id = all.iter().find_map(|entry| entry.session_id.clone()).unwrap();
    for session in [&id[..], &id[..8]] {
        assert_eq!(count(AuditQuery { session: text(session), ..AuditQuery::default() }).await, 2);
    }
    assert_eq!(count(AuditQuery { session: text(&id[..4]), ..AuditQuery::default() }).await, 0);
});

on_each!(pages_are_whole_while_more_is_recorded, |ledger: Ledger| async move {
    let (store, operator) = (&ledger.place.store, operator());
    let notes = (0..1_300).map(|_| store.note(&operator, administered("earlier")));
    assert!(futures_util::future::join_all(notes).await.iter().all(Result::is_ok));
    let (mut seen, mut query) = (Vec::new(), AuditQuery { limit: Some(250), ..AuditQuery::default() });
    loop {
        let page = ledger.evidence.search(&query).await.unwrap();
        assert!(page.items.len() <= 250);
        seen.extend(page.items.into_iter().map(|entry| entry.event_id));
        ledger.note(&operator, at(9), administered("later")).await;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let whole = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), whole), (1_301, 1_301));
});

on_each!(a_token_of_somebody_else_is_refused, |ledger: Ledger| async move {
    for after in ["", "x", "AQ", "AQAAAAAAAAAAAAAAAAAAAAAA", "\u{1f98a}"] {
        let query = AuditQuery { after: Some(after.to_owned()), ..AuditQuery::default() };
        match ledger.evidence.search(&query).await {
            Err(EvidenceError::Page) => {}
            // A place in the log, before everything.
            Ok(page) => assert!(page.items.is_empty(), "{after}"),
            other => panic!("{after}: {other:?}"),
        }
    }
    let none = AuditQuery { since: Some(now() + TimeDelta::days(9)), ..AuditQuery::default() };
    assert!(ledger.all(&none).await.is_empty());
});
