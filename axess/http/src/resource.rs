//! Access tokens that somebody presents to this application: the guard, the challenges, and the document about them.
//!
//! 1. [`AccessTokens`] is the [`Authenticator`](crate::Authenticator) of the routes behind
//!    [`Guard::Accepted`](crate::Guard::Accepted), whose text is the scopes that the route needs.
//! 2. The handler takes [`Accepted<AccessToken>`](crate::Accepted), and may ask more of it ([`AccessToken::require_authentication`],
//!    RFC 9470), answering with a [`TokenRejection`].
//! 3. [`AccessTokens::metadata`] is the route of the document that tells clients whose tokens are taken (RFC 9728).

mod authenticator;
mod nonces;
mod rejection;
#[cfg(test)]
mod tests;

pub use authenticator::{AccessTokens, PeerCertificate};
pub use axess_oauth::AccessToken;
pub use nonces::DpopNonces;
pub use rejection::TokenRejection;
