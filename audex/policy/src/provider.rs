use serde::{Deserialize, Serialize};

/// Names who issues the credential, and so which language actions and resources are written in.
///
/// ```
/// use audex_policy::Provider;
///
/// assert_eq!("aws".parse(), Ok(Provider::Aws));
/// assert_eq!(Provider::Gcp.to_string(), "gcp");
/// assert!("alibaba".parse::<Provider>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services: `s3:GetObject` on `arn:aws:s3:::logs/*`.
    Aws,
    /// Google Cloud: `storage.objects.get` on `gs://logs/2026/*`.
    Gcp,
    /// Microsoft Azure: `Microsoft.Storage/storageAccounts/read` on `/subscriptions/...`.
    Azure,
    /// HashiCorp Vault and OpenBao: `vault:read` on `secret/data/app/*`.
    Vault,
    /// The broker's own signed tokens: any `service:Action` on any text.
    Local,
}

impl Provider {
    /// Lists every provider.
    pub const ALL: [Self; 5] = [Self::Aws, Self::Gcp, Self::Azure, Self::Vault, Self::Local];

    /// Returns the name used in flags and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::Vault => "vault",
            Self::Local => "local",
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|provider| provider.name() == text).ok_or(UnknownProvider)
    }
}

/// Says that a text names no provider.
///
/// ```
/// let error = "alibaba".parse::<audex_policy::Provider>().unwrap_err();
/// assert!(error.to_string().contains("aws, gcp, azure, vault, local"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such provider (one of aws, gcp, azure, vault, local)")]
pub struct UnknownProvider;
