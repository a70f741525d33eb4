//! From the settings to a provider, with every fault named.

use super::{
    paths::{ACS, BEGIN, CALLBACK, SLO, path_below},
    unnamed::Unnamed,
};
use crate::{
    access::{open::Origin, people::names},
    settings::{OidcSettings, SamlSettings, SsoProtocol, SsoSettings},
};
use axess::{
    clock::{Clock, SystemClock},
    factors::{
        oauth::{ClientAuth, HttpClient, HttpSettings, OAuthProviderConfig, OidcProvider},
        saml::{AttributeMapping, IdpSource, SamlConfig, SamlKey, SamlProvider},
    },
    federation::FederationProvider,
    jose::{Algorithm, SigningKey},
    rng::{SecureRng, SystemRng},
};
use std::{fmt, fs, path::Path, sync::Arc};

/// The largest certificate or key file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1_024;

/// A setting of single sign-on that cannot be used.
///
/// ```
/// use audex_server::access::sso::SsoFault;
/// let fault = SsoFault { key: "sso.client_id", why: "this is needed".to_owned() };
/// assert_eq!(fault.to_string(), "sso.client_id: this is needed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoFault {
    /// Which one, as in the configuration file.
    pub key: &'static str,
    /// What is wrong with it, and what to write.
    pub why: String,
}

/// A provider, and what describes us to it.
pub(super) struct Made {
    pub(super) provider: Arc<dyn FederationProvider>,
    pub(super) saml: Option<Arc<SamlProvider>>,
}

impl fmt::Display for SsoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

/// Collects faults.
#[derive(Default)]
struct Faults(Vec<SsoFault>);

impl Faults {
    fn add(&mut self, key: &'static str, why: impl Into<String>) {
        self.0.push(SsoFault { key, why: why.into() });
    }

    fn keep<T>(&mut self, key: &'static str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.add(key, why)).ok()
    }
}

pub(super) fn faults(settings: &SsoSettings, public_url: &str) -> Vec<SsoFault> {
    // What is wrong with the address itself is said of that.
    let Ok(origin) = Origin::of(public_url) else { return Vec::new() };
    provider(settings, &origin, Arc::new(SystemClock), Arc::new(SystemRng)).err().unwrap_or_default()
}

pub(super) fn provider(
    settings: &SsoSettings,
    origin: &Origin,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRng>,
) -> Result<Made, Vec<SsoFault>> {
    let mut faults = Faults::default();
    for domain in &settings.email_domains {
        let is_domain = format!("a@{domain}").parse::<axess::identity::EmailAddress>().is_ok();
        if !is_domain || domain.contains('@') {
            faults.add("sso.email_domains", format!("`{domain}` is no domain, as in example.com"));
        }
    }
    if settings.trust_email && settings.email_domains.is_empty() {
        faults.add("sso.trust_email", "email_domains are needed as well: whom the provider answers for");
    }
    for group in &settings.groups {
        for (field, list) in [("groups", &group.groups), ("roles", &group.roles)] {
            if let Err(problem) = names(field, list.clone()) {
                let why = problem.json();
                let why = why.get("detail").and_then(|why| why.as_str()).unwrap_or_default().to_owned();
                faults.add("sso.groups", format!("the {field} of `{}`: {why}", group.name));
            }
        }
    }
    let made = match &settings.protocol {
        SsoProtocol::Oidc(oidc) => self::oidc(settings, oidc, origin, (clock, rng), &mut faults),
        SsoProtocol::Saml(saml) => self::saml(settings, saml, origin, &mut faults),
    };
    match made {
        Some(made) if faults.0.is_empty() => Ok(made),
        _ => Err(faults.0),
    }
}

fn oidc(
    settings: &SsoSettings,
    oidc: &OidcSettings,
    origin: &Origin,
    (clock, rng): (Arc<dyn Clock>, Arc<dyn SecureRng>),
    faults: &mut Faults,
) -> Option<Made> {
    own_address("sso.redirect_uri", &oidc.redirect_uri, CALLBACK, origin, faults);
    let auth = client_auth(oidc, faults);
    let mut config =
        OAuthProviderConfig::discover(&oidc.provider_url, &oidc.client_id, auth, &oidc.redirect_uri)
            .with_required_acr(settings.required_acr.clone());
    if !oidc.scopes.is_empty() {
        config = config.with_scopes(oidc.scopes.clone());
    }
    if let Some(claim) = &settings.groups_claim {
        config = config.with_groups_claim(claim);
    }
    let roots = settings.ca_file.as_deref().map(read).transpose();
    let extra_roots = faults.keep("sso.ca_file", roots)?;
    let http = HttpClient::new(&HttpSettings { extra_roots, ..HttpSettings::default() });
    let http = faults.keep("sso.ca_file", http.map_err(|error| causes(&error)));
    if let Err(error) = config.check() {
        for fault in error.faults() {
            let (name, why) = fault.split_once(": ").unwrap_or(("", fault));
            faults.add(key_of(name), why);
        }
        return None;
    }
    let provider = OidcProvider::new(config, http?, clock, rng).map_err(|error| causes(&error));
    let provider = Arc::new(faults.keep("sso.type", provider)?);
    Some(Made { provider, saml: None })
}

/// Reads how we say who we are: one way, and not at all only where that is said.
fn client_auth(oidc: &OidcSettings, faults: &mut Faults) -> ClientAuth {
    let secret = oidc.client_secret.as_deref().filter(|secret| !secret.is_empty());
    match (secret, &oidc.client_key_path) {
        (Some(secret), None) => ClientAuth::Secret(secret.into()),
        (None, Some(path)) => {
            let key = read(path).and_then(|text| signing_key(&text));
            let key = faults.keep("sso.client_key_path", key);
            key.map_or(ClientAuth::None, |key| ClientAuth::PrivateKeyJwt(Arc::new(key)))
        }
        (Some(_), Some(_)) => {
            faults.add("sso.client_key_path", "there is a client_secret too: leave one of them out");
            ClientAuth::None
        }
        (None, None) => {
            if !oidc.is_public {
                let why = "this is needed: write it, set AUDEX_SSO_CLIENT_SECRET, or write client_key_path or \
                           public_client = true";
                faults.add("sso.client_secret", why);
            }
            ClientAuth::None
        }
    }
}

/// Reads a private key: a JWK, which says what it is called and signs with, or PEM.
fn signing_key(text: &str) -> Result<SigningKey, String> {
    let usual = [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256];
    let key = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(jwk) => {
            let said = jwk.get("alg").and_then(|name| name.as_str()).and_then(Algorithm::from_name);
            let mut tried = said.into_iter().chain(usual.into_iter().filter(|_| said.is_none()));
            tried.find_map(|algorithm| SigningKey::from_jwk(algorithm, &jwk).ok())
        }
        Err(_) => usual.into_iter().find_map(|algorithm| SigningKey::from_pkcs8_pem(algorithm, text).ok()),
    };
    key.ok_or_else(|| {
        "this is no private key of P-256, P-384, Ed25519 or RSA: PEM (`PRIVATE KEY`) or a JWK is needed"
            .to_owned()
    })
}

/// Returns the setting that a setting of the protocol's comes from.
fn key_of(name: &str) -> &'static str {
    match name {
        "issuer" => "sso.provider_url",
        "client_id" => "sso.client_id",
        "redirect_uri" => "sso.redirect_uri",
        "scopes" => "sso.scopes",
        "groups_claim" => "sso.groups_claim",
        "required_acr" => "sso.required_acr",
        "client_auth" | "auth" => "sso.client_secret",
        "entity_id" => "sso.entity_id",
        "acs_url" => "sso.assertion_consumer_service_url",
        "slo_url" => "sso.idp_slo_url",
        "signing_key" | "decryption_keys" => "sso.sp_key_path",
        "authn_contexts, name_id_format" => "sso.required_acr",
        _ => "sso.type",
    }
}

fn saml(settings: &SsoSettings, saml: &SamlSettings, origin: &Origin, faults: &mut Faults) -> Option<Made> {
    let acs = &saml.assertion_consumer_service_url;
    own_address("sso.assertion_consumer_service_url", acs, ACS, origin, faults);
    if !settings.required_amr.is_empty() {
        faults.add("sso.required_amr", "SAML does not tell it: write required_acr instead");
    }
    if saml.idp_slo_url.is_some() {
        for (key, is_there) in [
            ("sso.sp_key_path", saml.sp_key_path.is_some()),
            ("sso.idp_entity_id", saml.idp_entity_id.is_some()),
        ] {
            if !is_there {
                faults.add(key, "this is needed for logouts at idp_slo_url");
            }
        }
    }
    if saml.sp_key_path.is_some() != saml.sp_cert_path.is_some() {
        faults.add(
            "sso.sp_key_path",
            "a key and its certificate are needed: write sp_key_path and sp_cert_path",
        );
    }
    let certificates = faults.keep("sso.idp_cert_path", read(&saml.idp_cert_path));
    let key = saml.sp_key_path.as_deref().and_then(|path| faults.keep("sso.sp_key_path", read(path)));
    let certificate =
        saml.sp_cert_path.as_deref().and_then(|path| faults.keep("sso.sp_cert_path", read(path)));
    let key = key.zip(certificate).map(|(key, certificate)| SamlKey::new(key, certificate));
    let own = |claim: &Option<String>, usual: Vec<String>| claim.clone().map_or(usual, |claim| vec![claim]);
    let usual = AttributeMapping::default();
    let attributes = AttributeMapping {
        email: own(&settings.email_claim, usual.email),
        display_name: own(&settings.name_claim, usual.display_name),
        groups: own(&settings.groups_claim, usual.groups),
        friendly_names: saml.friendly_names,
        ..usual
    };
    // The name stands for it where none is known: see `Unnamed`.
    let entity_id = saml.idp_entity_id.clone().unwrap_or_else(|| saml.idp_sso_url.clone());
    let idp = IdpSource::Explicit {
        entity_id,
        sso_url: saml.idp_sso_url.clone(),
        slo_url: saml.idp_slo_url.clone(),
        certificates: vec![certificates?],
    };
    let has_logout = key.is_some() && saml.idp_entity_id.is_some();
    let config = SamlConfig {
        slo_url: has_logout.then(|| format!("{}{SLO}", origin.as_str())),
        signing_key: key.clone(),
        decryption_keys: key.into_iter().collect(),
        attributes,
        authn_contexts: settings.required_acr.clone(),
        name_id_format: saml.name_id_format.clone(),
        want_signed_response: saml.allow_cbc,
        // Providers sign the one or the other unless they are told (Keycloak the response): either covers the assertion.
        want_signed_assertions: false,
        allow_cbc: saml.allow_cbc,
        trust_email: true,
        ..SamlConfig::new(&saml.entity_id, acs, idp)
    };
    let named = saml.idp_entity_id.is_some();
    let (config, provider) = made(config, named, faults)?;
    let speaks: Arc<dyn FederationProvider> =
        if named { provider.clone() } else { Arc::new(Unnamed::new(config, Arc::clone(&provider))) };
    Some(Made { provider: speaks, saml: Some(provider) })
}

/// Makes the provider, and returns what it is made of: a key that cannot decrypt only signs.
///
/// `named` says whether the settings tell what the provider is called.
fn made(config: SamlConfig, named: bool, faults: &mut Faults) -> Option<(SamlConfig, Arc<SamlProvider>)> {
    let signs_only = SamlConfig { decryption_keys: Vec::new(), ..config.clone() };
    let error = match SamlProvider::new(config.clone()) {
        Ok(provider) => return Some((config, Arc::new(provider))),
        Err(error) => error,
    };
    if let Ok(provider) = SamlProvider::new(signs_only.clone()) {
        return Some((signs_only, Arc::new(provider)));
    }
    for fault in error.faults() {
        let (name, why) = fault.split_once(": ").unwrap_or(("", fault));
        match name {
            "idp" => fault_of_idp(named, why, faults),
            name => faults.add(key_of(name), why),
        }
    }
    None
}

/// Names a fault of what is said about the provider by the setting that it comes from.
///
/// `named` says whether the settings tell what the provider is called.
fn fault_of_idp(named: bool, why: &str, faults: &mut Faults) {
    let why = why.strip_prefix("its ").unwrap_or(why);
    let (name, rest) = why.split_once(' ').unwrap_or((why, ""));
    match name {
        "certificates" => faults.add("sso.idp_cert_path", format!("certificates {rest}")),
        "entity_id" if named => faults.add("sso.idp_entity_id", rest),
        // Then the address stands for the name.
        "entity_id" => {
            faults.add("sso.idp_sso_url", "without idp_entity_id this must be a URL of at most 1024 bytes")
        }
        "slo_url" => faults.add("sso.idp_slo_url", rest),
        _ => faults.add("sso.idp_sso_url", rest),
    }
}

/// Checks an address of this server that browsers come back to.
fn own_address(key: &'static str, url: &str, usual: &str, origin: &Origin, faults: &mut Faults) {
    let example = format!("{}{usual}", origin.as_str());
    let is_local = origin.is_loopback();
    if !origin.is_secure && !is_local {
        faults.add(key, "single sign-on needs a server.public_url that begins with https");
    }
    match path_below(origin.as_str(), url) {
        None => faults.add(key, format!("an address below server.public_url is needed, as in {example}")),
        Some(path) if path != usual && is_taken(&path) => {
            faults.add(key, format!("this path is taken: write another one, as in {example}"));
        }
        Some(_) => {}
    }
}

/// Tells whether a path is another route's.
fn is_taken(path: &str) -> bool {
    path == BEGIN || crate::access::manifest().routes().iter().any(|route| route.path == path)
}

/// Reads a file of certificates or a key.
fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > MAX_FILE {
        return Err(format!("{} is larger than {MAX_FILE} bytes", path.display()));
    }
    fs::read_to_string(path).map_err(cannot)
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
