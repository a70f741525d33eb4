use crate::UnavailableProvider;
use audex_core::CredentialProvider;
use audex_policy::Provider;
use std::{collections::BTreeMap, sync::Arc};

/// Holds who mints for which provider.
///
/// ```
/// use audex_policy::Provider;
/// use audex_providers::{Providers, UnavailableProvider};
/// use std::sync::Arc;
///
/// let providers = Providers::new().with(Arc::new(UnavailableProvider::gcp()));
/// assert!(providers.get(Provider::Gcp).is_some());
/// assert!(providers.get(Provider::Aws).is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Providers {
    all: BTreeMap<Provider, Arc<dyn CredentialProvider>>,
}

impl Providers {
    /// Makes a registry of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a registry of those that cannot mint yet.
    pub fn unavailable() -> Self {
        UnavailableProvider::all().into_iter().fold(Self::new(), |all, one| all.with(Arc::new(one)))
    }

    /// Adds one, in place of another for the same provider.
    #[must_use]
    pub fn with(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.all.insert(provider.provider(), provider);
        self
    }

    /// Finds who mints for a provider.
    pub fn get(&self, provider: Provider) -> Option<&Arc<dyn CredentialProvider>> {
        self.all.get(&provider)
    }

    /// Lists everybody.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn CredentialProvider>> {
        self.all.values()
    }
}
