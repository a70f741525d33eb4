//! The shell: the only part of this crate that opens a connection.

mod answer;
mod error;
mod fetch;
mod public;
mod url;

pub(crate) use answer::Answer;
pub use error::HttpError;
pub(crate) use url::{checked_url, is_loopback, may_lead_here};

use axess_factors::federated::ProviderNetwork;
use axess_jose::s256;
use public::{PublicOnly, SystemResolver};
use reqwest::{Certificate, Client, Identity, Method, Proxy, dns::Resolve, redirect::Policy};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// The most bytes of an answer of a provider, discovery documents included.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long a connection may take by default.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole exchange may take by default, connecting included.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach providers.
///
/// ```
/// use axess_oauth::{HttpClient, HttpSettings};
/// let settings = HttpSettings { timeout: std::time::Duration::from_secs(3), ..HttpSettings::default() };
/// assert!(HttpClient::new(&settings).is_ok());
/// ```
#[derive(Clone)]
pub struct HttpSettings {
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take.
    pub timeout: Duration,
    /// Certificates, in PEM, of authorities that are trusted besides the machine's.
    pub extra_roots: Option<String>,
    /// The certificate shown to providers that ask for one.
    pub client_certificate: Option<ClientCertificate>,
    /// The URL of a proxy. The process's environment is not looked at.
    pub proxy: Option<String>,
    /// Which addresses may be connected to. Providers of tenants' own need [`ProviderNetwork::Public`]: every name is then looked
    /// up and judged each time a connection is made, so that none leads inwards, and a proxy cannot be used, because it looks
    /// names up itself. Default: [`ProviderNetwork::Any`], for providers that the operator has set up.
    pub network: ProviderNetwork,
}

impl std::fmt::Debug for HttpSettings {
    /// Leaves out the proxy's address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("has_proxy", &self.proxy.is_some())
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            timeout: DEFAULT_TIMEOUT,
            extra_roots: None,
            client_certificate: None,
            proxy: None,
            network: ProviderNetwork::Any,
        }
    }
}

/// A client certificate with its key, both in PEM.
///
/// ```
/// use axess_oauth::ClientCertificate;
/// let certificate = ClientCertificate::new("-----BEGIN CERTIFICATE-----", "a key");
/// assert_eq!(format!("{certificate:?}"), "ClientCertificate([redacted])");
/// ```
#[derive(Clone)]
pub struct ClientCertificate {
    chain: String,
    key: Zeroizing<String>,
}

impl ClientCertificate {
    /// Takes the chain, leaf first, and the key in PKCS#8.
    #[must_use]
    pub fn new(chain: impl Into<String>, key: impl Into<String>) -> Self {
        Self { chain: chain.into(), key: Zeroizing::new(key.into()) }
    }

    fn identity(&self) -> Result<Identity, HttpError> {
        let pem = Zeroizing::new(format!("{}\n{}", self.chain, self.key.as_str()));
        Identity::from_pem(pem.as_bytes()).map_err(|error| HttpError::setup("client_certificate", error))
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientCertificate([redacted])")
    }
}

/// An HTTP client that trusts a provider with little: TLS but on loopback, no redirects, bounded time and size.
///
/// Cloning is cheap; clones share connections.
///
/// ```
/// use axess_oauth::{HttpClient, HttpSettings};
/// let client = HttpClient::new(&HttpSettings::default())?;
/// assert_eq!(client.certificate_thumbprint(), None);
/// # Ok::<(), axess_oauth::HttpError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    thumbprint: Option<Arc<str>>,
    network: ProviderNetwork,
}

/// One request. `None` for the form makes a GET.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a str,
    pub(crate) form: Option<&'a [(String, String)]>,
    pub(crate) headers: Vec<(&'static str, Zeroizing<String>)>,
    pub(crate) limit: usize,
}

impl HttpClient {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`HttpError::Setup`] names the setting that cannot be used.
    pub fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        Self::resolving(settings, Arc::new(SystemResolver))
    }

    /// Makes a client that looks names up with `resolver`.
    fn resolving(settings: &HttpSettings, resolver: Arc<dyn Resolve>) -> Result<Self, HttpError> {
        let mut builder = Client::builder()
            .redirect(Policy::none())
            // Some APIs answer nobody who does not say what he is.
            .user_agent("axess")
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        if let Some(pem) = &settings.extra_roots {
            let roots = Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|error| HttpError::setup("extra_roots", error))?;
            if roots.is_empty() {
                return Err(HttpError::setup("extra_roots", "there is no certificate in it"));
            }
            builder = builder.tls_certs_merge(roots);
        }
        if settings.network == ProviderNetwork::Public {
            if settings.proxy.is_some() {
                let why =
                    "it looks names up itself: have it refuse private addresses, and set network to Any";
                return Err(HttpError::setup("proxy", why));
            }
            builder = builder.dns_resolver(Arc::new(PublicOnly(resolver)));
        }
        if let Some(url) = &settings.proxy {
            builder = builder.proxy(Proxy::all(url).map_err(|error| HttpError::setup("proxy", error))?);
        }
        let mut thumbprint = None;
        if let Some(certificate) = &settings.client_certificate {
            builder = builder.identity(certificate.identity()?);
            let found = pem_thumbprint(&certificate.chain)
                .ok_or_else(|| HttpError::setup("client_certificate", "there is no certificate in it"))?;
            thumbprint = Some(Arc::from(found));
        }
        let client = builder.build().map_err(|error| HttpError::setup("the client", error))?;
        Ok(Self { client, thumbprint, network: settings.network })
    }

    /// Returns the SHA-256 thumbprint of the client certificate, as tokens name it (`x5t#S256`, RFC 8705 §3.1).
    #[must_use]
    pub fn certificate_thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Returns which addresses it connects to.
    pub(crate) fn network(&self) -> ProviderNetwork {
        self.network
    }

    /// Sends one request; an answer of any status but a redirect is an answer.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        let url = checked_url(request.url).ok_or(HttpError::Insecure)?;
        // An address that is written out is never looked up.
        if !self.network.admits_host(url.host_str().unwrap_or_default()) {
            return Err(HttpError::Private);
        }
        let method = if request.form.is_some() { Method::POST } else { Method::GET };
        let mut sent = self.client.request(method, url);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value.as_str());
        }
        if let Some(form) = request.form {
            sent = sent.form(form);
        }
        let response = sent.send().await.map_err(HttpError::from_transport)?;
        if response.status().is_redirection() {
            return Err(HttpError::Redirected);
        }
        Answer::read(response, request.limit).await
    }
}

fn pem_thumbprint(chain: &str) -> Option<String> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let (_, rest) = chain.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = body.split_whitespace().collect();
    BASE64_STANDARD.decode(text).ok().map(|der| s256(&der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        let wrong = [
            HttpSettings { extra_roots: Some("no certificate".to_owned()), ..HttpSettings::default() },
            HttpSettings { proxy: Some("\u{0}".to_owned()), ..HttpSettings::default() },
            HttpSettings {
                client_certificate: Some(ClientCertificate::new("a", "b")),
                ..HttpSettings::default()
            },
        ];
        for (settings, name) in wrong.iter().zip(["extra_roots", "proxy", "client_certificate"]) {
            assert!(HttpClient::new(settings).unwrap_err().to_string().contains(name), "{name}");
        }
    }

    #[test]
    fn the_thumbprint_is_of_the_first_certificate() {
        let chain = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        assert_eq!(pem_thumbprint(chain).unwrap(), s256(&[1, 2, 3]));
        assert_eq!(pem_thumbprint("nothing"), None);
    }
}
