//! Old readers with new data, new readers with old data, and readers with damaged data.

use crate::samples;
use axess_events::{
    AuditList, AuthEvent, AuthEventEnvelope, MAX_LIST_ITEMS, MAX_RECORD_BYTES, MAX_TEXT_BYTES, WireError,
    account::PasswordChanged,
    authentication::LoginCompleted,
    delegated::DelegatedTokenExchanged,
    lockout::LockoutTriggered,
    trail::{AuditSubjectErased, ErasedEntry, MAX_ERASED_ENTRIES},
};
use axess_identity::{EventId, FactorKind, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use rkyv::{Archived, rancor};
use serde_json::{Map, Value, json};
use std::error::Error;

/// How many records the first fixtures hold.
const V1_RECORDS: usize = 67;

fn from_hex(line: &str) -> Vec<u8> {
    let digits = line.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Checks what was read from a fixture: each record is one of today's samples, and what was appended since is not
/// among them.
fn check_v1(read: &[AuthEventEnvelope]) {
    assert_eq!(read.len(), V1_RECORDS);
    for (read, sample) in read.iter().zip(samples::envelopes()) {
        assert_eq!(*read, sample);
    }
}

#[test]
fn the_first_json_records_stay_readable() {
    let fixture = include_str!("../fixtures/v1/envelopes.jsonl").lines();
    check_v1(&fixture.map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>());
}

#[test]
fn the_first_binary_records_stay_readable() {
    let fixture = include_str!("../fixtures/v1/envelopes.rkyv.hex").lines();
    let read = |line| AuthEventEnvelope::from_bytes(&from_hex(line)).unwrap();
    check_v1(&fixture.map(read).collect::<Vec<_>>());
}

#[test]
fn a_json_reader_ignores_fields_it_does_not_know() {
    for envelope in samples::envelopes() {
        let mut json = serde_json::to_value(&envelope).unwrap();
        json["field_of_tomorrow"] = json!({ "nested": [1, null, "text"] });
        json["another"] = Value::Null;
        assert_eq!(serde_json::from_value::<AuthEventEnvelope>(json).unwrap(), envelope);

        let mut json = serde_json::to_value(&envelope.payload).unwrap();
        json["field_of_tomorrow"] = json!(1);
        assert_eq!(serde_json::from_value::<AuthEvent>(json).unwrap(), envelope.payload);
    }
}

#[test]
fn a_json_reader_takes_null_as_absent() {
    let optional = [
        "tenant_id",
        "actor",
        "request_id",
        "trace_id",
        "client_ip",
        "user_agent",
        "user_id",
        "device_id",
        "until",
        "session_id",
        "expires_at",
        "policy_id_referencing",
        "max_age_seconds",
        "credential_ref",
        "attempted_workload_id",
        "attempted_trust_domain",
        "method_name",
    ];
    for envelope in samples::envelopes().into_iter().filter(|e| e.tenant_id.is_none()) {
        let mut json = serde_json::to_value(&envelope).unwrap();
        for field in optional {
            if json.get(field).is_none() {
                json[field] = Value::Null;
            }
        }
        assert_eq!(serde_json::from_value::<AuthEventEnvelope>(json).unwrap(), envelope);
    }
}

#[test]
fn an_event_of_tomorrow_is_refused_and_its_envelope_is_readable() {
    let mut json = serde_json::to_value(&samples::envelopes()[0]).unwrap();
    json["event_type"] = json!("EventOfTomorrow");
    assert!(serde_json::from_value::<AuthEventEnvelope>(json.clone()).is_err());
    let read: AuthEventEnvelope<Map<String, Value>> = serde_json::from_value(json).unwrap();
    assert_eq!(read.event_id, samples::envelopes()[0].event_id);
    assert_eq!(read.payload["event_type"], "EventOfTomorrow");
    assert_eq!(read.payload["method_name"], "password+totp");
    assert!(!read.payload.contains_key("tenant_id"));
}

/// An archived event is its number and a pointer. Were an event stored inline, a longer one appended later would move
/// everything else; were the number wider, so would it.
#[test]
fn an_archived_event_is_a_number_and_a_pointer() {
    assert_eq!((size_of::<Archived<AuthEvent>>(), align_of::<Archived<AuthEvent>>()), (8, 4));
    for (n, event) in samples::full().iter().enumerate() {
        let bytes = rkyv::to_bytes::<rancor::Error>(event).unwrap();
        assert_eq!(usize::from(bytes[bytes.len() - 8]), n, "{}", event.wire_name());
    }
}

#[test]
fn a_number_of_tomorrow_is_refused() {
    let mut bytes = rkyv::to_bytes::<rancor::Error>(&samples::full()[0]).unwrap();
    let at = bytes.len() - 8;
    bytes[at] = u8::try_from(AuthEvent::ALL_NAMES.len()).unwrap();
    assert!(rkyv::from_bytes::<AuthEvent, rancor::Error>(&bytes).is_err());

    let mut record = samples::envelopes()[0].to_bytes().unwrap();
    let at = record.len() - 8;
    assert_eq!(record[at], 0, "the version of the envelope");
    record[at] = 1;
    assert!(matches!(AuthEventEnvelope::from_bytes(&record), Err(WireError::Read(_))));
}

#[test]
fn a_text_that_names_nothing_is_refused() {
    let mut envelopes = samples::envelopes().into_iter();
    let envelope = envelopes.find(|e| e.payload.wire_name() == "FactorVerified").unwrap();
    let mut record = envelope.to_bytes().unwrap();
    let at = record.windows(8).position(|w| w == b"password").unwrap();
    record[at] = b'P';
    let error = AuthEventEnvelope::from_bytes(&record).unwrap_err();
    assert_eq!(error.to_string(), "cannot read an audit record");
    assert!(error.source().unwrap().to_string().contains("unknown factor kind"));
}

#[test]
fn the_longest_event_fits_a_record_and_a_longer_input_is_refused() {
    let text = "x".repeat(2 * MAX_TEXT_BYTES);
    let event = DelegatedTokenExchanged {
        subject_principal_uid: text.as_str().into(),
        audience: text.as_str().into(),
        scopes: std::iter::repeat_n(text.as_str(), 2 * MAX_LIST_ITEMS).collect::<AuditList>(),
    };
    let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [1; 10]), samples::moment(), event.into())
        .with_request_id(text.as_str())
        .with_trace_id(text.as_str())
        .with_user_agent(text.as_str());
    let record = envelope.to_bytes().unwrap();
    assert_eq!(AuthEventEnvelope::from_bytes(&record).unwrap(), envelope);

    let too_long = vec![0; MAX_RECORD_BYTES + 1];
    assert!(matches!(AuthEventEnvelope::from_bytes(&too_long), Err(WireError::TooLong)));
}

#[test]
fn an_event_that_does_not_fit_a_record_is_not_written() {
    let AuthEvent::LoginCompleted(login) = samples::full().swap_remove(3) else { panic!("not a login") };
    let event =
        LoginCompleted { factors_completed: vec![FactorKind::Password; MAX_RECORD_BYTES / 8 + 1], ..login };
    let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [1; 10]), samples::moment(), event.into());
    assert!(matches!(envelope.to_bytes(), Err(WireError::TooLong)));
}

#[test]
fn both_formats_hold_the_same_time() {
    let fine = samples::moment() + TimeDelta::nanoseconds(789);
    let event = PasswordChanged { user_id: UserId::from_parts(0, [1; 10]) };
    let envelope = AuthEventEnvelope::new(EventId::from_parts(0, [1; 10]), fine, AuthEvent::from(event));
    assert_eq!(envelope.occurred_at, samples::moment());
    let json = serde_json::to_value(&envelope).unwrap();
    assert_eq!(json["occurred_at"], "2026-01-01T00:00:00.123456Z");
}

fn lockout_until(until: DateTime<Utc>) -> AuthEventEnvelope {
    let event = LockoutTriggered {
        scope: axess_events::lockout::LockoutScope::User,
        scope_value: "x".into(),
        until: Some(until),
        triggered_by_event: EventId::from_parts(0, [1; 10]),
    };
    AuthEventEnvelope::new(EventId::from_parts(0, [2; 10]), until, event.into())
}

proptest! {
    #[test]
    fn any_time_of_the_calendar_is_the_same_in_both_formats(
        seconds in -62_000_000_000..253_000_000_000_i64,
        nanos in 0..1_000_000_000_u32,
    ) {
        let envelope = lockout_until(DateTime::from_timestamp(seconds, nanos).unwrap());
        let json = serde_json::to_string(&envelope).unwrap();
        let from_json: AuthEventEnvelope = serde_json::from_str(&json).unwrap();
        let from_bytes = AuthEventEnvelope::from_bytes(&envelope.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(&from_json, &from_bytes);
        prop_assert_eq!(from_json.occurred_at, envelope.occurred_at);
    }

    #[test]
    fn damaged_records_never_panic(
        n in 0..V1_RECORDS,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
        skip in 0..4_usize,
    ) {
        let mut record = samples::envelopes()[n].to_bytes().unwrap();
        for (at, byte) in flips {
            let at = at.index(record.len());
            record[at] ^= byte;
        }
        if skip > 0 {
            record.truncate(keep.index(record.len()));
        }
        // What can still be read can be written again.
        if let Ok(read) = AuthEventEnvelope::from_bytes(&record) {
            prop_assert_eq!(AuthEventEnvelope::from_bytes(&read.to_bytes().unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(read) = AuthEventEnvelope::from_bytes(&bytes) {
            prop_assert!(read.to_bytes().is_ok());
        }
    }
}

#[test]
fn an_erasure_of_too_many_entries_is_refused_not_cut() {
    let erased = |entries: usize| {
        AuthEvent::from(AuditSubjectErased {
            pseudonym: UserId::from_parts(0, [1; 10]),
            operator_principal: "ops".into(),
            reason: "r".into(),
            entries: vec![ErasedEntry { sequence: 1, commitment: "x".into() }; entries],
        })
    };
    for (entries, fits) in [(MAX_ERASED_ENTRIES, true), (MAX_ERASED_ENTRIES + 1, false)] {
        let event = erased(entries);
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<AuthEvent>(&json).is_ok(), fits);
        let bytes = rkyv::to_bytes::<rancor::Error>(&event).unwrap();
        assert_eq!(rkyv::from_bytes::<AuthEvent, rancor::Error>(&bytes).is_ok(), fits);
    }
    let event = erased(MAX_ERASED_ENTRIES);
    let bytes = rkyv::to_bytes::<rancor::Error>(&event).unwrap();
    assert_eq!(rkyv::from_bytes::<AuthEvent, rancor::Error>(&bytes).unwrap(), event);
}
