//! Writes the events of decisions.

use super::{AuthzSession, AuthzUnavailable};
use crate::{
    ActionUid, AuthzDecision, AuthzEventSink, AuthzProviderError, AuthzQuery, DenyReason, FilterError,
    ResourceUid, RowFilter, RowMapping,
};
use axess_events::{
    AuditText,
    authorisation::{AuthzAllow, AuthzDeny, AuthzEntityNotFound, AuthzProviderFailed},
};
use axess_identity::Principal;

/// The most resources named in the event of a failed provider.
const MAX_NAMED_RESOURCES: usize = 8;

/// Records an [`AuthzAllow`] or an [`AuthzDeny`], and an [`AuthzEntityNotFound`] for each entity that was missing.
pub(super) async fn decision(
    sink: &dyn AuthzEventSink,
    principal: &Principal,
    query: AuthzQuery<'_>,
    decision: &AuthzDecision,
) -> Result<(), AuthzUnavailable> {
    let text = |value: &dyn std::fmt::Display| AuditText::from(value.to_string());
    let matched_policy_ids = decision.determining().into_iter().collect();
    let (principal_uid, action, resource_uid) =
        (text(query.principal), text(query.action), text(query.resource));
    match decision {
        AuthzDecision::Allow { .. } => {
            sink.record(
                principal,
                AuthzAllow { principal_uid, action, resource_uid, matched_policy_ids }.into(),
            )
            .await?;
        }
        AuthzDecision::Deny { reason, .. } => {
            for (uid, policy) in missing(reason) {
                let event = AuthzEntityNotFound {
                    principal_uid: principal_uid.clone(),
                    missing_entity_uid: text(uid),
                    policy_id_referencing: policy.map(AuditText::from),
                };
                sink.record(principal, event.into()).await?;
            }
            let denial_reason = text(reason);
            let event = AuthzDeny { principal_uid, action, resource_uid, matched_policy_ids, denial_reason };
            sink.record(principal, event.into()).await?;
        }
    }
    Ok(())
}

fn missing(reason: &DenyReason) -> Vec<(&ResourceUid, Option<&str>)> {
    match reason {
        DenyReason::EntityNotFound { uid } => vec![(uid, None)],
        DenyReason::EvaluationFailed { failures } => failures
            .iter()
            .filter_map(|failure| Some((failure.missing.as_ref()?, Some(failure.policy.as_str()))))
            .collect(),
        DenyReason::NoPermit | DenyReason::Forbidden | DenyReason::InvalidRequest { .. } => Vec::new(),
    }
}

/// Records that there will be no decision.
pub(super) async fn provider_failure(
    session: &AuthzSession,
    action: &ActionUid,
    resources: &[ResourceUid],
    error: &AuthzProviderError,
) -> Result<(), AuthzUnavailable> {
    let named: Vec<String> = resources.iter().take(MAX_NAMED_RESOURCES).map(ToString::to_string).collect();
    let event = AuthzProviderFailed {
        principal_uid: AuditText::from(session.uid.to_string()),
        action: AuditText::from(action.to_string()),
        resource_uid: AuditText::from(named.join(" ")),
        provider: AuditText::from(session.provider_name()),
        failure_reason: AuditText::from(error.to_string()),
    };
    session.sink().record(session.principal(), event.into()).await?;
    Ok(())
}

/// Records the decision about a whole list.
pub(super) async fn list(
    session: &AuthzSession,
    action: &ActionUid,
    rows: &RowMapping,
    filter: &Result<RowFilter, FilterError>,
) -> Result<(), AuthzUnavailable> {
    let principal_uid = AuditText::from(session.uid.to_string());
    let action = AuditText::from(action.to_string());
    let resource_uid = AuditText::from(format!("list of {}", rows.entity_type()));
    let policies = filter.as_ref().map(RowFilter::policies).unwrap_or_default();
    let matched_policy_ids = policies.iter().map(String::as_str).collect();
    let denial_reason = match filter {
        Ok(filter) if filter.is_empty() => AuditText::from("no row can be allowed"),
        Ok(_) => {
            let event = AuthzAllow { principal_uid, action, resource_uid, matched_policy_ids };
            return Ok(session.sink().record(session.principal(), event.into()).await?);
        }
        Err(error) => AuditText::from(error.to_string()),
    };
    let event = AuthzDeny { principal_uid, action, resource_uid, matched_policy_ids, denial_reason };
    Ok(session.sink().record(session.principal(), event.into()).await?)
}
