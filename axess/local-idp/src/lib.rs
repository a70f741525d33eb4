//! We are the issuer: signing keys and their rotation, minting of short-lived JWTs, JWKS, discovery, introspection.
//!
//! Does not know about: users, sessions, login, authorisation codes, refresh tokens, consent, or whose tokens others issue.
//!
//! | For | Take |
//! |---|---|
//! | issuing | [`LocalIdp`], [`MintClaims`] |
//! | keys that survive a restart | [`FileLocalIdpKeyStore`], or a [`LocalIdpKeyStore`] of your own |
//! | keys in the operating system's keyring | `KeyringLocalIdpKeyStore` (feature `keyring`) |
//! | checking what we issued, in this process | [`LocalVerifier`] |
//! | ending a token early | [`LocalIdp::revoke`], [`RevocationStore`] |
//! | other services | `LocalIdp::router` (feature `http`) |
//! | tests | `testing::LocalIdpFixture` (feature `testing`) |
//!
//! A key goes through four states, each a matter of the clock alone: *pending* (published, does not sign yet, so that those
//! who cache the JWKS learn it first), *active* (signs), *retiring* (published until the last token it signed has expired),
//! *gone*. No crash can leave a key between two of them: a rotation is one atomic write.
#![forbid(unsafe_code)]

mod algorithm;
mod claims;
mod config;
mod idp;
mod introspection;
mod issuer_url;
mod jwk;
mod key_ring;
mod key_store;
mod listener;
mod mint;
mod revocation;
#[cfg(feature = "http")]
mod router;
mod signing_key;
#[cfg(test)]
mod test_issuer;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

pub use algorithm::SigningAlgorithm;
pub use claims::{
    Actor, Audience, ClaimsFault, Confirmation, Expiry, MAX_DETAILS_BYTES, MintClaims, NoAudience, TokenType,
};
pub use config::{ConfigError, ConfigFault, LocalIdpConfig, MAX_LIFETIME};
pub use idp::{LocalIdp, LocalIdpError};
pub use introspection::{IntrospectionCaller, IntrospectionResponse};
pub use issuer_url::{IssuerUrl, IssuerUrlError};
pub use jwk::{JwkSet, KeyUse, PublicJwk, PublicKey};
pub use key_ring::{KeyInfo, KeyRingError, KeyState, MAX_KEYS, Rotation};
#[cfg(unix)]
pub use key_store::{FileKeyStoreError, FileLocalIdpKeyStore};
pub use key_store::{KeyRingBytes, LocalIdpKeyStore, MemoryLocalIdpKeyStore};
#[cfg(all(unix, feature = "keyring"))]
pub use key_store::{KeyringKeyStoreError, KeyringLocalIdpKeyStore};
pub use listener::{IssuanceEvent, IssuanceListener};
pub use mint::{MAX_TOKEN_BYTES, MintError, MintedToken};
pub use revocation::{MemoryRevocationStore, RevocationStore, SharedRevocationStore};
#[cfg(feature = "http")]
pub use router::IntrospectionGuard;
pub use signing_key::{LocalIdpSigningKey, SigningKeyError};
pub use verify::{LocalVerifier, VerifiedClaims, VerifyError};
