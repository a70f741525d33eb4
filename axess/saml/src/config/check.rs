use super::{IdpSource, SamlConfig, SamlConfigError};
use crate::{
    SamlBinding,
    certificate::{Certificate, PublicKey},
    key::{DecryptionKey, SigningKey},
    metadata::{Endpoint, Idp},
};
use axess_factors::federated::ProviderNetwork;
use chrono::TimeDelta;
use std::time::Duration;

/// The longest entity id (SAML Core §8.3.6) and the longest URL.
const MAX_NAME_BYTES: usize = 1024;
const MAX_URL_BYTES: usize = 2048;
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);
const MAX_CEREMONY_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A configuration that was checked, with everything read that can be read once.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) config: SamlConfig,
    pub(crate) signing: Option<SigningKey>,
    pub(crate) decryption: Vec<DecryptionKey>,
    /// Which keys must have signed new metadata; none when they come over a trusted way.
    pub(crate) metadata_keys: Vec<PublicKey>,
    pub(crate) skew: TimeDelta,
    pub(crate) timeout: TimeDelta,
}

impl Compiled {
    /// Checks everything, and says everything that is wrong.
    pub(crate) fn new(config: SamlConfig) -> Result<(Self, Idp), SamlConfigError> {
        let mut faults = Vec::new();
        let mut wrong = |what: &str| faults.push(what.to_owned());
        addresses(&config, &mut wrong);
        limits(&config, &mut wrong);
        let signing = config.signing_key.as_ref().map(SigningKey::read).transpose();
        let signing = signing.unwrap_or_else(|fault| {
            wrong(&format!("signing_key: {fault}"));
            None
        });
        let mut decryption = Vec::new();
        for key in &config.decryption_keys {
            match DecryptionKey::read(key) {
                Ok(key) => decryption.push(key),
                Err(fault) => wrong(&format!("decryption_keys: {fault}")),
            }
        }
        let (idp, metadata_keys) = provider(&config, &mut wrong);
        if config.slo_url.is_some() && config.signing_key.is_none() {
            wrong("slo_url: logout messages are signed, so signing_key is needed");
        }
        if idp.as_ref().is_some_and(|idp| !is_within(config.network, idp)) {
            wrong("idp: a provider of a tenant's own is on the public internet (see ProviderNetwork)");
        }
        let (Some(idp), true) = (idp, faults.is_empty()) else {
            return Err(SamlConfigError::of(faults));
        };
        let seconds = |time: Duration| TimeDelta::from_std(time).unwrap_or_default();
        let (skew, timeout) = (seconds(config.clock_skew), seconds(config.ceremony_timeout));
        Ok((Self { config, signing, decryption, metadata_keys, skew, timeout }, idp))
    }
}

fn addresses(config: &SamlConfig, wrong: &mut impl FnMut(&str)) {
    if !is_entity_id(&config.entity_id) {
        wrong("entity_id: must be a URI of at most 1024 bytes");
    }
    if !is_acceptable_url(&config.acs_url) {
        wrong("acs_url: must be an https URL (http on loopback only)");
    }
    if config.slo_url.as_deref().is_some_and(|url| !is_acceptable_url(url)) {
        wrong("slo_url: must be an https URL (http on loopback only)");
    }
    let is_local = |path: &String| {
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t'])
    };
    if !config.relay_states.iter().all(is_local) {
        wrong("relay_states: each must be a path of this site");
    }
}

fn limits(config: &SamlConfig, wrong: &mut impl FnMut(&str)) {
    if config.clock_skew > MAX_CLOCK_SKEW {
        wrong("clock_skew: at most 5 minutes");
    }
    if config.ceremony_timeout.is_zero() || config.ceremony_timeout > MAX_CEREMONY_TIMEOUT {
        wrong("ceremony_timeout: more than nothing and at most an hour");
    }
    if config.allow_unsolicited && config.replay.is_none() {
        wrong("allow_unsolicited: needs replay, or a response could be used again");
    }
    if config.allow_cbc && !config.want_signed_response {
        wrong("allow_cbc: needs want_signed_response, or the ciphertext could be changed");
    }
    let texts = config.authn_contexts.iter().chain(&config.name_id_format);
    if texts.into_iter().any(|uri| uri.is_empty() || uri.len() > MAX_NAME_BYTES) {
        wrong("authn_contexts, name_id_format: each must be a URI of at most 1024 bytes");
    }
}

/// Reads what is known about the identity provider, and the keys that its metadata must be signed with.
fn provider(config: &SamlConfig, wrong: &mut impl FnMut(&str)) -> (Option<Idp>, Vec<PublicKey>) {
    match &config.idp {
        IdpSource::Metadata { xml, signed_by } => {
            let Some(keys) = all_keys(signed_by) else {
                wrong("idp: a certificate in signed_by is not understood");
                return (None, Vec::new());
            };
            match Idp::read(xml, &keys) {
                Ok(idp) => (Some(idp), keys),
                Err(error) => {
                    wrong(&format!("idp: its metadata are refused ({error})"));
                    (None, keys)
                }
            }
        }
        IdpSource::Explicit { entity_id, sso_url, slo_url, certificates } => {
            let keys = all_keys(certificates).unwrap_or_default();
            if keys.is_empty() {
                wrong(
                    "idp: its certificates are missing or not understood: RSA of 2048 bits or more, P-256 or P-384, in PEM",
                );
            }
            if !is_entity_id(entity_id) {
                wrong("idp: its entity_id must be a URI of at most 1024 bytes");
            }
            if !is_acceptable_url(sso_url) {
                wrong("idp: its sso_url must be an https URL (http on loopback only)");
            }
            if slo_url.as_deref().is_some_and(|url| !is_acceptable_url(url)) {
                wrong("idp: its slo_url must be an https URL (http on loopback only)");
            }
            let sso = vec![Endpoint::new(config.request_binding, sso_url)];
            let slo = slo_url.iter().map(|url| Endpoint::new(SamlBinding::Redirect, url)).collect();
            (Some(Idp { entity_id: entity_id.clone(), sso, slo, keys, valid_until: None }), Vec::new())
        }
    }
}

/// Tells whether browsers are sent to nothing but what the network has.
pub(crate) fn is_within(network: ProviderNetwork, idp: &Idp) -> bool {
    let host = |url: &str| {
        let authority =
            url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
        let port = authority.rfind(':').filter(|at| !authority.get(*at..).unwrap_or_default().contains(']'));
        authority.get(..port.unwrap_or(authority.len())).unwrap_or_default().to_owned()
    };
    idp.sso.iter().chain(&idp.slo).flat_map(Endpoint::urls).all(|url| network.admits_host(&host(url)))
}

fn all_keys(pems: &[String]) -> Option<Vec<PublicKey>> {
    let all: Option<Vec<_>> = pems.iter().map(|pem| Certificate::all_from_pem(pem)).collect();
    Some(all?.into_iter().flatten().map(|certificate| certificate.key).collect())
}

fn is_entity_id(text: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace();
    text.contains(':') && text.len() <= MAX_NAME_BYTES && text.chars().all(is_plain)
}

/// Tells whether messages may be sent to a URL: by HTTPS, or in the clear to this very machine.
pub(crate) fn is_acceptable_url(url: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '#' | '`');
    let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
    let is_loopback = |host: &str| {
        let names = ["127.0.0.1", "localhost", "[::1]"];
        names.iter().any(|name| host.strip_prefix(name).is_some_and(is_port))
    };
    let fits = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => !matches!(host(rest).as_str(), "" | ":"),
        (None, Some(rest)) => is_loopback(&host(rest)),
        (None, None) => false,
    };
    // A name before the host would be shown to users as if it were the host.
    let authority = url.split_once("://").map(|(_, rest)| host(rest)).unwrap_or_default();
    fits && !authority.contains('@') && url.len() <= MAX_URL_BYTES && url.chars().all(is_plain)
}

fn is_port(rest: &str) -> bool {
    rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}
