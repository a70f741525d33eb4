use crate::{IssuerUrl, SigningAlgorithm};
use chrono::TimeDelta;
use serde_json::{Map, Value};
use std::fmt;

/// The longest lifetime any configuration can allow.
pub const MAX_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// The longest time a new key waits before it signs.
const MAX_PROPAGATION: TimeDelta = TimeDelta::days(7);
/// The longest time between two rotations.
const MAX_ROTATION: TimeDelta = TimeDelta::days(366);
/// The most leeway for clocks that differ.
const MAX_LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// The most further fields of the discovery document.
const MAX_METADATA: usize = 64;
/// Other caches than the verifiers' own must not hold a JWKS longer than this.
#[cfg(feature = "http")]
const MAX_CACHED: TimeDelta = TimeDelta::seconds(300);
/// How old our own copy of the ring may get before it is read again.
const MAX_COPY: TimeDelta = TimeDelta::seconds(60);

/// What the discovery document says by itself.
pub(crate) const OWN_METADATA: [&str; 7] = [
    "issuer",
    "jwks_uri",
    "introspection_endpoint",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "authorization_endpoint",
];

/// How an issuer issues.
///
/// Processes that share a key store must agree on it.
///
/// ```
/// use axess_local_idp::{LocalIdpConfig, SigningAlgorithm};
/// let config = LocalIdpConfig {
///     algorithm: SigningAlgorithm::EdDsa,
///     ..LocalIdpConfig::new("https://id.example.com".parse()?)
/// };
/// assert_eq!(config.default_lifetime, chrono::TimeDelta::minutes(15));
/// config.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LocalIdpConfig {
    /// Who we are.
    pub issuer: IssuerUrl,
    /// What new keys sign with. Default: ES256.
    pub algorithm: SigningAlgorithm,
    /// How long a token is valid whose claims do not say. Default: 15 minutes.
    pub default_lifetime: TimeDelta,
    /// The longest a token may be valid. Default: 1 hour; at most [`MAX_LIFETIME`].
    ///
    /// A key signs no longer than was configured when it was made: a raise takes effect with the next key, which
    /// [`LocalIdp::maintain`](crate::LocalIdp::maintain) then makes.
    pub max_lifetime: TimeDelta,
    /// How long a new key is published before it signs. Default: 1 hour; at most 7 days.
    ///
    /// It is also how long a process goes on with its copy of the keys while their store cannot be read.
    pub propagation: TimeDelta,
    /// The age at which a key is replaced. Default: 30 days; at most 366, at least `propagation` and `max_lifetime`.
    pub rotate_every: TimeDelta,
    /// How far in the future `iat` and `nbf` may be for the verifier. Default: 10 s, at most 60 s. There is none for `exp`.
    pub leeway: TimeDelta,
    /// Further fields of the discovery document, at most 64.
    pub metadata: Map<String, Value>,
}

/// Says everything that is wrong with a configuration.
///
/// ```
/// use axess_local_idp::{ConfigFault, LocalIdpConfig};
/// let mut config = LocalIdpConfig::new("https://id.example.com".parse().unwrap());
/// config.leeway = chrono::TimeDelta::hours(1);
/// assert_eq!(config.check().unwrap_err().0, [ConfigFault::Leeway]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<ConfigFault>);

/// One thing that is wrong with a configuration.
///
/// ```
/// assert!(axess_local_idp::ConfigFault::Leeway.to_string().starts_with("leeway: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// `max_lifetime` is out of range.
    #[error("max_lifetime: use 1 second to 24 hours")]
    MaxLifetime,
    /// `default_lifetime` is out of range.
    #[error("default_lifetime: use 1 second to max_lifetime")]
    DefaultLifetime,
    /// `propagation` is out of range.
    #[error("propagation: use 0 to 7 days")]
    Propagation,
    /// `rotate_every` is out of range.
    #[error("rotate_every: use at most 366 days, and at least 1 second, propagation and max_lifetime")]
    RotateEvery,
    /// `leeway` is out of range.
    #[error("leeway: use 0 to 60 seconds")]
    Leeway,
    /// A lifetime or delay has a fraction of a second.
    #[error("lifetimes and delays: use whole seconds, as the times in a token are")]
    Fraction,
    /// `metadata` names what we say ourselves.
    #[error("metadata: `{0}` is set by the issuer itself; take it out")]
    Metadata(String),
    /// `metadata` has too many fields.
    #[error("metadata: use at most 64 fields")]
    MetadataSize,
}

impl LocalIdpConfig {
    /// Creates the default configuration of an issuer.
    #[must_use]
    pub fn new(issuer: IssuerUrl) -> Self {
        Self {
            issuer,
            algorithm: SigningAlgorithm::default(),
            default_lifetime: TimeDelta::minutes(15),
            max_lifetime: TimeDelta::hours(1),
            propagation: TimeDelta::hours(1),
            rotate_every: TimeDelta::days(30),
            leeway: TimeDelta::seconds(10),
            metadata: Map::new(),
        }
    }

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// All faults at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (zero, second) = (TimeDelta::zero(), TimeDelta::seconds(1));
        let rotate_from = second.max(self.propagation).max(self.max_lifetime);
        let times =
            [self.default_lifetime, self.max_lifetime, self.propagation, self.rotate_every, self.leeway];
        let mut faults = Vec::new();
        for (good, fault) in [
            ((second..=MAX_LIFETIME).contains(&self.max_lifetime), ConfigFault::MaxLifetime),
            ((second..=self.max_lifetime).contains(&self.default_lifetime), ConfigFault::DefaultLifetime),
            ((zero..=MAX_PROPAGATION).contains(&self.propagation), ConfigFault::Propagation),
            ((rotate_from..=MAX_ROTATION).contains(&self.rotate_every), ConfigFault::RotateEvery),
            ((zero..=MAX_LEEWAY).contains(&self.leeway), ConfigFault::Leeway),
            (times.iter().all(|time| time.subsec_nanos() == 0), ConfigFault::Fraction),
            (self.metadata.len() <= MAX_METADATA, ConfigFault::MetadataSize),
        ] {
            if !good {
                faults.push(fault);
            }
        }
        let own = self.metadata.keys().filter(|name| OWN_METADATA.contains(&name.as_str()));
        faults.extend(own.cloned().map(ConfigFault::Metadata));
        if faults.is_empty() { Ok(()) } else { Err(ConfigError(faults)) }
    }

    /// How long others may cache the JWKS: half the time a new key waits, so that each hears of it in time.
    #[cfg(feature = "http")]
    pub(crate) fn cached_for(&self) -> TimeDelta {
        (self.propagation / 2).min(MAX_CACHED)
    }

    /// How old our own copy of the keys gets before it is read again.
    pub(crate) fn copied_for(&self) -> TimeDelta {
        (self.propagation / 4).min(MAX_COPY)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "the configuration of the local issuer is wrong: {}", faults.join("; "))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl Fn(&mut LocalIdpConfig)) -> Vec<ConfigFault> {
        let mut config = LocalIdpConfig::new("https://id.example.com".parse().unwrap());
        change(&mut config);
        config.check().err().map(|error| error.0).unwrap_or_default()
    }

    #[test]
    fn each_rule_is_checked_and_all_at_once() {
        assert_eq!(faults(|_| {}), []);
        assert_eq!(faults(|config| config.max_lifetime = TimeDelta::hours(25)), [ConfigFault::MaxLifetime]);
        assert_eq!(
            faults(|config| config.default_lifetime = TimeDelta::hours(2)),
            [ConfigFault::DefaultLifetime]
        );
        assert_eq!(
            faults(|config| config.default_lifetime = TimeDelta::zero()),
            [ConfigFault::DefaultLifetime]
        );
        assert_eq!(faults(|config| config.propagation = TimeDelta::seconds(-1)), [ConfigFault::Propagation]);
        assert_eq!(faults(|config| config.propagation = TimeDelta::days(8)), [ConfigFault::Propagation]);
        assert_eq!(faults(|config| config.rotate_every = TimeDelta::minutes(59)), [ConfigFault::RotateEvery]);
        assert_eq!(faults(|config| config.rotate_every = TimeDelta::days(367)), [ConfigFault::RotateEvery]);
        assert_eq!(faults(|config| config.leeway = TimeDelta::seconds(61)), [ConfigFault::Leeway]);
        assert_eq!(
            faults(|config| config.default_lifetime = TimeDelta::milliseconds(1_500)),
            [ConfigFault::Fraction]
        );
        let all = faults(|config| {
            config.leeway = TimeDelta::seconds(-1);
            config.metadata.insert("issuer".into(), "https://other.example".into());
        });
        assert_eq!(all, [ConfigFault::Leeway, ConfigFault::Metadata("issuer".into())]);
        let crowded = faults(|config| {
            config.metadata = (0..=MAX_METADATA).map(|n| (n.to_string(), Value::Null)).collect();
        });
        assert_eq!(crowded, [ConfigFault::MetadataSize]);
    }
}
