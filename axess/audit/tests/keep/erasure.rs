//! Taking a person out of the trail, which stays what it was otherwise.

use crate::fixture::{
    CAP, DAY, Place, archived, day, event, hot, keys, logged, open_log, public, row, start, tenant, user,
    with_fields,
};
use axess_audit::{
    JsonPayload,
    archive::{ArchiveBatch, AuditArchiver, FilesystemAuditArchiver, verify_archive},
    chain::{CheckpointReason, FindingKind, VerifyOptions, VerifyReport, verify_folder},
    erasure::{AuditErasure, ErasureError, SubjectRequest},
    export::AuditSearch,
    log::AuditLog,
};
use axess_core::store::{AuditRow, AuditScope, AuditStore};
use axess_events::{Actor, AuthEvent, AuthEventEnvelope};
use axess_identity::UserId;
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::{collections::HashMap, path::Path, sync::Arc};

pub(crate) const MINE: u8 = 1;
pub(crate) const MAIL: &str = "Bob.Smith@example.com";

/// A log, a store and an archive with the same events, about the user 1 and others.
pub(crate) struct Trail {
    pub(crate) place: Place,
    pub(crate) log: AuditLog,
    pub(crate) archive: FilesystemAuditArchiver,
}

pub(crate) fn events(first: u64) -> Vec<AuthEventEnvelope<JsonPayload>> {
    let (me, other) = (user(1), user(2));
    let at = |n: u64| start() + TimeDelta::hours(i64::try_from(n).unwrap() * 5);
    let mut events = vec![
        with_fields(first, tenant(MINE), at(0), json!({ "user_id": me })),
        // At somebody else's request.
        with_fields(first + 1, tenant(MINE), at(1), json!({ "user_id": me, "by": other })),
        with_fields(first + 2, tenant(MINE), at(2), json!({ "target": { "ids": [me, other] } })),
        with_fields(first + 3, tenant(MINE), at(3), json!({ "principal_uid": format!("User::\"{me}\"") })),
        with_fields(first + 4, tenant(MINE), at(4), json!({ "scope_value": MAIL.to_lowercase() })),
        with_fields(
            first + 5,
            tenant(MINE),
            at(5),
            json!({ "note": format!("sent to {MAIL}, ok"), "n": 1.5 }),
        ),
        // Not about them at all.
        with_fields(first + 6, tenant(MINE), at(6), json!({ "user_id": other })),
        with_fields(first + 7, tenant(MINE), at(7), json!({ "note": "bob.smithson@example.com" })),
        // Somebody else's tenant.
        with_fields(first + 8, tenant(2), at(8), json!({ "user_id": me })),
    ];
    let actors = [Some(Actor::User(me)), Some(Actor::User(other)), Some(Actor::Operator("carol".into()))];
    for (event, actor) in events.iter_mut().zip([0, 1, 2, 2, 2, 2, 1, 1, 0]) {
        event.actor.clone_from(&actors[actor]);
    }
    events
}

impl Trail {
    pub(crate) async fn new() -> Self {
        let place = Place::new();
        let log = open_log(&place.folder.path().join("log"), &place.clock);
        let trail = Self { archive: place.archive(), place, log };
        trail.add(&events(0)).await;
        trail
    }

    pub(crate) async fn add(&self, events: &[AuthEventEnvelope<JsonPayload>]) {
        let rows = logged(&self.log, events);
        for n in [MINE, 2] {
            let mine: Vec<AuditRow> =
                rows.iter().filter(|row| row.tenant_id == Some(tenant(n))).cloned().collect();
            if !mine.is_empty() {
                let batch = ArchiveBatch { scope: AuditScope::Tenant(tenant(n)), rows: mine, at: day(91) };
                self.archive.archive_batch(batch).await.unwrap();
            }
        }
        self.place.store.append(rows).await.unwrap();
        self.log.checkpoint(CheckpointReason::Request).unwrap();
    }

    pub(crate) fn erasure(&self) -> AuditErasure {
        AuditErasure::new(keys(), self.place.emitter())
            .with_log(self.log.clone())
            .with_store(Arc::new(self.place.store.clone()))
            .with_archive(Arc::new(self.archive.clone()))
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        self.log.checkpoint(CheckpointReason::Request).unwrap();
        let options = VerifyOptions { keys: vec![keys().signing.public_key()], ..VerifyOptions::default() };
        verify_folder(self.log.path(), &options).unwrap()
    }

    /// Everything the three have of a tenant.
    pub(crate) async fn texts(&self, n: u8) -> Vec<String> {
        let mut texts = archived(&self.place.folder.path().join("archive"), tenant(n));
        let rows = hot(&self.place.store, tenant(n)).await;
        texts.extend(rows.iter().map(|row| String::from_utf8(row.body.to_vec()).unwrap()));
        let mark = format!("\"chain\":\"{}\"", tenant(n));
        texts.extend(raw_log(self.log.path()).into_iter().filter(|line| line.contains(&mark)));
        texts
    }

    pub(crate) async fn assert_gone(&self) {
        let me = user(1).to_string();
        for text in self.texts(MINE).await {
            assert!(!text.contains(&me) && !text.to_lowercase().contains("bob.smith@"), "{text}");
        }
        for row in hot(&self.place.store, tenant(MINE)).await {
            assert_ne!(row.user_id, Some(user(1)));
        }
        // Nothing of it is left in any other file.
        for file in std::fs::read_dir(self.log.path()).unwrap() {
            let text = String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
            let foreign = format!("\"chain\":\"{}\"", tenant(2));
            assert!(text.lines().filter(|line| !line.contains(&foreign)).all(|line| !line.contains(&me)));
        }
        let report = self.verify();
        assert!(report.is_whole() && report.erasures_due == 0, "{:?}", report.findings);
        assert!(verify_archive(&self.place.folder.path().join("archive"), &public()).unwrap().is_whole());
    }
}

fn raw_log(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with("checkpoints.jsonl")
    });
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) fn request() -> SubjectRequest {
    SubjectRequest { names: vec![MAIL.into()], ..SubjectRequest::new(user(1), "carol@ops", "request 12") }
}

fn event_of(row: &AuditRow) -> Value {
    let line: Value = serde_json::from_slice(&row.body).unwrap();
    line.get("event").cloned().unwrap_or(line)
}

#[tokio::test]
async fn the_person_is_gone_and_everything_else_is_there() {
    let trail = Trail::new().await;
    let before = hot(&trail.place.store, tenant(MINE)).await;
    let report = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((report.log, report.stores, report.archives), (6, 6, 6));
    assert_eq!((report.recorded, report.conflicts, report.unreadable), (1, 0, 0));
    trail.assert_gone().await;
    let pseudonym = report.pseudonyms[&user(1)];
    let after = hot(&trail.place.store, tenant(MINE)).await;
    assert_eq!(after.len(), before.len());
    let text = pseudonym.to_string();
    for (index, (old, new)) in before.iter().zip(&after).enumerate() {
        assert_eq!((old.event_id, old.at, &old.event_type), (new.event_id, new.at, &new.event_type));
        let (mut want, new) = (event_of(old), event_of(new));
        match index {
            0 | 1 | 3 => {
                want.as_object_mut().unwrap().retain(|name, _| name != "client_ip" && name != "user_agent");
            }
            _ => assert!(new["client_ip"].is_string() && new["user_agent"].is_string(), "{new}"),
        }
        match index {
            0 => (want["user_id"], want["actor"]["id"]) = (json!(text), json!(text)),
            1 => want["user_id"] = json!(text),
            2 => want["target"]["ids"][0] = json!(text),
            3 => want["principal_uid"] = json!(format!("User::\"{text}\"")),
            4 => want["scope_value"] = json!(text),
            5 => want["note"] = json!(format!("sent to {text}, ok")),
            _ => {}
        }
        assert_eq!(new, want, "event {index}");
    }
    // What is untouched is so byte for byte, also in the other tenant.
    assert_eq!(after[6..], before[6..]);
    assert!(trail.texts(2).await.iter().all(|text| text.contains(&user(1).to_string())));

    // They still belong together.
    let search =
        AuditSearch { user_id: Some(pseudonym), ..AuditSearch::new(AuditScope::Tenant(tenant(MINE))) };
    assert_eq!(search.page(&trail.place.store, CAP, None).await.unwrap().records.len(), 2);
    // The log, the store and the archive have the same lines.
    let mut lines = trail.texts(MINE).await;
    lines.retain(|line| !line.contains("AuditSubjectErased"));
    lines.sort();
    assert!(lines.chunks(3).all(|same| same[0] == same[1] && same[1] == same[2]));
}

#[tokio::test]
async fn again_does_nothing_and_a_straggler_is_taken_too() {
    let trail = Trail::new().await;
    let first = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    let texts = trail.texts(MINE).await;
    let again = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((again.recorded, again.log, again.stores, again.archives), (0, 0, 0, 0));
    assert_eq!(trail.texts(MINE).await, texts);
    trail.add(&events(100)).await;
    let third = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((third.log, third.stores, third.archives), (6, 6, 6));
    assert_eq!(first.pseudonyms, third.pseudonyms);
    trail.assert_gone().await;
}

#[tokio::test]
async fn a_rewriting_nobody_vouches_for_is_found() {
    let trail = Trail::new().await;
    assert!(trail.verify().is_whole());
    let forged = axess_audit::chain::canonical(&event(0, tenant(MINE), start())).unwrap();
    let scope = AuditScope::Tenant(tenant(MINE));
    let changed = trail.log.rewrite(|entry| {
        let hit = entry.scope() == scope && entry.seq() == 1;
        Ok::<_, axess_audit::log::LogError>(hit.then(|| entry.rewritten(&forged, [1; 16], 2)))
    });
    assert_eq!(changed.unwrap(), 1);
    let report = trail.verify();
    assert!(
        report.findings.iter().any(|finding| finding.kind == FindingKind::NotErased),
        "{:?}",
        report.findings
    );
    // Nor does the erasure of another entry vouch for it.
    let erased = trail.erasure().erase_subject(tenant(MINE), request()).await;
    assert!(erased.is_err() || !trail.verify().is_whole());
}

#[tokio::test]
async fn many_entries_are_several_events() {
    let trail = Trail::new().await;
    let many: Vec<_> = (1_000..3_100).map(|n| event(n, tenant(MINE), start())).collect();
    for chunk in many.chunks(700) {
        trail.add(chunk).await;
    }
    let report = trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((report.log, report.recorded), (2_106, 3));
    let vouchers: Vec<_> =
        raw_log(trail.log.path()).into_iter().filter(|line| line.contains("AuditSubjectErased")).collect();
    assert_eq!(vouchers.len(), 3);
    assert!(vouchers.iter().all(|line| line.contains("carol@ops") && line.contains("request 12")));
    trail.assert_gone().await;
}

#[tokio::test]
async fn the_reason_must_not_bring_the_person_back() {
    let trail = Trail::new().await;
    let texts = trail.texts(MINE).await;
    for bad in [
        SubjectRequest { reason: format!("request of {}", MAIL.to_uppercase()), ..request() },
        SubjectRequest { operator: user(1).to_string(), ..request() },
    ] {
        let refused = trail.erasure().erase_subject(tenant(MINE), bad).await;
        assert!(matches!(refused, Err(ErasureError::NamesSubject)));
    }
    assert_eq!(trail.texts(MINE).await, texts);
}

#[tokio::test]
async fn only_the_log_vouches_for_its_lines() {
    let trail = Trail::new().await;
    let erasure =
        AuditErasure::new(keys(), trail.place.emitter()).with_store(Arc::new(trail.place.store.clone()));
    let refused = erasure.erase_subject(tenant(MINE), request()).await;
    assert!(matches!(refused, Err(ErasureError::NoLog)), "{refused:?}");
    assert!(trail.place.trail.events().is_empty());
}

#[tokio::test]
async fn events_without_a_log_are_erased_and_that_is_recorded() {
    let place = Place::new();
    let rows: Vec<_> = events(0).iter().map(|event| row(event, None)).collect();
    place.store.append(rows).await.unwrap();
    let erasure = AuditErasure::new(keys(), place.emitter()).with_store(Arc::new(place.store.clone()));
    let report = erasure.erase_subject(tenant(MINE), request()).await.unwrap();
    assert_eq!((report.stores, report.recorded), (6, 1));
    let recorded = place.trail.events();
    assert!(matches!(&recorded[..], [one] if matches!(one.payload, AuthEvent::AuditSubjectErased(_))));
    assert!(recorded[0].tenant_id == Some(tenant(MINE)));
    assert_eq!(erasure.erase_subject(tenant(MINE), request()).await.unwrap().stores, 0);
    assert_eq!(place.trail.events().len(), 1);
    for row in hot(&place.store, tenant(MINE)).await {
        assert!(!String::from_utf8_lossy(&row.body).contains(&user(1).to_string()));
    }
}

#[tokio::test]
async fn a_deleted_tenant_keeps_its_trail_without_its_users() {
    let trail = Trail::new().await;
    let before = hot(&trail.place.store, tenant(MINE)).await.len();
    let names: HashMap<UserId, Vec<String>> = [(user(1), vec![MAIL.to_owned()])].into();
    let erasure = trail.erasure();
    let report =
        erasure.pseudonymise_tenant(tenant(MINE), names.clone(), "carol@ops", "closed").await.unwrap();
    assert_eq!(report.pseudonyms.len(), 2);
    assert_eq!(hot(&trail.place.store, tenant(MINE)).await.len(), before);
    trail.assert_gone().await;
    let other = user(2).to_string();
    assert!(trail.texts(MINE).await.iter().all(|text| !text.contains(&other)));
    assert!(trail.texts(2).await.iter().all(|text| text.contains(&user(1).to_string())));
    let texts = trail.texts(MINE).await;
    let again = erasure.pseudonymise_tenant(tenant(MINE), names, "carol@ops", "closed").await.unwrap();
    assert_eq!((again.recorded, again.log), (0, 0));
    assert_eq!(trail.texts(MINE).await, texts);
}

#[tokio::test]
async fn an_erased_copy_is_still_the_copy() {
    let trail = Trail::new().await;
    trail.erasure().erase_subject(tenant(MINE), request()).await.unwrap();
    let Trail { place, archive, .. } = trail;
    drop(archive);
    let retention = place.retention();
    place.clock.set(day(98) + DAY * 2);
    place.heartbeat(7_000).await;
    let report = retention.run_once().await.unwrap();
    assert_eq!((report.differing, report.failures.len()), (0, 0));
    assert_eq!(report.deleted_hot, 9);
}

#[tokio::test]
async fn the_events_of_no_tenant_lose_the_person_too() {
    let trail = Trail::new().await;
    let mut system: Vec<_> = [json!({ "user_id": user(1) }), json!({ "note": format!("to {MAIL} or bob") })]
        .into_iter()
        .zip(500..)
        .map(|(fields, n)| with_fields(n, tenant(MINE), start(), fields))
        .collect();
    for event in &mut system {
        (event.tenant_id, event.actor) = (None, None);
    }
    let rows = logged(&trail.log, &system);
    trail.place.store.append(rows).await.unwrap();
    let request = SubjectRequest { names: vec![MAIL.into(), "bob".into()], ..request() };
    let report = trail.erasure().erase_subject(tenant(MINE), request).await.unwrap();
    assert_eq!((report.log, report.stores, report.recorded), (8, 8, 2));
    let text = report.pseudonyms[&user(1)].to_string();
    let page = AuditSearch::new(AuditScope::System).page(&trail.place.store, CAP, None).await.unwrap();
    // Another tenant may have a bob of its own.
    assert_eq!(page.records[0].envelope.payload.fields["note"], format!("to {text} or bob"));
    assert_eq!(page.records[1].envelope.payload.fields["user_id"], text);
    trail.assert_gone().await;
}
