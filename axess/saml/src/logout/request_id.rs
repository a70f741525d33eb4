//! The ids of our logout requests, which say by themselves that they are ours: the session is over when the answer comes, and in
//! whatever state the browser is, so there is nowhere to keep them.

use crate::{config::Compiled, metadata::Idp, request::new_id};
use aws_lc_rs::hmac;
use axess_factors::federated::{FederationContext, FederationError};
use chrono::{DateTime, Utc};
use std::fmt::Write;

/// What the key is for.
const PURPOSE: &[u8] = b"axess saml: ids of logout requests";
/// How much of the authentication code an id carries, in bytes.
const TAG_BYTES: usize = 16;

/// The key that ids are made with. It comes of the signing key, so that every process that has that one takes the answers.
pub(crate) struct RequestIds(hmac::Key);

impl RequestIds {
    pub(crate) fn of_private_key(der: &[u8]) -> Self {
        let secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, der), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()))
    }

    /// Makes the id of a request to a provider: random, its time, and a code over both and the two parties.
    pub(crate) fn id(&self, own: &Compiled, idp: &Idp, context: FederationContext<'_>) -> String {
        let named = format!("{}.{}", new_id(context.rng), context.now.timestamp());
        let tag = self.tag(&named, own, idp);
        format!("{named}.{tag}")
    }

    /// Reads an id that an answer names: one of ours, and when its request was made.
    pub(crate) fn read<'a>(
        &self,
        id: &'a str,
        own: &Compiled,
        idp: &Idp,
    ) -> Result<(&'a str, DateTime<Utc>), FederationError> {
        let parts =
            id.rsplit_once('.').and_then(|(named, tag)| Some((named, tag, named.rsplit_once('.')?.1)));
        let (named, tag, time) = parts.ok_or(FederationError::StateMismatch)?;
        let is_ours = aws_lc_rs::constant_time::verify_slices_are_equal(
            self.tag(named, own, idp).as_bytes(),
            tag.as_bytes(),
        );
        is_ours.map_err(|_| FederationError::StateMismatch)?;
        let time = time.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        Ok((id, time.ok_or(FederationError::StateMismatch)?))
    }

    fn tag(&self, named: &str, own: &Compiled, idp: &Idp) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [named, &own.config.entity_id, &idp.entity_id] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        tag.as_ref().iter().take(TAG_BYTES).fold(String::new(), |mut text, byte| {
            // Writing to a text does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
