//! What a provider says about itself (OpenID Connect Discovery 1.0, RFC 8414).

mod source;

pub(crate) use source::{Known, MetadataSource};

use crate::http::{checked_url, may_lead_here};
use axess_factors::federated::FederationError;
use serde::Deserialize;

/// What is appended to an issuer to find its document.
pub(crate) const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// What goes between host and path of an issuer that knows plain OAuth 2.0 alone (RFC 8414 §3.1).
const OAUTH_WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// A provider's metadata, checked: the issuer is the one asked, and every address is https.
///
/// An issuer on loopback may name addresses there, also without TLS; no other may.
///
/// ```
/// use axess_oauth::ProviderMetadata;
/// let json = br#"{
///     "issuer": "https://login.example.com",
///     "authorization_endpoint": "https://login.example.com/authorize",
///     "token_endpoint": "https://login.example.com/token",
///     "jwks_uri": "https://login.example.com/keys"
/// }"#;
/// let metadata = ProviderMetadata::parse(json, "https://login.example.com")?;
/// assert_eq!(metadata.token_endpoint, "https://login.example.com/token");
/// assert!(ProviderMetadata::parse(json, "https://login.example.org").is_err());
/// # Ok::<(), axess_factors::federated::FederationError>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct ProviderMetadata {
    /// The issuer.
    pub issuer: String,
    /// Where the browser goes to log in; an authorization server without logins has none (RFC 8414 §2).
    pub authorization_endpoint: Option<String>,
    /// Where codes become tokens.
    pub token_endpoint: String,
    /// Where the provider's keys are; an authorization server that signs nothing has none (RFC 8414 §2).
    pub jwks_uri: Option<String>,
    /// What an access token tells about its user.
    pub userinfo_endpoint: Option<String>,
    /// Where the browser goes to log out.
    pub end_session_endpoint: Option<String>,
    /// Where tokens are revoked (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// Where tokens are looked up (RFC 7662).
    pub introspection_endpoint: Option<String>,
    /// Where a device begins (RFC 8628).
    pub device_authorization_endpoint: Option<String>,
    /// Where requests are pushed (RFC 9126).
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Whether requests must be pushed.
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// How clients may say who they are, if it lists that.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The methods of PKCE, if it lists them.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The ways to answer, if it lists them.
    pub response_modes_supported: Option<Vec<String>>,
    /// Whether it names itself in what the browser brings back (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether it binds tokens to client certificates (RFC 8705).
    #[serde(default)]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// The algorithms of proofs it takes, if it lists them (RFC 9449 §5.1).
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Addresses for clients that show a certificate (RFC 8705 §5).
    #[serde(default)]
    pub mtls_endpoint_aliases: EndpointAliases,
}

/// The addresses a provider has for clients that show a certificate (RFC 8705 §5).
///
/// ```
/// assert!(axess_oauth::EndpointAliases::default().token_endpoint.is_none());
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EndpointAliases {
    /// See [`ProviderMetadata::token_endpoint`].
    pub token_endpoint: Option<String>,
    /// See [`ProviderMetadata::userinfo_endpoint`].
    pub userinfo_endpoint: Option<String>,
    /// See [`ProviderMetadata::revocation_endpoint`].
    pub revocation_endpoint: Option<String>,
    /// See [`ProviderMetadata::introspection_endpoint`].
    pub introspection_endpoint: Option<String>,
    /// See [`ProviderMetadata::device_authorization_endpoint`].
    pub device_authorization_endpoint: Option<String>,
    /// See [`ProviderMetadata::pushed_authorization_request_endpoint`].
    pub pushed_authorization_request_endpoint: Option<String>,
}

/// An endpoint that a client authenticates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    Userinfo,
    Revocation,
    Introspection,
    Device,
    Par,
}

impl ProviderMetadata {
    /// Parses and checks the document of an OpenID Provider.
    ///
    /// # Errors
    ///
    /// [`FederationError::IssuerMismatch`] when it is another issuer's (Discovery §4.3, character by character);
    /// [`FederationError::Malformed`] when it is no such document or an address in it is not safe;
    /// [`FederationError::WeakerThanConfigured`] when it lists its methods of PKCE and `S256` is not among them.
    pub fn parse(json: &[u8], issuer: &str) -> Result<Self, FederationError> {
        let metadata = Self::parse_plain(json, issuer)?;
        if metadata.authorization_endpoint.is_none() || metadata.jwks_uri.is_none() {
            return Err(FederationError::Malformed { what: "the provider's metadata cannot be read" });
        }
        Ok(metadata)
    }

    /// Parses and checks the document of an authorization server, which may have neither logins nor keys (RFC 8414 §2).
    pub(crate) fn parse_plain(json: &[u8], issuer: &str) -> Result<Self, FederationError> {
        let malformed = |what| FederationError::Malformed { what };
        let metadata: Self =
            serde_json::from_slice(json).map_err(|_| malformed("the provider's metadata cannot be read"))?;
        if metadata.issuer != issuer {
            return Err(FederationError::IssuerMismatch);
        }
        // Somebody far away must not send us to what listens on this machine.
        let is_near = checked_url(issuer).is_some_and(|url| may_lead_here(&url));
        let is_safe = |url| checked_url(url).is_some_and(|url| is_near || !may_lead_here(&url));
        if !metadata.urls().all(is_safe) {
            return Err(malformed("an address in the provider's metadata is not safe"));
        }
        // A provider that knows of PKCE and not of S256 would take a weaker one, or none (RFC 9700 §2.1.1).
        let methods = metadata.code_challenge_methods_supported.as_deref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(FederationError::WeakerThanConfigured {
                what: "the provider does not offer PKCE with S256",
            });
        }
        Ok(metadata)
    }

    /// Returns an endpoint; for a client that shows a certificate, its alias where there is one.
    pub(crate) fn endpoint(&self, endpoint: Endpoint, shows_certificate: bool) -> Option<&str> {
        let aliases = &self.mtls_endpoint_aliases;
        let (alias, plain) = match endpoint {
            Endpoint::Token => (&aliases.token_endpoint, Some(self.token_endpoint.as_str())),
            Endpoint::Userinfo => (&aliases.userinfo_endpoint, self.userinfo_endpoint.as_deref()),
            Endpoint::Revocation => (&aliases.revocation_endpoint, self.revocation_endpoint.as_deref()),
            Endpoint::Introspection => {
                (&aliases.introspection_endpoint, self.introspection_endpoint.as_deref())
            }
            Endpoint::Device => {
                (&aliases.device_authorization_endpoint, self.device_authorization_endpoint.as_deref())
            }
            Endpoint::Par => (
                &aliases.pushed_authorization_request_endpoint,
                self.pushed_authorization_request_endpoint.as_deref(),
            ),
        };
        alias.as_deref().filter(|_| shows_certificate).or(plain)
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        let aliases = &self.mtls_endpoint_aliases;
        let optional = [
            &self.authorization_endpoint,
            &self.jwks_uri,
            &self.userinfo_endpoint,
            &self.end_session_endpoint,
            &self.revocation_endpoint,
            &self.introspection_endpoint,
            &self.device_authorization_endpoint,
            &self.pushed_authorization_request_endpoint,
            &aliases.token_endpoint,
            &aliases.userinfo_endpoint,
            &aliases.revocation_endpoint,
            &aliases.introspection_endpoint,
            &aliases.device_authorization_endpoint,
            &aliases.pushed_authorization_request_endpoint,
        ];
        std::iter::once(&self.token_endpoint).chain(optional.into_iter().flatten()).map(String::as_str)
    }
}

/// Returns the issuer that a discovery address, or the issuer itself, names.
pub(crate) fn issuer_of(address: &str) -> &str {
    address.strip_suffix(WELL_KNOWN).unwrap_or(address)
}

/// Returns where the document of an issuer is (Discovery §4.1).
pub(crate) fn document_url(issuer: &str) -> String {
    format!("{}{WELL_KNOWN}", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// Returns where the document of an authorization server is (RFC 8414 §3.1): its path comes last.
pub(crate) fn oauth_document_url(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    let host = issuer.find("://").map_or(0, |at| at.saturating_add(3));
    let path = issuer.get(host..).and_then(|rest| rest.find('/')).map_or(issuer.len(), |at| host + at);
    let (origin, path) = issuer.split_at_checked(path).unwrap_or((issuer, ""));
    format!("{origin}{OAUTH_WELL_KNOWN}{path}")
}

#[cfg(test)]
mod tests;
