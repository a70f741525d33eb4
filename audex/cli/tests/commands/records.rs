//! Session records as the program writes them, many of them, and hostile ones.

use crate::home::Home;
use audex_core::session::SessionId;
use axess_clock::{Clock, SystemClock};
use axess_rng::MockRng;
use serde_json::{Value, json};
use std::fs;

/// Returns the record of a session that ended so many days ago.
pub(crate) fn record(id: SessionId, status: &str, days: i64) -> Value {
    let began = SystemClock.now() - chrono::TimeDelta::days(days);
    json!({
        "schema_version": 1,
        "session_id": id,
        "status": status,
        "requester": { "kind": "local_user", "uid": 1000, "name": "alice" },
        "entry_point": "run",
        "provider": "local",
        "target": "audex",
        "asked": "orders:Read",
        "grant": { "provider": "local", "allow": ["orders:Read"], "deny": [] },
        "command": ["true"],
        "delivery": "env",
        "ttl": "15m",
        "created_at": began,
        "deadline": began + chrono::TimeDelta::minutes(15),
        "credentials": [{ "id": "jti-1", "issued_at": began, "expires_at": began + chrono::TimeDelta::minutes(15) }],
        "ended_at": if status == "Active" { Value::Null } else { json!(began) },
    })
}

/// Writes a record.
pub(crate) fn write(home: &Home, id: SessionId, record: &Value) {
    let folder = home.data().join("sessions");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{id}.json")), record.to_string()).unwrap();
}

/// Returns ids that differ.
pub(crate) fn ids(count: u64) -> Vec<SessionId> {
    (0..count).map(|seed| SessionId::generate(&MockRng::new(seed))).collect()
}
