//! The successor's secret, sealed so that only the holder of the exchanged token can open it.

use super::text::TokenText;
use crate::envelope::Envelope;
use axess_rng::SecureRng;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const LABEL: &[u8] = b"axess/v1/refresh-token/successor";

/// Seals the secret of `successor` for the holder of `old`; `None` only past the limits of the cipher.
pub(super) fn seal(old: &TokenText, successor: &TokenText, rng: &dyn SecureRng) -> Option<Bytes> {
    envelope(old)?.seal(&place(old, successor.id), successor.secret(), rng).map(Bytes::from)
}

/// Opens what the holder of `old` was left; `None` when it was not left for them.
pub(super) fn open(old: &TokenText, id: axess_identity::RefreshTokenId, sealed: &[u8]) -> Option<TokenText> {
    let opened = envelope(old)?.open(&place(old, id), sealed)?;
    TokenText::from_parts(old.owner, id, &opened.plain)
}

/// Derives the key by one block of HKDF-Expand (RFC 5869 §2.3): the secret is uniform, so there is nothing to extract.
fn envelope(old: &TokenText) -> Option<Envelope> {
    let mut mac = Hmac::<Sha256>::new_from_slice(old.secret()).ok()?;
    mac.update(LABEL);
    mac.update(&[1]);
    let key: [u8; 32] = mac.finalize().into_bytes().into();
    Envelope::new(key).ok()
}

fn place(old: &TokenText, successor: axess_identity::RefreshTokenId) -> Vec<u8> {
    let ids =
        [old.owner.tenant_id.as_uuid(), old.owner.user_id.as_uuid(), old.id.as_uuid(), successor.as_uuid()];
    ids.iter().flat_map(|id| *id.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Owner;
    use axess_identity::{TenantId, UserId};
    use axess_rng::MockRng;
    use chrono::DateTime;

    fn token(seed: u64) -> TokenText {
        let owner =
            Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
        TokenText::draw(owner, DateTime::UNIX_EPOCH, &MockRng::new(seed))
    }

    #[test]
    fn the_holder_of_the_old_token_gets_the_new_one_and_nobody_else() {
        let (old, new, other) = (token(1), token(2), token(3));
        let sealed = seal(&old, &new, &MockRng::new(4)).unwrap();
        assert_eq!(open(&old, new.id, &sealed).unwrap().encode().expose(), new.encode().expose());
        assert!(open(&other, new.id, &sealed).is_none(), "another token");
        assert!(open(&new, new.id, &sealed).is_none(), "not even its own");
        assert!(open(&old, other.id, &sealed).is_none(), "in another row");
        let wrong_secret = TokenText::from_parts(old.owner, old.id, other.secret()).unwrap();
        assert!(open(&wrong_secret, new.id, &sealed).is_none(), "the ids alone");
        for at in 0..sealed.len() {
            let mut bad = sealed.to_vec();
            bad[at] ^= 1;
            assert!(open(&old, new.id, &bad).is_none(), "byte {at}");
        }
    }
}
