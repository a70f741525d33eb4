//! What a refused token says of its bearer: unproved, and for the trail alone.

use axess_events::workload::WorkloadRejected;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The longest payload that is looked at, in characters.
const MAX_PAYLOAD: usize = 8 * 1024;
/// The longest id that is written, in bytes (SPIFFE-ID §2.3).
const MAX_ID: usize = 2_048;

/// Describes a token that was refused for `reason`.
pub(super) fn claimed(token: &str, reason: &'static str) -> WorkloadRejected {
    let subject = subject_of(token);
    let domain = subject.as_deref().and_then(|id| id.strip_prefix("spiffe://")?.split('/').next());
    WorkloadRejected {
        attempted_trust_domain: domain.map(Into::into),
        attempted_workload_id: subject.as_deref().map(Into::into),
        failure_reason: reason.into(),
    }
}

fn subject_of(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1).filter(|payload| payload.len() <= MAX_PAYLOAD)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("sub")?.as_str().filter(|id| id.len() <= MAX_ID).map(str::to_owned)
}
