//! AWS: temporary credentials from STS, cut down to what is granted by a session policy.

mod answer;
mod call;
mod check;
mod config;
mod documents;
mod endpoints;
mod explain;
mod mint;
mod names;
mod revoke;
mod shape;
mod sign;
mod source;
mod spend;

pub use config::{AwsConfig, AwsConfigError, SessionTags};
pub use documents::{container_document, credentials_file, process_document};
pub use source::{BaseCredentials, BaseSource};

use audex_core::{
    CredentialProvider, Health, MintOrder, Minted, ProviderError, ProviderFuture, Revocation, RevokeOrder,
    Shape, budget::Dollars,
};
use audex_policy::{Grant, Provider, Refusal};
use axess_clock::Clock;
use call::Wire;
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use std::{fmt, sync::Arc};

/// The names of the parts of a credential.
pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The name of the secret key.
pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The name of the region that calls go to; no secret.
pub const REGION: &str = "AWS_REGION";
/// The name that older programs have for it.
pub const DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// The name of the session token.
pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Mints credentials of AWS.
///
/// Nothing is read and no connection is made before the first verb that needs it. Clones share their connections.
///
/// ```
/// use audex_core::CredentialProvider;
/// use audex_providers::aws::{AwsConfig, AwsProvider, BaseSource};
/// use axess_clock::SystemClock;
/// use std::{collections::BTreeMap, sync::Arc};
///
/// let environment = BTreeMap::from([("AWS_REGION".to_owned(), "eu-west-1".to_owned())]);
/// let config = AwsConfig {
///     role_arn: Some("arn:aws:iam::123456789012:role/app".to_owned()),
///     ..AwsConfig::new(BaseSource::new(environment))
/// };
/// let provider = AwsProvider::new(config, Arc::new(SystemClock))?;
/// assert_eq!(provider.default_target(), Some("arn:aws:iam::123456789012:role/app"));
/// assert_eq!(provider.region(), "eu-west-1");
/// # Ok::<(), audex_providers::aws::AwsConfigError>(())
/// ```
#[derive(Clone)]
pub struct AwsProvider {
    inner: Arc<Inner>,
}

struct Inner {
    config: AwsConfig,
    region: String,
    wire: Wire,
    clock: Arc<dyn Clock>,
}

impl AwsProvider {
    /// Makes a provider.
    ///
    /// # Errors
    ///
    /// [`AwsConfigError`] for a setting that AWS would refuse.
    pub fn new(config: AwsConfig, clock: Arc<dyn Clock>) -> Result<Self, AwsConfigError> {
        config.check()?;
        let region = config.region();
        let wire = Wire::new(config.base.environment().clone(), Arc::clone(&clock));
        Ok(Self { inner: Arc::new(Inner { config, region, wire, clock }) })
    }

    /// Returns the configuration.
    pub fn config(&self) -> &AwsConfig {
        &self.inner.config
    }

    /// Returns the region that STS is asked in.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Deletes the denials that a revocation wrote into a role and that have done their work, and returns their names.
    ///
    /// Those are the denials of sessions whose credentials have expired. Without a target it is the default role.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when there is no revoker role, or it cannot do that.
    pub async fn remove_expired_denies(&self, target: Option<&str>) -> Result<Vec<String>, ProviderError> {
        revoke::remove_expired(&self.inner, target).await
    }
}

impl CredentialProvider for AwsProvider {
    fn provider(&self) -> Provider {
        Provider::Aws
    }

    fn default_target(&self) -> Option<&str> {
        self.inner.config.role_arn.as_deref()
    }

    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal> {
        shape::shape(&self.inner.config, grant, target, sources)
    }

    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted> {
        Box::pin(mint::mint(&self.inner, order))
    }

    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        Box::pin(async { Ok(revoke::revoke(&self.inner, order).await) })
    }

    fn check(&self) -> ProviderFuture<'_, Health> {
        Box::pin(check::check(&self.inner))
    }

    /// Asks Cost Explorer, which knows the whole account's spend by the day and is up to a day late. A question costs a cent.
    fn spend(&self, since: DateTime<Utc>) -> ProviderFuture<'_, Option<Dollars>> {
        Box::pin(async move { spend::spend(&self.inner, since.date_naive()).await.map(Some) })
    }
}

impl fmt::Debug for AwsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsProvider").field("config", &self.inner.config).finish_non_exhaustive()
    }
}
