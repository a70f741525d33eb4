use super::*;
use crate::{Fate, session::EntryPoint};
use axess_events::AuditPayload;
use chrono::TimeDelta;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn record(entry_point: EntryPoint) -> SessionRecord {
    let record = serde_json::json!({
        "schema_version": 1, "session_id": "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6", "status": "Active",
        "requester": { "kind": "principal", "email": "alice@example.com", "groups": [] },
        "entry_point": entry_point, "provider": "local", "asked": "orders:Read",
        "grant": { "provider": "local", "allow": ["orders:Read"], "deny": [] }, "delivery": "response",
        "ttl": "1h", "created_at": at(0), "deadline": at(60),
    });
    serde_json::from_value(record).unwrap()
}

fn minted(id: &str, minutes: i64) -> Step {
    let credential =
        CredentialRecord { id: id.to_owned(), issued_at: at(0), expires_at: at(minutes), fate: None };
    let event = BrokerEvent::CredentialsIssued {
        session_id: record(EntryPoint::Server).session_id,
        access_key_id: id.to_owned(),
        expires_at: at(minutes),
        account: None,
        subject: None,
        refreshed: true,
    };
    Step::Minted { credential, event }
}

fn revoked() -> Step {
    Step::Ended {
        status: SessionStatus::Revoked,
        ending: Ending { reason: Some("lost".to_owned()), ..Ending::default() },
        retired: Revocation::default(),
        revoked_by: Some(Requester::LocalUser { uid: 0, name: None }),
        gives_back: false,
    }
}

fn names(told: &Told) -> Vec<String> {
    told.iter().map(|(_, event)| event.event_type().into_owned()).collect()
}

#[test]
fn what_is_over_is_ended_once_and_gets_nothing_more() {
    let mut one = record(EntryPoint::Server);
    one.take(&minted("a", 60), at(0)).unwrap();
    let told = one.take(&revoked(), at(1)).unwrap();
    assert_eq!(names(&told), ["SessionRevoked", "SessionEnded"]);
    assert_ne!(told[0].0, told[1].0, "who revoked it, and whose it is");
    let before = one.clone();
    assert!(matches!(one.take(&minted("b", 60), at(1)), Err(IssueError::Over(ended)) if ended == at(1)));
    assert!(one.take(&revoked(), at(2)).unwrap().is_empty());
    assert_eq!(one, before);
    // What the provider said is told when it is new.
    let answered = Step::Answered {
        by: one.requester.clone(),
        reason: None,
        revocation: Revocation { fates: vec![("a".to_owned(), Fate::Dead)] },
    };
    assert_eq!(names(&one.take(&answered, at(2)).unwrap()), ["RevocationAnswered"]);
    assert!(one.take(&answered, at(2)).unwrap().is_empty());
}

#[test]
fn whoever_asked_a_keeper_to_end_a_session_is_told_of() {
    let mut kept = record(EntryPoint::Run);
    let Step::Ended { status, ending, retired, .. } = revoked() else { panic!() };
    let by_keeper = Step::Ended { status, ending, retired, revoked_by: None, gives_back: false };
    assert_eq!(names(&kept.take(&by_keeper, at(1)).unwrap()), ["SessionEnded"]);
    assert_eq!(names(&kept.take(&revoked(), at(1)).unwrap()), ["SessionRevoked"]);
}

#[test]
fn the_clock_ends_a_session_before_anybody_revokes_it() {
    let mut late = record(EntryPoint::Server);
    assert_eq!(late.clone().as_of(at(59)).status, SessionStatus::Active);
    let seen = late.clone().as_of(at(61));
    assert_eq!((seen.status, seen.ended_at), (SessionStatus::Expired, Some(at(60))));
    assert_eq!(names(&late.take(&revoked(), at(61)).unwrap()), ["SessionEnded"]);
    assert_eq!(late.status, SessionStatus::Expired);
}

#[test]
fn no_credential_that_works_is_forgotten() {
    let mut full = record(EntryPoint::Server);
    for n in 0..SessionRecord::MAX_CREDENTIALS {
        // The first one that expires is not the oldest.
        let minutes = if n == 5 { 10 } else { 60 };
        full.take(&minted(&format!("c{n}"), minutes), at(0)).unwrap();
    }
    let Err(IssueError::Limited(limited)) = full.take(&minted("more", 60), at(4)) else { panic!() };
    assert_eq!(limited.retry_after, Some(TimeDelta::minutes(6)));
    full.take(&minted("more", 60), at(10)).unwrap();
    assert_eq!(full.credentials.len(), SessionRecord::MAX_CREDENTIALS);
    assert!(full.credentials.iter().all(|one| one.id != "c5") && full.credentials[0].id == "c0");
}
