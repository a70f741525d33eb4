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
        FederationError::Denied { code } | FederationError::ClientRejected { code } => {
            Some(code.as_str().into())
        }
        FederationError::Malformed { what }
        | FederationError::WeakerThanConfigured { what }
        | FederationError::Unavailable { what, .. } => Some((*what).into()),
        FederationError::Configuration { what } => Some(what.as_str().into()),
        _ => None,
    }
}
