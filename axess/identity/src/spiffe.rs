use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest SPIFFE id, in bytes (SPIFFE-ID §2.3).
const MAX_SPIFFE_ID: usize = 2_048;
/// The longest trust domain name, in bytes (SPIFFE-ID §2.1).
const MAX_TRUST_DOMAIN: usize = 255;

/// The namespace whose keys vouch for a workload: the authority part of a SPIFFE id.
///
/// ```
/// use axess_identity::TrustDomain;
/// assert_eq!("prod.example.com".parse::<TrustDomain>().unwrap().as_str(), "prod.example.com");
/// assert!("Prod.Example.com".parse::<TrustDomain>().is_err(), "trust domains are lower case");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(String);

/// The SPIFFE id of a workload: `spiffe://<trust domain>/<path>`.
///
/// ```
/// use axess_identity::WorkloadId;
/// let id: WorkloadId = "spiffe://prod.example.com/svc/billing".parse().unwrap();
/// assert_eq!(id.trust_domain().as_str(), "prod.example.com");
/// assert_eq!(id.path(), "/svc/billing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkloadId {
    uri: String,
    trust_domain: TrustDomain,
}

/// Who vouched for a workload: an OIDC issuer URL or a SPIFFE trust domain, compared byte by byte.
///
/// ```
/// use axess_identity::Issuer;
/// assert_eq!(Issuer::from("https://token.actions.example").as_str(), "https://token.actions.example");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(String);

/// Says what is wrong with a SPIFFE id or trust domain.
///
/// ```
/// use axess_identity::{SpiffeIdError, WorkloadId};
/// assert_eq!("https://x/y".parse::<WorkloadId>(), Err(SpiffeIdError::Scheme));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    /// Does not begin with `spiffe://`.
    #[error("a SPIFFE id begins with spiffe://")]
    Scheme,
    /// The trust domain is empty, too long or has a character outside `a-z 0-9 . - _`.
    #[error("a trust domain is 1 to 255 of a-z, 0-9, '.', '-' and '_'")]
    TrustDomain,
    /// A path segment is empty, `.` or `..`, or has a character outside `A-Z a-z 0-9 . - _`.
    #[error("a SPIFFE path has no empty, '.' or '..' segment and only letters, digits, '.', '-' and '_'")]
    Path,
    /// Longer than 2048 bytes.
    #[error("a SPIFFE id is at most 2048 bytes")]
    TooLong,
}

impl TrustDomain {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WorkloadId {
    /// Returns the whole URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Returns the trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Returns the path with its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.get("spiffe://".len() + self.trust_domain.0.len()..).unwrap_or_default()
    }
}

impl Issuer {
    /// Returns the issuer as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Issuer {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_');
        if text.is_empty() || text.len() > MAX_TRUST_DOMAIN || !text.bytes().all(allowed) {
            return Err(SpiffeIdError::TrustDomain);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for WorkloadId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        if text.len() > MAX_SPIFFE_ID {
            return Err(SpiffeIdError::TooLong);
        }
        let rest = text.strip_prefix("spiffe://").ok_or(SpiffeIdError::Scheme)?;
        let (domain, path) = rest.split_once('/').ok_or(SpiffeIdError::Path)?;
        let trust_domain = domain.parse()?;
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        let good = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed);
        if !path.split('/').all(good) {
            return Err(SpiffeIdError::Path);
        }
        Ok(Self { uri: text.to_owned(), trust_domain })
    }
}

macro_rules! string_conversions {
    ($name:ident, $to:expr) => {
        impl TryFrom<String> for $name {
            type Error = SpiffeIdError;

            fn try_from(text: String) -> Result<Self, SpiffeIdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                $to(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

string_conversions!(TrustDomain, |value: TrustDomain| value.0);
string_conversions!(WorkloadId, |value: WorkloadId| value.uri);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_ids_are_refused() {
        for (text, error) in [
            ("", SpiffeIdError::Scheme),
            ("SPIFFE://a/b", SpiffeIdError::Scheme),
            ("spiffe://", SpiffeIdError::Path),
            ("spiffe:///a", SpiffeIdError::TrustDomain),
            ("spiffe://a", SpiffeIdError::Path),
            ("spiffe://a/", SpiffeIdError::Path),
            ("spiffe://a/b//c", SpiffeIdError::Path),
            ("spiffe://a/../c", SpiffeIdError::Path),
            ("spiffe://a/b%2fc", SpiffeIdError::Path),
            ("spiffe://a/b?x=1", SpiffeIdError::Path),
            ("spiffe://user@a/b", SpiffeIdError::TrustDomain),
            ("spiffe://a:443/b", SpiffeIdError::TrustDomain),
        ] {
            assert_eq!(text.parse::<WorkloadId>(), Err(error), "{text}");
        }
        assert_eq!(
            format!("spiffe://a/{}", "b".repeat(2_048)).parse::<WorkloadId>(),
            Err(SpiffeIdError::TooLong)
        );
    }
}
