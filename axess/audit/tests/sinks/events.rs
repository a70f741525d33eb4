//! Events to deliver.

use axess_audit::{
    AuditRecord,
    sink::{EventSink, SinkError},
};
use axess_identity::{EventId, TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::time::Duration;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Midday, so that a few events are of one day.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 123_456_000).unwrap()
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_parts(7, [number; 10])
}

pub(crate) fn user(number: u8) -> UserId {
    UserId::from_parts(8, [number; 10])
}

/// A family of events that no other test has.
pub(crate) struct Events {
    family: [u8; 4],
    tenant_id: Option<TenantId>,
}

impl Events {
    pub(crate) fn of(test: &str) -> Self {
        // FNV-1a: servers are shared, so that each test, and each run of it, needs ids of its own.
        let run = format!("{test}{}", std::process::id());
        let hash = run
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self { family: hash.to_be_bytes(), tenant_id: Some(tenant(1)) }
    }

    pub(crate) fn in_tenant(&self, tenant_id: Option<TenantId>) -> Self {
        Self { family: self.family, tenant_id }
    }

    pub(crate) fn id(&self, number: u32) -> EventId {
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&self.family);
        bytes[4..8].copy_from_slice(&number.to_be_bytes());
        EventId::from_parts(u64::from(number), bytes)
    }

    /// An event as JSON, with fields of its own.
    pub(crate) fn json(&self, number: u32, fields: Value) -> Value {
        let at = noon() + TimeDelta::milliseconds(number.into());
        let mut event = json!({
            "event_id": self.id(number),
            "event_type": "LoginFailed",
            "occurred_at": at.to_rfc3339(),
            "tenant_id": self.tenant_id,
        });
        event.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        event
    }

    /// An event without a log.
    pub(crate) fn event(&self, number: u32, fields: Value) -> AuditRecord {
        AuditRecord::from_event(self.json(number, fields).to_string().into()).unwrap()
    }

    /// An event with its entry of a log.
    pub(crate) fn entry(&self, number: u32, fields: Value) -> AuditRecord {
        let mut record = self.event(number, fields);
        let chain = self.tenant_id.map_or("system".to_owned(), |id| id.to_string());
        let event = String::from_utf8(record.event.to_vec()).unwrap();
        let line =
            format!(r#"{{"v":1,"chain":"{chain}","seq":{number},"event":{event},"hash":"h","mac":"m"}}"#);
        record.line = Some(line.into());
        record
    }

    /// Entries 1 to `count`.
    pub(crate) fn entries(&self, count: u32) -> Vec<AuditRecord> {
        (1..=count).map(|number| self.entry(number, json!({ "note": "h\u{e9}llo \u{1f600}" }))).collect()
    }
}

pub(crate) fn text(record: &AuditRecord) -> &str {
    std::str::from_utf8(record.body()).unwrap()
}

/// Delivers, and returns the error with its causes as an operator would see it.
pub(crate) async fn fails(sink: &dyn EventSink, batch: &[AuditRecord]) -> (SinkError, String) {
    let error = tokio::time::timeout(PATIENCE, sink.deliver(batch)).await.unwrap().unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    (error, text)
}

pub(crate) fn refused_at(error: &SinkError) -> Option<usize> {
    match error {
        SinkError::Refused { index, .. } => Some(*index),
        SinkError::Retry { .. } => None,
    }
}

/// Delivers again and again, as the pipe does, until it works.
pub(crate) async fn deliver_until_taken(sink: &dyn EventSink, batch: &[AuditRecord]) {
    let tries = async {
        while let Err(error) = sink.deliver(batch).await {
            assert!(matches!(error, SinkError::Retry { .. }), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tries).await.unwrap();
}
