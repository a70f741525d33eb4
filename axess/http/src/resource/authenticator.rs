use super::{AccessToken, DpopNonces, TokenRejection, rejection::suspicious};
use crate::{Authenticator, ShellAudit, guard::GuardedRouter};
use axess_clock::Clock;
use axess_oauth::{AccessTokenValidator, PresentedToken, ResourceMetadata, TokenRefusal, TokenScheme};
use axum::{
    Json,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// The longest proof whose nonce is looked at, in bytes.
const MAX_PROOF_BYTES: usize = 8 * 1024;

/// The client certificate of a request's connection, in DER.
///
/// Whoever ends TLS puts it among the request's extensions; a proxy's header is not one. Tokens that are bound to a certificate
/// (RFC 8705) open nothing without it.
///
/// ```
/// use axess_http::PeerCertificate;
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerCertificate(vec![0x30, 0x82].into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate(pub Bytes);

/// Lets callers in who present a good access token.
///
/// It may be a JWT (RFC 9068) or opaque, and bound to a key (RFC 9449), a certificate (RFC 8705) or nothing, as the validator's rules
/// say.
///
/// The text of a route's guard is the scopes that the token needs, separated by spaces; an empty one needs none.
///
/// A refusal is a 400, 401, 403 or 503 with `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1) and the address of the metadata. Who
/// shows no token is told each scheme that would do, in a header of its own and without an error code (RFC 9449 §7.2): `DPoP` alone
/// where tokens must be bound, unless the metadata say that they may be bound to a certificate.
/// A request with two `Authorization` headers is refused, and so is a token in the query or the body.
///
/// ```
/// use axess_clock::SystemClock;
/// use axess_http::{Accepted, AccessToken, AccessTokens, AuthenticatorLayer, Guard, GuardedRouter};
/// use axess_oauth::{AccessTokenValidator, ResourceMetadata};
/// use std::sync::Arc;
///
/// fn app(validator: AccessTokenValidator) -> axum::Router {
///     let metadata = ResourceMetadata::new("https://api.example.com", ["https://login.example.com"]);
///     let tokens = AccessTokens::new(validator, metadata, Arc::new(SystemClock));
///     GuardedRouter::new()
///         .merge(tokens.metadata())
///         .get("/orders", Guard::Accepted("orders:read"), async |token: Accepted<AccessToken>| {
///             token.subject.clone().unwrap_or_default()
///         })
///         .into_router()
///         .layer(AuthenticatorLayer::new(tokens))
/// }
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct AccessTokens(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    validator: Arc<AccessTokenValidator>,
    metadata: ResourceMetadata,
    /// `https://host:port` of the resource: what a proof must name, whatever a `Host` header says.
    origin: String,
    nonces: Option<DpopNonces>,
    audit: Option<ShellAudit>,
    clock: Arc<dyn Clock>,
}

impl AccessTokens {
    /// Takes tokens for the resource that `metadata` describes.
    ///
    /// The origin of [`ResourceMetadata::resource`] is what callers see: proofs are compared with it and the path of the request.
    /// What the document says of DPoP holds: where it demands it, tokens that are bound to no key are refused, and where the
    /// validator's rules demand a binding and the document names no certificates, it demands it.
    #[must_use]
    pub fn new(
        validator: AccessTokenValidator,
        mut metadata: ResourceMetadata,
        clock: Arc<dyn Clock>,
    ) -> Self {
        metadata.dpop_bound_access_tokens_required |=
            validator.rules().must_be_bound && !metadata.tls_client_certificate_bound_access_tokens;
        let origin = origin_of(&metadata.resource).to_owned();
        let validator = Arc::new(validator);
        Self(Arc::new(Inner { validator, metadata, origin, nonces: None, audit: None, clock }))
    }

    /// Demands one of these nonces of every proof, and gives out the current one with each answer that refuses.
    #[must_use]
    pub fn with_nonces(self, nonces: DpopNonces) -> Self {
        Self(Arc::new(Inner { nonces: Some(nonces), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Records tokens that are refused as somebody else's or forged (`AccessTokenRefused`).
    ///
    /// That is a proof of possession that was used before or is wrong, another key or certificate or none where one is demanded, a wrong
    /// signature, issuer or audience. Tokens that ran out, or are good for less, are no such thing.
    #[must_use]
    pub fn with_audit(self, audit: ShellAudit) -> Self {
        Self(Arc::new(Inner { audit: Some(audit), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Returns the route of the document that says whose tokens are taken (RFC 9728 §3).
    pub fn metadata<S: Clone + Send + Sync + 'static>(&self) -> GuardedRouter<S> {
        let inner = Arc::clone(&self.0);
        let document = async move || Json(inner.metadata.clone()).into_response();
        GuardedRouter::new().get(&self.0.metadata.path(), crate::Guard::Public, document)
    }

    /// Makes a refusal of what a handler asked of a token: it says where the metadata is.
    #[must_use]
    pub fn reject(&self, refusal: TokenRefusal, scheme: TokenScheme) -> TokenRejection {
        let other = matches!(refusal, TokenRefusal::Missing).then(|| self.other_than(scheme)).flatten();
        TokenRejection { refusal, scheme, other, metadata: Some(self.metadata_url()), nonce: self.nonce() }
    }

    /// Returns the other scheme, if a token may be presented in it: one that is bound to a certificate is a bearer token
    /// (RFC 8705 §3).
    fn other_than(&self, scheme: TokenScheme) -> Option<TokenScheme> {
        match scheme {
            TokenScheme::Bearer => Some(TokenScheme::Dpop),
            TokenScheme::Dpop => (!self.must_have_key()).then_some(TokenScheme::Bearer),
        }
    }

    /// Tells whether a token must be bound to a key, as the document says.
    fn must_have_key(&self) -> bool {
        self.0.metadata.dpop_bound_access_tokens_required
    }

    fn metadata_url(&self) -> String {
        format!("{}{}", self.0.origin, self.0.metadata.path())
    }

    fn nonce(&self) -> Option<String> {
        self.0.nonces.as_ref().map(|nonces| nonces.current(self.0.clock.now()))
    }

    async fn check(&self, parts: &Parts, scopes: &str) -> Result<AccessToken, (TokenRefusal, TokenScheme)> {
        let now = self.0.clock.now();
        // What to answer somebody whose token cannot be read: as they began, else the strongest there is.
        let has_begun = |scheme: &str| {
            parts.headers.get_all(header::AUTHORIZATION).iter().any(|value| {
                let name = value.as_bytes().split(|byte| *byte == b' ').next();
                name.is_some_and(|name| name.eq_ignore_ascii_case(scheme.as_bytes()))
            })
        };
        let must_be_bound = self.0.validator.rules().must_be_bound || self.must_have_key();
        let is_dpop = has_begun("DPoP") || !has_begun("Bearer") && must_be_bound;
        let weakest = if is_dpop { TokenScheme::Dpop } else { TokenScheme::Bearer };
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let url = format!("{}{}", self.0.origin, uri.path());
        let authorization = only(&parts.headers, header::AUTHORIZATION.as_str());
        let authorization = authorization.map_err(|refusal| (refusal, weakest))?;
        let proofs: Option<Vec<&str>> =
            parts.headers.get_all("dpop").iter().map(|value| value.to_str().ok()).collect();
        let unreadable = TokenRefusal::Malformed { what: "the proof of possession is no text" };
        let proofs = proofs.ok_or((unreadable, weakest))?;
        let presented = PresentedToken::new(authorization, parts.method.as_str(), &url);
        let mut presented = presented.map_err(|refusal| (refusal, weakest))?.with_proofs(&proofs);
        let scheme = presented.scheme;
        let nonce = self.0.nonces.as_ref().map(|nonces| {
            let asked = proofs.first().and_then(|proof| nonce_of(proof));
            let known = asked.and_then(|nonce| nonces.accepted(&nonce, now));
            known.unwrap_or_else(|| nonces.current(now))
        });
        if let Some(nonce) = &nonce {
            presented = presented.with_nonce(nonce);
        }
        let certificate = parts.extensions.get::<PeerCertificate>();
        if let Some(PeerCertificate(der)) = certificate {
            presented = presented.with_client_certificate(der);
        }
        let token = self
            .0
            .validator
            .validate(&presented, &self.0.clock)
            .await
            .map_err(|refusal| (refusal, scheme))?;
        // In this scheme a token without a key is refused already.
        if self.must_have_key() && scheme != TokenScheme::Dpop {
            let what = "to no key, which is what counts here";
            return Err((TokenRefusal::NotTheHolder { what }, scheme));
        }
        let needed: Vec<&str> = scopes.split_ascii_whitespace().collect();
        token.require_scopes(&needed).map_err(|refusal| (refusal, scheme))?;
        Ok(token)
    }
}

impl Authenticator for AccessTokens {
    type Caller = AccessToken;

    async fn authenticate(
        &self,
        request: &Parts,
        demand: &'static str,
    ) -> Result<AccessToken, Box<Response>> {
        let (refusal, scheme) = match self.check(request, demand).await {
            Ok(token) => return Ok(token),
            Err(refused) => refused,
        };
        if let (Some(audit), Some(reason)) = (&self.0.audit, suspicious(&refusal)) {
            audit.token_refused(request, reason).await;
        }
        Err(Box::new(self.reject(refusal, scheme).into_response()))
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").field("resource", &self.0.metadata.resource).finish_non_exhaustive()
    }
}

/// Returns the only value of a header.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, TokenRefusal> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(match headers.contains_key(name) {
            true => TokenRefusal::Malformed { what: "there are two authorizations" },
            false => TokenRefusal::Missing,
        });
    };
    value.to_str().map_err(|_| TokenRefusal::Malformed { what: "the authorization is no text" })
}

/// Reads the nonce a proof claims to have; the proof itself is checked later, with this very nonce.
fn nonce_of(proof: &str) -> Option<String> {
    let payload = proof.split('.').nth(1).filter(|_| proof.len() <= MAX_PROOF_BYTES)?;
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    payload.get("nonce")?.as_str().map(str::to_owned)
}

/// Returns `scheme://authority` of an address.
fn origin_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at.saturating_add(3));
    let end = url.get(after..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| after + at);
    url.get(..end).unwrap_or(url)
}
