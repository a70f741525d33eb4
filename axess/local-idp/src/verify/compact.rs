use super::VerifyError;
use crate::MAX_TOKEN_BYTES;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// A token taken apart (RFC 7515 §7.1), not yet believed.
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    /// What the signature is over: header and payload as they came.
    pub(super) signed: &'a [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The whole header: all three, once each, and no other member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
    pub(super) typ: String,
}

impl<'a> Compact<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
        // A fourth part leaves a dot in the payload, which is no base64url; so are padding, spaces and stray bits at the end.
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Malformed);
        let (header, payload, signature) = (part(header)?, part(payload)?, part(signature)?);
        let header = serde_json::from_slice(&header).map_err(|_| VerifyError::Header)?;
        Ok(Self { header, signed: signed.as_bytes(), payload, signature })
    }
}
