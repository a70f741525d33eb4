use super::user_id;
use axess_events::{AuthEvent, federation::*};

pub(super) fn all() -> Vec<AuthEvent> {
    let (provider, issuer) = ("okta", "https://acme.okta.example");
    vec![
        FederationRefused {
            user_id: Some(user_id()),
            provider: provider.into(),
            reason: FederationRefusalReason::Malformed,
            detail: Some("a parameter comes twice".into()),
        }
        .into(),
        FederatedIdentityLinked {
            user_id: user_id(),
            provider: provider.into(),
            issuer: issuer.into(),
            cause: LinkCause::Provisioned,
        }
        .into(),
        FederatedIdentityUnlinked { user_id: user_id(), issuer: issuer.into() }.into(),
        FederatedLogoutReceived { provider: provider.into(), issuer: issuer.into(), sessions_ended: 2 }
            .into(),
    ]
}
