//! OAuth 2.0 as a client and as a resource server: OpenID Connect and FAPI 2.0 logins, plain OAuth logins, and the checks
//! of the access tokens that others present.
//!
//! Does not know about: axum, sessions, accounts, SQL, or where a configuration is stored.
//!
//! | For | Take |
//! |---|---|
//! | logging in with OpenID Connect | [`OidcProvider`], [`OAuthProviderConfig`] |
//! | the same by FAPI 2.0 | [`FapiConfig`] |
//! | logging in where there is only OAuth: weaker | [`OAuth2Provider`] |
//! | access tokens that others present | [`AccessTokenValidator`], [`Challenge`] |
//!
//! Only [`HttpClient`] opens connections: to https addresses and to loopback, without redirects, within a time and a size.
//! Everything else is told the time and given its randomness.
#![forbid(unsafe_code)]

mod caller;
mod client_auth;
mod config;
mod dpop;
mod fapi;
mod fault;
mod http;
mod metadata;
mod pending;
mod pkce;
mod provider;
mod resource;
mod social;
mod token;

pub use client_auth::{CLIENT_ASSERTION_LIFETIME_SECS, ClientAssertionAudience, ClientAuth};
pub use config::{
    DEFAULT_CEREMONY_TIMEOUT, DEFAULT_CLOCK_SKEW, DEFAULT_MAX_ID_TOKEN_AGE, MAX_CONFIGURED_ENTRIES,
    OAuthConfigError, OAuthProviderConfig,
};
pub use dpop::DpopKey;
pub use fapi::{
    DEFAULT_MAX_ID_TOKEN_LIFETIME_SECS, DpopKeyScope, FapiConfig, MAX_ID_TOKEN_LIFETIME_SECS,
    SenderConstraint,
};
pub use http::{
    ClientCertificate, DEFAULT_CONNECT_TIMEOUT, DEFAULT_TIMEOUT, HttpClient, HttpError, HttpSettings,
    MAX_ANSWER_BYTES,
};
pub use metadata::{EndpointAliases, ProviderMetadata};
pub use provider::{
    DpopProof, Introspection, MAX_LOGOUT_TOKEN_AGE, MAX_LOGOUT_TOKEN_BYTES, OidcProvider, TokenTypeHint,
};
pub use resource::{
    AccessToken, AccessTokenRules, AccessTokenValidator, Challenge, MAX_ACCESS_TOKEN_BYTES,
    MAX_CACHED_INTROSPECTIONS, MAX_INTROSPECTION_AGE, PROTECTED_RESOURCE_WELL_KNOWN, PresentedToken,
    ResourceMetadata, TokenBinding, TokenRefusal, TokenScheme, TokenSource,
};
pub use social::{OAuth2Config, OAuth2Provider, OAuth2User};
