//! Turns a session into stored bytes and back.
//!
//! Layout: `form (1) | schema version (2, big-endian) | body`. The form says whether the body is plain or sealed. The
//! body is MessagePack with named fields, so adding a field with a default needs no new version; anything else does.

use super::{SessionCrypto, SessionError, data::SessionData};
use axess_identity::SessionId;
use axess_rng::SecureRng;
use bytes::Bytes;
use std::sync::Arc;

/// The schema version this build writes.
pub(crate) const SCHEMA_VERSION: u16 = 1;

const PLAIN: u8 = 1;
const SEALED: u8 = 2;

/// A decoded session.
pub(crate) struct Decoded {
    pub(crate) data: Arc<SessionData>,
    /// Whether it should be written again: under the current key, in the current schema, or for a longer lifetime.
    pub(crate) stale: bool,
}

pub(crate) fn encode(
    id: &SessionId,
    data: &SessionData,
    crypto: Option<&SessionCrypto>,
    rng: &dyn SecureRng,
) -> Result<Bytes, SessionError> {
    let body = rmp_serde::to_vec_named(data).map_err(|_| SessionError::Encode)?;
    let (form, body) = match crypto {
        None => (PLAIN, body),
        Some(crypto) => (SEALED, crypto.seal(id, SCHEMA_VERSION, &body, rng).ok_or(SessionError::Encode)?),
    };
    let mut out = Vec::with_capacity(3 + body.len());
    out.push(form);
    out.extend_from_slice(&SCHEMA_VERSION.to_be_bytes());
    out.extend_from_slice(&body);
    Ok(out.into())
}

/// Decodes stored bytes; `None` when they are not a session this build and these keys can read.
///
/// With encryption on, a plain body is refused: whoever can write to the database must not be able to forge sessions.
pub(crate) fn decode(id: &SessionId, payload: &[u8], crypto: Option<&SessionCrypto>) -> Option<Decoded> {
    let (&form, rest) = payload.split_first()?;
    let (version, body) = rest.split_first_chunk::<2>()?;
    let version = u16::from_be_bytes(*version);
    match (form, crypto) {
        (PLAIN, None) => migrate(version, body, false),
        (SEALED, Some(crypto)) => {
            let opened = crypto.open(id, version, body)?;
            migrate(version, &opened.plain, opened.stale)
        }
        _ => None,
    }
}

/// Reads any schema version this build knows. A version from the future is refused rather than guessed at.
fn migrate(version: u16, body: &[u8], stale: bool) -> Option<Decoded> {
    match version {
        SCHEMA_VERSION => Some(Decoded { data: Arc::new(rmp_serde::from_slice(body).ok()?), stale }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
