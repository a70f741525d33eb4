//! Signed and encrypted tokens (JOSE): strict parsing, keys with pinned algorithms, claims checked on an injected clock.
//!
//! Does not know about: HTTP, OAuth flows, sessions, storage, or where keys come from: fetching is a port.
//!
//! | For | Take |
//! |---|---|
//! | checking a token with one key | [`verify`], [`Expectations`], [`VerificationKey`] |
//! | checking a token of an issuer that publishes its keys | [`verify_with`], [`JwksCache`], [`FetchDocument`] |
//! | taking a token apart | [`Jws`] |
//! | signing | [`SigningKey`] |
//! | proofs of possession (RFC 9449) | [`dpop`] |
//! | encrypted tokens (RFC 7516) | [`jwe`] |
//! | JSON without duplicate members | [`json`] |
//!
//! What an attacker may choose is read once, strictly, and decides nothing: the key says which algorithms it takes, `kid`
//! finds a key that was fetched from the configured place or nothing, and `jwk`, `jku`, `x5u` and `x5c` in a header are
//! never a source of keys. A payload is parsed only after its signature was found good.
#![forbid(unsafe_code)]

mod algorithm;
mod base64url;
mod claims;
mod der;
pub mod dpop;
mod error;
mod expectations;
mod fetch;
#[cfg(test)]
mod forge;
pub mod json;
pub mod jwe;
mod jwk_set;
mod jwks_cache;
mod jws;
mod public_key;
mod signing_key;
mod verification_key;
mod verify;

pub use algorithm::Algorithm;
pub use base64url::s256;
pub use claims::Claims;
pub use error::JoseError;
pub use expectations::{Expectations, TypRule};
pub use fetch::{BoxFuture, FetchDocument, FetchError, FetchedDocument};
pub use json::Limits;
pub use jwk_set::{JwkSet, MAX_JWK_SET_BYTES, MAX_JWK_SET_KEYS};
pub use jwks_cache::{JwksCache, JwksPolicy};
pub use jws::Jws;
pub use signing_key::SigningKey;
pub use verification_key::VerificationKey;
pub use verify::{verify, verify_with};
