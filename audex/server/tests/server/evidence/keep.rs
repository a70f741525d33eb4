use super::ledger::*;
use crate::store::place::{Backend, Place, administered, operator};
use audex_core::{audit::BrokerEvent, session::SessionStore};
use audex_server::{
    evidence::{AuditQuery, Evidence, EvidenceError},
    settings::AuditBackend,
};
use axess::rng::SystemRng;
use std::{fs, sync::Arc, time::Duration};

on_each!(what_waits_at_the_end_is_there_after_the_next_start, |ledger: Ledger| async move {
    ledger.session("alice@example.com", at(1)).await;
    let place = verified(ledger).await;
    // While nobody moves events, they are rows of the database.
    place.clock.set(at(2));
    place.store.note(&operator(), administered("between")).await.unwrap();
    let evidence = open(&place).await;
    let found = evidence.search(&AuditQuery::default()).await.unwrap().items;
    assert_eq!((found.len(), found[0].action.as_deref()), (4, Some("between")));
    let link = place.settings.audit_folder().join("audit.jsonl");
    let linked = async {
        while !fs::read_to_string(&link).is_ok_and(|text| text.contains("between")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), linked).await.unwrap();
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("000000000001.jsonl"));
    evidence.close(Duration::from_secs(20)).await.unwrap();
    assert_eq!(evidence.depth(), 0);
});

#[tokio::test]
async fn a_log_that_was_removed_is_not_begun_anew() {
    let ledger = Ledger::new(Searched::Jsonl, "").await.unwrap();
    let place = verified(ledger).await;
    fs::remove_dir_all(place.settings.audit_folder()).unwrap();
    let opened =
        Evidence::open(&place.settings, &place.store, keys(), place.clock.clone(), Arc::new(SystemRng));
    assert!(matches!(opened.await, Err(EvidenceError::Trail(_))));
}

#[tokio::test]
async fn tables_are_made_only_where_that_is_wanted() {
    let mut place = Place::new(Backend::Sqlite, "").await.unwrap();
    place.settings.audit.backend = AuditBackend::Sqlite { path: place.folder.path().join("audit.db") };
    place.settings.audit.auto_migrate = false;
    let opened =
        Evidence::open(&place.settings, &place.store, keys(), place.clock.clone(), Arc::new(SystemRng));
    assert!(matches!(opened.await, Err(EvidenceError::Tables(_))));
    place.settings.audit.auto_migrate = true;
    open(&place).await.close(Duration::from_secs(20)).await.unwrap();
    place.settings.audit.auto_migrate = false;
    open(&place).await.close(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_too_long_is_refused_before_anything_happens() {
    let ledger = Ledger::new(Searched::Jsonl, "").await.unwrap();
    let long =
        BrokerEvent::Administered { action: "x".to_owned(), subject: "y".repeat(300 * 1_024), detail: None };
    assert!(ledger.place.store.note(&operator(), long).await.is_err());
    assert_eq!(ledger.all(&AuditQuery::default()).await.len(), 1);
}
