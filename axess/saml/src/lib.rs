//! SAML 2.0 service provider: logs users in at an identity provider that speaks SAML, and out again.
//!
//! Does not know about: the network, HTTP frameworks, sessions, accounts, or storage.
//!
//! A message is parsed once, by a parser that knows a small part of XML; its signature is verified over the very element
//! that is then read; and the keys are those of the configuration, never those a message brings. Anything the grammar of
//! a message does not need is refused rather than skipped.
//!
//! [`SamlProvider`] implements [`axess_factors::federated::FederationProvider`]; [`SamlConfig`] says all there is to set.
#![forbid(unsafe_code)]

mod algorithms;
mod binding;
mod c14n;
mod certificate;
mod config;
mod encryption;
mod key;
mod logout;
mod metadata;
mod provider;
mod request;
mod response;
mod signature;
mod time;
mod xml;

pub use binding::SamlBinding;
pub use config::{AttributeMapping, IdpSource, SamlConfig, SamlConfigError};
pub use key::SamlKey;
pub use metadata::MAX_METADATA_BYTES;
pub use provider::SamlProvider;
