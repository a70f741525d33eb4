//! The token as its holder has it: `axr1_` and the base64url of tenant, user, token id and secret.
//!
//! The ids say where its row is. Only the secret proves anything.

use super::TokenHash;
use crate::store::Owner;
use axess_factors::PepperRing;
use axess_identity::{RefreshTokenId, TenantId, TokenSecret, UserId};
use axess_rng::{SecureRng, random_array};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

const PREFIX: &str = "axr1_";
const ID_LEN: usize = 16;
const SECRET_LEN: usize = 32;
const LEN: usize = 3 * ID_LEN + SECRET_LEN;
/// Characters of [`LEN`] bytes in unpadded base64.
const ENCODED: usize = (LEN * 8).div_ceil(6);

/// A readable token.
pub(super) struct TokenText {
    pub(super) owner: Owner,
    pub(super) id: RefreshTokenId,
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

impl TokenText {
    /// Draws a new token.
    pub(super) fn draw(owner: Owner, now: DateTime<Utc>, rng: &dyn SecureRng) -> Self {
        let id = RefreshTokenId::generate(now, rng);
        Self { owner, id, secret: Zeroizing::new(random_array(rng)) }
    }

    /// Puts a token together from its parts; `None` when the secret has another length.
    pub(super) fn from_parts(owner: Owner, id: RefreshTokenId, secret: &[u8]) -> Option<Self> {
        Some(Self { owner, id, secret: Zeroizing::new(secret.try_into().ok()?) })
    }

    /// Reads what was presented; `None` when it cannot be a token.
    pub(super) fn parse(presented: &TokenSecret) -> Option<Self> {
        let encoded = presented.expose().strip_prefix(PREFIX).filter(|text| text.len() == ENCODED)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let (tenant, rest) = bytes.split_first_chunk::<ID_LEN>()?;
        let (user, rest) = rest.split_first_chunk::<ID_LEN>()?;
        let (id, secret) = rest.split_first_chunk::<ID_LEN>()?;
        let owner = Owner {
            tenant_id: TenantId::from_uuid(Uuid::from_bytes(*tenant)),
            user_id: UserId::from_uuid(Uuid::from_bytes(*user)),
        };
        Self::from_parts(owner, RefreshTokenId::from_uuid(Uuid::from_bytes(*id)), secret)
    }

    /// Returns the token as its holder presents it.
    pub(super) fn encode(&self) -> TokenSecret {
        let mut text = String::with_capacity(PREFIX.len() + ENCODED);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.bytes().as_slice(), &mut text);
        text.into()
    }

    pub(super) fn secret(&self) -> &[u8; SECRET_LEN] {
        &self.secret
    }

    /// Returns what is stored of it: the hash of the whole token, so that no row can take the place of another's.
    pub(super) fn hash(&self, peppers: &PepperRing) -> Option<TokenHash> {
        match peppers.current_id() {
            Some(id) => self.hash_under(peppers, id),
            None => self.plain_hash(),
        }
    }

    /// Tells, in constant time, whether `stored` is the hash of this token. A hash whose pepper is gone is of none.
    pub(super) fn proves(&self, peppers: &PepperRing, stored: &TokenHash) -> bool {
        let mine = match stored.pepper_id() {
            Some(id) => self.hash_under(peppers, id),
            None => self.plain_hash(),
        };
        mine.is_some_and(|mine| mine.as_str().as_bytes().ct_eq(stored.as_str().as_bytes()).into())
    }

    fn hash_under(&self, peppers: &PepperRing, id: &str) -> Option<TokenHash> {
        let mac = peppers.keyed(id, &self.bytes())?;
        TokenHash::new(format!("hmac-sha256:{id}:{}", hex(&*mac)))
    }

    fn plain_hash(&self) -> Option<TokenHash> {
        TokenHash::new(format!("sha256::{}", hex(&Sha256::digest(self.bytes().as_slice()))))
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let Owner { tenant_id, user_id } = self.owner;
        let ids = [tenant_id.as_uuid(), user_id.as_uuid(), self.id.as_uuid()];
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        ids.iter().for_each(|id| bytes.extend_from_slice(id.as_bytes()));
        bytes.extend_from_slice(&*self.secret);
        bytes
    }
}

impl std::fmt::Debug for TokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenText").field("id", &self.id).finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
