//! Access tokens that callers present: validation, the guard, challenges, metadata.
//!
//! [`AccessTokens`] is the authenticator of the routes behind [`Guard::Accepted`](crate::Guard::Accepted), whose text is the scopes
//! that the token needs, and has the route of the metadata (RFC 9728). Tokens are signed (RFC 9068), as here, or looked up at the
//! issuer (RFC 7662, [`TokenSource::introspected`]), and presented plainly or with a proof (RFC 9449).
//!
//! ```
//! use axess::{
//!     Guard, GuardedRouter,
//!     backends::memory::JtiReplayStore,
//!     clock::{Clock, SystemClock},
//!     factors::oauth::{HttpClient, HttpSettings},
//!     guard::{Accepted, AuthenticatorLayer},
//!     resource::{
//!         AccessToken, AccessTokenRules, AccessTokenValidator, AccessTokens, JtiReplayGuard, ResourceMetadata, TokenRejection,
//!         TokenSource,
//!     },
//! };
//! use std::sync::Arc;
//!
//! fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//!     let (issuer, api) = ("https://login.example.com", "https://api.example.com");
//!     let source = TokenSource::discovered(HttpClient::new(&HttpSettings::default())?, issuer, Arc::new(SystemClock));
//!     // Instances behind one address share the store of used proofs.
//!     let replay = Arc::new(JtiReplayGuard(JtiReplayStore::new()));
//!     let validator = AccessTokenValidator::new(AccessTokenRules::new(issuer, api), source, replay);
//!     let tokens = AccessTokens::new(validator, ResourceMetadata::new(api, [issuer]), Arc::new(SystemClock));
//!
//!     let challenges = tokens.clone();
//!     let pay = async move |token: Accepted<AccessToken>| -> Result<&'static str, TokenRejection> {
//!         // RFC 9470: a login of the last five minutes, or a challenge that says so and where the metadata are.
//!         let recent = token.require_authentication(&[], Some(300), SystemClock.now());
//!         recent.map_err(|refusal| challenges.reject(refusal, token.scheme()))?;
//!         Ok("paid")
//!     };
//!     Ok(GuardedRouter::new()
//!         .merge(tokens.metadata())
//!         .get("/orders", Guard::Accepted("orders:read"), async |_: Accepted<AccessToken>| "orders")
//!         .post("/pay", Guard::Accepted("orders:pay"), pay)
//!         .into_router()
//!         .layer(AuthenticatorLayer::new(tokens)))
//! }
//! # assert!(app().is_ok());
//! ```

pub use axess_http::{
    AccessToken, AccessTokens, DpopNonces, JtiReplayGuard, PeerCertificate, TokenRejection,
};
pub use axess_oauth::{
    AccessTokenRules, AccessTokenValidator, Challenge, PresentedToken, ResourceMetadata, TokenBinding,
    TokenRefusal, TokenScheme, TokenSource,
};
