use super::{CLIENT_ID, LocalProvider, TOKEN_VARIABLE};
use audex_core::{Credential, CredentialSecret, MintOrder, Minted, ProviderError, ProviderFault};
use audex_policy::Provider;
use axess_local_idp::{MintClaims, MintError};
use serde_json::Value;

/// The claim that names the session.
const SESSION_CLAIM: &str = "audex_session";

/// Signs what was shaped.
pub(super) async fn mint(provider: &LocalProvider, order: &MintOrder) -> Result<Minted, ProviderError> {
    let details: Value = serde_json::from_str(&order.shape.document).map_err(|error| {
        ProviderError::new(ProviderFault::Rejected, "the shaped claim is no JSON").with_source(error)
    })?;
    let audience = order.shape.target.as_deref().unwrap_or(&provider.config.audience);
    let subject = order.requester.identity();
    let claims = MintClaims::access_token(&subject, CLIENT_ID, order.lifetime)
        .with_audience(audience)
        .with_authorization_details(details)
        .with_custom_claim(SESSION_CLAIM, order.session_id.to_string());
    let minted = provider.idp().await?.mint(&claims).await.map_err(|error| explain(provider, error))?;
    let token = CredentialSecret::from(minted.token.expose());
    let credential =
        Credential::new(Provider::Local, minted.jwt_id, minted.expires_at).with_part(TOKEN_VARIABLE, token);
    Ok(Minted { credential, account: Some(provider.config.issuer.to_string()), subject: Some(subject) })
}

fn explain(provider: &LocalProvider, error: MintError) -> ProviderError {
    let rejected = |what: String| ProviderError::new(ProviderFault::Rejected, what);
    match error {
        MintError::TooLong(bytes) => {
            rejected(format!("the token would have {bytes} bytes, more than services read"))
                .with_hint("ask for less in one session, or use wildcards")
        }
        MintError::Lifetime { most } => {
            rejected(format!("a token lives at most {} seconds", most.num_seconds()))
                .with_hint("ask for a shorter lifetime")
        }
        MintError::Claims(fault) => {
            rejected(format!("the issuer refuses the claims: {fault}")).with_source(fault)
        }
        MintError::Key(_) | MintError::Keys(_) => provider.unusable(error),
    }
}
