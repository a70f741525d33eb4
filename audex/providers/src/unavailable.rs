//! Providers that write their documents but do not mint yet.

use audex_core::{
    CredentialProvider, Health, MintOrder, Minted, ProviderError, ProviderFault, ProviderFuture, Revocation,
    RevokeOrder, Shape,
};
use audex_policy::{
    Grant, Provider, Refusal, RefusalReason,
    compile::{azure, gcp, vault},
};
use chrono::TimeDelta;
use ipnet::IpNet;

/// Stands for a provider that cannot mint yet: it shapes, so that a policy can be looked at, and refuses to mint.
///
/// ```
/// use audex_core::CredentialProvider;
/// use audex_policy::{Provider, Request, Rules, narrow};
///
/// let vault = audex_providers::UnavailableProvider::vault();
/// let request = Request::parse(Provider::Vault, "vault:read", &["secret/data/app/*"])?;
/// let grant = narrow(&request, &[], &Rules::default()).unwrap().grant;
/// let shape = vault.shape(&grant, None, &[]).unwrap();
/// assert!(shape.document.contains("secret/data/app/*"));
/// # Ok::<(), audex_policy::Faults>(())
/// ```
#[derive(Debug, Clone)]
pub struct UnavailableProvider {
    provider: Provider,
    document: fn(&Grant) -> Result<String, Refusal>,
    longest: TimeDelta,
}

impl UnavailableProvider {
    /// Makes the one for Google Cloud.
    pub const fn gcp() -> Self {
        Self { provider: Provider::Gcp, document: gcp_document, longest: TimeDelta::hours(1) }
    }

    /// Makes the one for Azure.
    pub const fn azure() -> Self {
        Self { provider: Provider::Azure, document: azure_document, longest: TimeDelta::hours(1) }
    }

    /// Makes the one for Vault.
    pub const fn vault() -> Self {
        Self { provider: Provider::Vault, document: vault_document, longest: TimeDelta::hours(12) }
    }

    /// Lists every provider that cannot mint yet.
    pub const fn all() -> [Self; 3] {
        [Self::gcp(), Self::azure(), Self::vault()]
    }

    fn refuse<T>(&self) -> Result<T, ProviderError> {
        let what = format!("minting for {} is not built in yet", self.provider);
        let hint = format!("use --provider aws or local; --dry-run shows the document for {}", self.provider);
        Err(ProviderError::new(ProviderFault::Rejected, what).with_hint(hint))
    }
}

impl CredentialProvider for UnavailableProvider {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn default_target(&self) -> Option<&str> {
        None
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal> {
        if !sources.is_empty() {
            let why = format!("a credential of {} cannot be bound to a network here", self.provider);
            return Err(refusal(why, "leave out the networks"));
        }
        Ok(Shape {
            document: (self.document)(grant)?,
            target: target.map(str::to_owned),
            lifetimes: TimeDelta::seconds(1)..=self.longest,
            notes: vec![format!("minting for {} is not built in yet", self.provider)],
        })
    }

    fn mint<'a>(&'a self, _: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        Box::pin(async { self.refuse() })
    }

    fn revoke<'a>(&'a self, _: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        Box::pin(async { self.refuse() })
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(async { self.refuse() })
    }
}

fn gcp_document(grant: &Grant) -> Result<String, Refusal> {
    let boundary = gcp::boundary(grant, &[])?;
    serde_json::to_string(&boundary).map_err(|error| refusal(error.to_string(), "ask for less"))
}

fn azure_document(grant: &Grant) -> Result<String, Refusal> {
    azure::token_scope(grant, None).map(str::to_owned)
}

fn vault_document(grant: &Grant) -> Result<String, Refusal> {
    vault::policy(grant).map(|policy| policy.hcl)
}

fn refusal(why: String, instead: &str) -> Refusal {
    Refusal { reason: RefusalReason::NotExpressible(why), instead: vec![instead.to_owned()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audex_policy::{Request, Rules, narrow};

    fn grant(provider: Provider, allow: &str, resource: &str) -> Grant {
        let request = Request::parse(provider, allow, &[resource]).unwrap();
        narrow(&request, &[], &Rules::default()).unwrap().grant
    }

    #[test]
    fn they_shape_what_can_be_said_and_refuse_the_rest() {
        let [gcp, azure, vault] = UnavailableProvider::all();
        let read = grant(Provider::Gcp, "storage.objects.get", "gs://logs/2026/*");
        assert!(gcp.shape(&read, None, &[]).unwrap().document.contains("logs"));
        let secret = grant(Provider::Vault, "vault:read", "secret/data/app/*");
        assert!(vault.shape(&secret, None, &["10.0.0.0/8".parse().unwrap()]).is_err());
        let blob = grant(Provider::Azure, "storage:read", "/subscriptions/1/resourceGroups/logs");
        let refusal = azure.shape(&blob, None, &[]).unwrap_err();
        assert!(!refusal.instead.is_empty(), "what would work is said");
        assert!(gcp.shape(&secret, None, &[]).is_err(), "of another provider");
    }

    #[tokio::test]
    async fn they_say_that_they_do_not_mint() {
        for one in UnavailableProvider::all() {
            let error = one.check().await.unwrap_err();
            assert!(error.to_string().contains("not built in yet"), "{error}");
            assert!(!error.fault.may_pass() && !error.hints.is_empty());
        }
    }
}
