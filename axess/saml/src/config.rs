//! What an application says about itself and its identity provider.

mod check;
mod mapping;
mod stored;
#[cfg(test)]
mod tests;

pub use mapping::AttributeMapping;

pub(crate) use check::{Compiled, is_acceptable_url, is_within};

use crate::{SamlBinding, SamlKey};
use axess_factors::federated::{FederationError, ProviderNetwork, ReplayGuard};
use std::{fmt, sync::Arc, time::Duration};

/// How far apart the clocks of the two sides may be, unless configured otherwise.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// How long a login at the identity provider may take, unless configured otherwise.
const CEREMONY_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Everything there is to set about a login by SAML.
///
/// Start from [`SamlConfig::new`], whose defaults refuse what is weaker than it needs to be, and hand it to
/// [`crate::SamlProvider::new`], which reports every fault at once.
///
/// ```
/// use axess_saml::{IdpSource, SamlConfig};
/// let config = SamlConfig {
///     slo_url: Some("https://app.example.com/saml/slo".into()),
///     ..SamlConfig::new(
///         "https://app.example.com/saml/metadata",
///         "https://app.example.com/saml/acs",
///         IdpSource::metadata("<md:EntityDescriptor ..."),
///     )
/// };
/// assert!(config.want_signed_assertions && !config.allow_unsolicited);
/// ```
#[derive(Clone)]
pub struct SamlConfig {
    /// What the application is called, by which the identity provider knows it.
    pub entity_id: String,
    /// Where responses are posted to (the assertion consumer service).
    pub acs_url: String,
    /// Where logout messages are sent to; without it there is no single logout.
    pub slo_url: Option<String>,
    /// The identity provider.
    pub idp: IdpSource,
    /// What requests, logout messages and our metadata are signed with. Single logout needs one.
    pub signing_key: Option<SamlKey>,
    /// What opens encrypted assertions: RSA. During a roll-over there are two; our metadata list them in this order.
    pub decryption_keys: Vec<SamlKey>,
    /// Whether the response as a whole must be signed. Default: no.
    pub want_signed_response: bool,
    /// Whether each assertion must be signed itself, not only the response around it. Default: yes.
    pub want_signed_assertions: bool,
    /// How requests are sent where the identity provider leaves the choice. Default: by redirect.
    pub request_binding: SamlBinding,
    /// How far apart the clocks may be; at most 5 minutes. Default: 60 seconds.
    pub clock_skew: Duration,
    /// How long a login there may take; at most an hour. Default: 10 minutes.
    pub ceremony_timeout: Duration,
    /// Which attributes mean what.
    pub attributes: AttributeMapping,
    /// The local paths an unsolicited response may name as its `RelayState`.
    pub relay_states: Vec<String>,
    /// The authentication contexts that every login asks for and must have been done in; none for any.
    pub authn_contexts: Vec<String>,
    /// The format of names that is asked for, such as `urn:oasis:names:tc:SAML:2.0:nameid-format:persistent`. A name of another
    /// format, or of none, is then refused: what it says may be somebody else's name of the other kind. Default: any but
    /// those for one login (`transient`).
    pub name_id_format: Option<String>,
    /// Whether the user authenticates anew at every login.
    pub force_authn: bool,
    /// Takes responses that nobody asked for, begun at the identity provider, through
    /// [`FederationProvider::unsolicited`](axess_factors::federated::FederationProvider::unsolicited). Needs
    /// [`SamlConfig::replay`]. Default: no, because anybody can log somebody else's browser in with one.
    pub allow_unsolicited: bool,
    /// Decrypts AES-CBC too, where the response around it is signed. Default: no; CBC has no integrity of its own.
    pub allow_cbc: bool,
    /// Whether the identity provider has proved the addresses it names. Default: no.
    pub trust_email: bool,
    /// Where the identity provider may be. Default: anywhere; for providers of tenants' own [`SamlConfig::from_settings`] is told.
    pub network: ProviderNetwork,
    /// Who remembers assertions that were used.
    pub replay: Option<Arc<dyn ReplayGuard>>,
}

/// Where the identity provider's addresses and certificates come from.
///
/// ```
/// use axess_saml::IdpSource;
/// let idp = IdpSource::Explicit {
///     entity_id: "https://idp.example.com".into(),
///     sso_url: "https://idp.example.com/sso".into(),
///     slo_url: None,
///     certificates: vec!["-----BEGIN CERTIFICATE-----...".into()],
/// };
/// assert!(matches!(idp, IdpSource::Explicit { .. }));
/// ```
#[derive(Debug, Clone)]
pub enum IdpSource {
    /// Its metadata: one `EntityDescriptor` of at most [`crate::MAX_METADATA_BYTES`].
    Metadata {
        /// The document.
        xml: Vec<u8>,
        /// Certificates, in PEM, one of which must have signed it; none when it came over a trusted way.
        signed_by: Vec<String>,
    },
    /// Written down one by one.
    Explicit {
        /// What it is called.
        entity_id: String,
        /// Where logins begin, by [`SamlConfig::request_binding`].
        sso_url: String,
        /// Where logout messages go, by redirect.
        slo_url: Option<String>,
        /// Its signing certificates in PEM: more than one while it changes them.
        certificates: Vec<String>,
    },
}

/// Says everything that is wrong with a configuration.
///
/// ```
/// use axess_saml::{IdpSource, SamlConfig, SamlProvider};
/// let config = SamlConfig::new("", "ftp://app", IdpSource::metadata("no XML"));
/// let error = SamlProvider::new(config).unwrap_err();
/// assert_eq!(error.faults().len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the SAML configuration is wrong: {}", .faults.join("; "))]
pub struct SamlConfigError {
    faults: Vec<String>,
}

impl SamlConfig {
    /// Makes a configuration with the defaults.
    #[must_use]
    pub fn new(entity_id: impl Into<String>, acs_url: impl Into<String>, idp: IdpSource) -> Self {
        Self {
            entity_id: entity_id.into(),
            acs_url: acs_url.into(),
            slo_url: None,
            idp,
            signing_key: None,
            decryption_keys: Vec::new(),
            want_signed_response: false,
            want_signed_assertions: true,
            request_binding: SamlBinding::Redirect,
            clock_skew: CLOCK_SKEW,
            ceremony_timeout: CEREMONY_TIMEOUT,
            attributes: AttributeMapping::default(),
            relay_states: Vec::new(),
            authn_contexts: Vec::new(),
            name_id_format: None,
            force_authn: false,
            allow_unsolicited: false,
            allow_cbc: false,
            trust_email: false,
            network: ProviderNetwork::Any,
            replay: None,
        }
    }
}

impl IdpSource {
    /// Takes metadata that came over a trusted way: from a file, or by HTTPS from a host that is trusted.
    #[must_use]
    pub fn metadata(xml: impl Into<Vec<u8>>) -> Self {
        Self::Metadata { xml: xml.into(), signed_by: Vec::new() }
    }
}

impl SamlConfigError {
    pub(crate) fn of(faults: Vec<String>) -> Self {
        Self { faults }
    }

    /// Returns each fault.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl From<SamlConfigError> for FederationError {
    fn from(error: SamlConfigError) -> Self {
        Self::Configuration { what: error.faults.join("; ") }
    }
}

impl fmt::Debug for SamlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamlConfig")
            .field("entity_id", &self.entity_id)
            .field("acs_url", &self.acs_url)
            .field("slo_url", &self.slo_url)
            .finish_non_exhaustive()
    }
}
