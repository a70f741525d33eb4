//! Recording: one event for each refusal, whose reason is what the provider's crate said.

use crate::{authn::AuthnError, service::AuthnService, session::SessionHandle};
use axess_events::{
    AuditText, AuthEvent,
    federation::{FederationRefusalReason, FederationRefused},
};
use axess_factors::federated::FederationError;
use axess_identity::{ProviderName, TenantId, UserId};

/// What metrics call a provider that was not found, or not looked for.
const UNKNOWN: &str = "unknown";

impl<I, F> AuthnService<I, F> {
    /// Records why nobody was logged in although the provider did its part, or could not be asked at all.
    pub(super) async fn federation_refused(
        &self,
        session: &SessionHandle,
        tenant_id: Option<TenantId>,
        provider: &ProviderName,
        user_id: Option<UserId>,
        reason: FederationRefusalReason,
    ) -> Result<(), AuthnError> {
        self.record_refusal(session, tenant_id, (provider, user_id), reason, None).await
    }

    /// Records what is wrong with a provider's answer.
    pub(super) async fn provider_refused(
        &self,
        session: &SessionHandle,
        tenant_id: Option<TenantId>,
        provider: &ProviderName,
        error: &FederationError,
    ) -> Result<(), AuthnError> {
        self.record_refusal(session, tenant_id, (provider, None), reason(error), detail(error)).await
    }

    async fn record_refusal(
        &self,
        session: &SessionHandle,
        tenant_id: Option<TenantId>,
        (provider, user_id): (&ProviderName, Option<UserId>),
        reason: FederationRefusalReason,
        detail: Option<AuditText>,
    ) -> Result<(), AuthnError> {
        // Without a tenant nobody has looked the provider up: anybody can make such names up, one for each request.
        let known = tenant_id.is_some() && reason != FederationRefusalReason::UnknownProvider;
        self.metrics.federation_refused(if known { provider.as_str() } else { UNKNOWN });
        let event = FederationRefused { user_id, provider: provider.as_str().into(), reason, detail };
        self.emit(session, tenant_id, AuthEvent::FederationRefused(event)).await.map(|_| ())
    }
}

fn reason(error: &FederationError) -> FederationRefusalReason {
    use FederationRefusalReason as Reason;
    match error {
        FederationError::Denied { .. } => Reason::Denied,
        FederationError::GrantRefused { .. } => Reason::GrantRefused,
        FederationError::StateMismatch => Reason::StateMismatch,
        FederationError::Expired => Reason::Expired,
        FederationError::IssuerMismatch => Reason::IssuerMismatch,
        FederationError::AudienceMismatch => Reason::AudienceMismatch,
        FederationError::NonceMismatch => Reason::NonceMismatch,
        FederationError::SignatureInvalid => Reason::SignatureInvalid,
        FederationError::AlgorithmRefused => Reason::AlgorithmRefused,
        FederationError::KeyUnknown => Reason::KeyUnknown,
        FederationError::Replayed => Reason::Replayed,
        FederationError::Malformed { .. } => Reason::Malformed,
        FederationError::WeakerThanConfigured { .. } => Reason::WeakerThanConfigured,
        FederationError::TooOld => Reason::TooOld,
        FederationError::NotYetValid => Reason::NotYetValid,
        FederationError::AuthenticationTooOld => Reason::AuthenticationTooOld,
        FederationError::AcrNotMet => Reason::AcrNotMet,
        FederationError::MixUp => Reason::MixUp,
        FederationError::Unavailable { .. } => Reason::Unavailable,
        FederationError::ClientRejected { .. } => Reason::ClientRejected,
        FederationError::Configuration { .. } => Reason::Misconfigured,
    }
}

fn detail(error: &FederationError) -> Option<AuditText> {
    match error {
        FederationError::Denied { code }
        | FederationError::GrantRefused { code }
        | FederationError::ClientRejected { code } => Some(code.as_str().into()),
        FederationError::Malformed { what }
        | FederationError::WeakerThanConfigured { what }
        | FederationError::Unavailable { what, .. } => Some((*what).into()),
        FederationError::Configuration { what } => Some(what.as_str().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::MemoryAuditSink,
        memory::InMemorySessionStore,
        session::{RequestContext, Sessions},
    };
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// Every variant, its place in this match, and what the trail says. A new variant does not compile without a row.
    fn place(error: &FederationError) -> usize {
        match error {
            FederationError::Denied { .. } => 0,
            FederationError::StateMismatch => 1,
            FederationError::Expired => 2,
            FederationError::IssuerMismatch => 3,
            FederationError::AudienceMismatch => 4,
            FederationError::NonceMismatch => 5,
            FederationError::SignatureInvalid => 6,
            FederationError::AlgorithmRefused => 7,
            FederationError::KeyUnknown => 8,
            FederationError::Replayed => 9,
            FederationError::Malformed { .. } => 10,
            FederationError::WeakerThanConfigured { .. } => 11,
            FederationError::TooOld => 12,
            FederationError::NotYetValid => 13,
            FederationError::AuthenticationTooOld => 14,
            FederationError::AcrNotMet => 15,
            FederationError::MixUp => 16,
            FederationError::Unavailable { .. } => 17,
            FederationError::ClientRejected { .. } => 18,
            FederationError::Configuration { .. } => 19,
            FederationError::GrantRefused { .. } => 20,
        }
    }

    fn rows() -> Vec<(FederationError, &'static str, Option<&'static str>)> {
        vec![
            (FederationError::denied("access_denied"), "denied", Some("access_denied")),
            (FederationError::StateMismatch, "state-mismatch", None),
            (FederationError::Expired, "expired", None),
            (FederationError::IssuerMismatch, "issuer-mismatch", None),
            (FederationError::AudienceMismatch, "audience-mismatch", None),
            (FederationError::NonceMismatch, "nonce-mismatch", None),
            (FederationError::SignatureInvalid, "signature-invalid", None),
            (FederationError::AlgorithmRefused, "algorithm-refused", None),
            (FederationError::KeyUnknown, "key-unknown", None),
            (FederationError::Replayed, "replayed", None),
            (FederationError::Malformed { what: "no code" }, "malformed", Some("no code")),
            (
                FederationError::WeakerThanConfigured { what: "no PKCE" },
                "weaker-than-configured",
                Some("no PKCE"),
            ),
            (FederationError::TooOld, "too-old", None),
            (FederationError::NotYetValid, "not-yet-valid", None),
            (FederationError::AuthenticationTooOld, "authentication-too-old", None),
            (FederationError::AcrNotMet, "acr-not-met", None),
            (FederationError::MixUp, "mix-up", None),
            (FederationError::unavailable("its keys", "a secret cause"), "unavailable", Some("its keys")),
            (FederationError::client_rejected("invalid_client"), "client-rejected", Some("invalid_client")),
            (FederationError::Configuration { what: "no key".into() }, "misconfigured", Some("no key")),
            (FederationError::grant_refused("invalid_grant"), "grant-refused", Some("invalid_grant")),
        ]
    }

    #[tokio::test]
    async fn every_refusal_is_an_event_with_its_own_reason() {
        let session = Sessions::new(InMemorySessionStore::new()).guest(RequestContext::default());
        let (tenant_id, provider) = (TenantId::from_parts(0, [1; 10]), "okta".parse().unwrap());
        let rows = rows();
        let places: Vec<usize> = rows.iter().map(|(error, ..)| place(error)).collect();
        assert_eq!(places, (0..21).collect::<Vec<_>>(), "one row each");
        for (error, reason, detail) in &rows {
            let trail = MemoryAuditSink::default();
            let service = AuthnService::new((), ()).with_audit_sink(Arc::new(trail.clone()));
            service.provider_refused(&session, Some(tenant_id), &provider, error).await.unwrap();
            let events = trail.events();
            let [event] = events.as_slice() else { panic!("{error}: {events:?}") };
            assert_eq!(event.payload.wire_name(), "FederationRefused", "{error}");
            assert_eq!(event.tenant_id, Some(tenant_id), "{error}");
            let AuthEvent::FederationRefused(refused) = &event.payload else { panic!("{event:?}") };
            let told: Value = serde_json::to_value(refused).unwrap();
            let mut expected = json!({ "provider": "okta", "reason": reason });
            if let Some(detail) = detail {
                expected["detail"] = json!(detail);
            }
            assert_eq!(told, expected, "{error}");
        }
    }
}
