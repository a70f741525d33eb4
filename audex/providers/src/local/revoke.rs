use super::LocalProvider;
use audex_core::{Fate, ProviderError, Revocation, RevokeOrder};

/// Marks every token of a session as revoked, and says who hears of it.
pub(super) async fn revoke(
    provider: &LocalProvider,
    order: &RevokeOrder,
) -> Result<Revocation, ProviderError> {
    let mut fates = Vec::with_capacity(order.credential_ids.len());
    let is_over = order.expires_at <= provider.clock.now();
    for id in &order.credential_ids {
        if is_over {
            fates.push((id.clone(), Fate::Dead));
            continue;
        }
        provider.idp().await?.revoke(id).await.map_err(|error| provider.unusable(error))?;
        fates.push((id.clone(), fate(provider, order)));
    }
    Ok(Revocation { fates })
}

fn fate(provider: &LocalProvider, order: &RevokeOrder) -> Fate {
    if provider.config.verifiers_introspect {
        return Fate::Dead;
    }
    let why = format!(
        "whoever asks {} is told that it is dead, and so is our own verifier; a service that only checks the signature \
         with the public keys does not ask and accepts it until then (set verifiers_introspect when every service asks)",
        provider.config.issuer.introspection_endpoint()
    );
    Fate::AliveUntil { until: order.expires_at, why }
}
