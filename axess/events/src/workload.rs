//! Programs that prove who they are.

use crate::{AuditText, archive::AsText};
use axess_identity::{TrustDomain, WorkloadId};
use rkyv::{Archive, Deserialize as RkyvDeserialize, Serialize as RkyvSerialize};
use serde::{Deserialize, Serialize};

/// A workload proved its identity.
///
/// ```
/// use axess_events::{AuthEvent, workload::WorkloadAuthenticated};
/// use axess_identity::WorkloadId;
/// let workload_id: WorkloadId = "spiffe://prod.example.com/billing".parse().unwrap();
/// let event = WorkloadAuthenticated {
///     trust_domain: workload_id.trust_domain().clone(),
///     workload_id,
///     issuer: "https://issuer.example".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "WorkloadAuthenticated");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct WorkloadAuthenticated {
    /// The workload.
    #[rkyv(with = AsText)]
    pub workload_id: WorkloadId,
    /// The trust domain that vouches for it.
    #[rkyv(with = AsText)]
    pub trust_domain: TrustDomain,
    /// Who issued its credential.
    pub issuer: AuditText,
}

/// A workload failed to prove its identity.
///
/// What it claimed is unproved and written as it came.
///
/// ```
/// use axess_events::{AuthEvent, workload::WorkloadRejected};
/// let event = WorkloadRejected {
///     attempted_workload_id: None,
///     attempted_trust_domain: Some("prod.example.com".into()),
///     failure_reason: "expired".into(),
/// };
/// assert_eq!(AuthEvent::from(event).wire_name(), "WorkloadRejected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Archive, RkyvSerialize, RkyvDeserialize)]
pub struct WorkloadRejected {
    /// Who it claimed to be, when its credential could be read that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempted_workload_id: Option<AuditText>,
    /// The trust domain it claimed, when its credential could be read that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempted_trust_domain: Option<AuditText>,
    /// Why it was refused: the check that failed, never the credential.
    pub failure_reason: AuditText,
}
