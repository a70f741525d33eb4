use super::span;
use audex_core::{
    CredentialProvider, Health, MintOrder, Minted, ProviderFuture, Revocation, RevokeOrder, Shape,
    budget::Dollars,
};
use audex_policy::{Grant, Provider, Refusal};
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use std::sync::Arc;
use tracing::Instrument as _;

/// Puts a span around each credential that a provider mints.
pub fn traced(provider: Arc<dyn CredentialProvider>) -> Arc<dyn CredentialProvider> {
    Arc::new(Traced(provider))
}

#[derive(Debug)]
struct Traced(Arc<dyn CredentialProvider>);

impl CredentialProvider for Traced {
    fn provider(&self) -> Provider {
        self.0.provider()
    }

    fn default_target(&self) -> Option<&str> {
        self.0.default_target()
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal> {
        self.0.shape(grant, target, sources)
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        Box::pin(self.0.mint(order).instrument(span::issuance(self.provider())))
    }

    fn mints_offline(&self) -> bool {
        self.0.mints_offline()
    }

    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        self.0.revoke(order)
    }

    fn retire<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        self.0.retire(order)
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        self.0.check()
    }

    fn spend(&self, since: DateTime<Utc>) -> ProviderFuture<'_, Option<Dollars>> {
        self.0.spend(since)
    }
}
