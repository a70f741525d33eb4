//! The stored form of a refresh token; `token.lua` tells what its fields are.

use crate::{
    error::corrupt,
    moment::{from_text, micros, to_text},
};
use axess_core::{
    refresh::{RefreshGrant, RefreshToken, Successor, TokenHash},
    store::{Owner, StoreError, StoreErrorKind},
};
use axess_identity::{DeviceId, RefreshTokenId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Id, state, details, hash, and what the token was exchanged for.
pub(super) type Fields = (String, String, Vec<u8>, String, Option<Bytes>);

/// What never changes.
#[derive(Serialize, Deserialize)]
struct Details {
    issued_at: DateTime<Utc>,
    grant: RefreshGrant,
    device_info: Option<String>,
}

pub(super) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

pub(super) fn id_from_hex(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

pub(super) fn details(token: &RefreshToken) -> Result<Vec<u8>, StoreError> {
    let (grant, device_info) = (token.grant.clone(), token.device_info.clone());
    rmp_serde::to_vec_named(&Details { issued_at: token.issued_at, grant, device_info })
        .map_err(|error| StoreError::new(StoreErrorKind::Backend, error))
}

pub(super) fn state(token: &RefreshToken) -> String {
    let (kind, inactive_since) = match (token.rotated_at, token.revoked_at) {
        (_, Some(at)) => ('v', to_text(at)),
        (Some(at), None) => ('r', to_text(at)),
        (None, None) => ('a', String::new()),
    };
    let device = token.device_id.map(|id| hex(id.as_uuid())).unwrap_or_default();
    let (issued, ends, exact) =
        (micros(token.issued_at), micros(token.expires_at), to_text(token.expires_at));
    format!("{kind}|{issued}|{ends}|{}|{device}|{exact}|{inactive_since}", hex(token.family_id.as_uuid()))
}

pub(super) fn successor(stored: Bytes) -> Result<Successor, StoreError> {
    let mut id = stored;
    if id.len() < 32 {
        return Err(corrupt());
    }
    let sealed = id.split_off(32);
    let id = str::from_utf8(&id).ok().and_then(id_from_hex).ok_or_else(corrupt)?;
    Ok(Successor { id: RefreshTokenId::from_uuid(id), sealed })
}

pub(super) fn decode(owner: Owner, fields: Fields) -> Result<RefreshToken, StoreError> {
    let (id, state, details, hash, next) = fields;
    let details: Details =
        rmp_serde::from_slice(&details).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
    let next = next.map(successor).transpose()?;
    let read = || {
        let mut parts = state.split('|');
        let kind = parts.next()?;
        let (family, device, exact) = (parts.nth(2)?, parts.next()?, parts.next()?);
        let inactive_since = from_text(parts.next()?);
        Some(RefreshToken {
            id: RefreshTokenId::from_uuid(id_from_hex(&id)?),
            owner,
            family_id: TokenFamilyId::from_uuid(id_from_hex(family)?),
            token_hash: TokenHash::new(hash)?,
            grant: details.grant,
            device_id: match device {
                "" => None,
                device => Some(DeviceId::from_uuid(id_from_hex(device)?)),
            },
            device_info: details.device_info,
            issued_at: details.issued_at,
            expires_at: from_text(exact)?,
            rotated_at: inactive_since.filter(|_| kind == "r"),
            revoked_at: inactive_since.filter(|_| kind == "v"),
            successor: next,
        })
    };
    read().ok_or_else(corrupt)
}
