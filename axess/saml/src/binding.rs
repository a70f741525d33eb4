//! How messages travel through the browser (SAML Bindings §3.4, §3.5).

mod query;
#[cfg(test)]
mod tests;

pub(crate) use query::{percent_encoded, verify_query};

use crate::{
    c14n::canonical,
    certificate::{decode_base64, encode_base64},
    key::SigningKey,
    signature,
    xml::{Comments, Element, parse},
};
use axess_factors::federated::{CallbackMethod, CallbackResponse, FederationError, Redirection};
use flate2::{Compression, bufread::DeflateDecoder, write::DeflateEncoder};
use std::io::{Read, Write};

/// The largest message, in bytes of XML: what fits, as base64, into the parameters of a callback.
pub(crate) const MAX_MESSAGE_BYTES: usize = 384 * 1024;

/// The longest `RelayState` that is sent or given back. SAML allows 80 bytes; providers send more.
pub(crate) const MAX_RELAY_STATE_BYTES: usize = 1024;

/// How a message gets from one side to the other through the browser.
///
/// ```
/// use axess_saml::SamlBinding;
/// assert!(SamlBinding::Post.uri().ends_with(":HTTP-POST"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamlBinding {
    /// In the query of a redirect, compressed, with a signature over the query.
    Redirect,
    /// In a form that posts itself, with the signature in the message.
    Post,
}

impl SamlBinding {
    /// Returns the binding's identifier.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        }
    }

    pub(crate) fn from_uri(uri: &str) -> Option<Self> {
        [Self::Redirect, Self::Post].into_iter().find(|one| one.uri() == uri)
    }
}

/// Which of the two parameters a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

impl Direction {
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message to be sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) message: Element,
    pub(crate) direction: Direction,
    pub(crate) destination: &'a str,
    pub(crate) relay_state: Option<&'a str>,
    pub(crate) key: Option<&'a SigningKey>,
}

impl Outgoing<'_> {
    /// Writes and signs the message, and says where the browser takes it.
    pub(crate) fn send(mut self, binding: SamlBinding) -> Result<Redirection, FederationError> {
        match binding {
            SamlBinding::Post => {
                if let Some(key) = self.key {
                    signature::sign(&mut self.message, key)?;
                }
                let message = encode_base64(&canonical(&self.message, None, &[]));
                let mut fields = vec![(self.direction.parameter().to_owned(), message)];
                fields.extend(self.relay_state.map(|state| ("RelayState".to_owned(), state.to_owned())));
                Ok(Redirection::Post { action: self.destination.to_owned(), fields })
            }
            SamlBinding::Redirect => {
                let message = encode_base64(&deflate(&canonical(&self.message, None, &[]))?);
                let mut query = format!("{}={}", self.direction.parameter(), percent_encoded(&message));
                if let Some(state) = self.relay_state {
                    query.push_str(&format!("&RelayState={}", percent_encoded(state)));
                }
                if let Some(key) = self.key {
                    query.push_str(&format!("&SigAlg={}", percent_encoded(key.algorithm().uri())));
                    let signature = encode_base64(&key.sign(query.as_bytes())?);
                    query.push_str(&format!("&Signature={}", percent_encoded(&signature)));
                }
                let separator = if self.destination.contains('?') { '&' } else { '?' };
                Ok(Redirection::Get(format!("{}{separator}{query}", self.destination)))
            }
        }
    }
}

/// Decodes and parses the message in a parameter, which is not verified yet.
pub(crate) fn receive(message: &CallbackResponse, direction: Direction) -> Result<Element, FederationError> {
    let text = message.get(direction.parameter())?;
    let text = text.ok_or(FederationError::Malformed { what: "there is no message" })?;
    let bytes = decode_base64(text, MAX_MESSAGE_BYTES)
        .ok_or(FederationError::Malformed { what: "the message is not base64, or too large" })?;
    let bytes = match message.method {
        CallbackMethod::Post => bytes,
        CallbackMethod::Get => inflate(&bytes)?,
    };
    Ok(parse(&bytes, MAX_MESSAGE_BYTES, Comments::Refused)?)
}

fn deflate(bytes: &[u8]) -> Result<Vec<u8>, FederationError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|_| FederationError::Configuration { what: "a message cannot be compressed".to_owned() })
}

/// Decompresses no more than a message may have, whatever the compressed one would become.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, FederationError> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(MAX_MESSAGE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = DeflateDecoder::new(bytes).take(limit).read_to_end(&mut inflated);
    match read {
        Ok(length) if length <= MAX_MESSAGE_BYTES => Ok(inflated),
        _ => Err(FederationError::Malformed { what: "the message does not decompress, or is too large" }),
    }
}
