//! What a login is bound by: random values, and the challenge of RFC 7636.

use axess_rng::{SecureRng, random_array};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

/// Random bytes in a state, a nonce, a verifier or the name of a token.
const RANDOM_BYTES: usize = 32;

/// Returns 32 random bytes as 43 characters that need no escaping.
pub(crate) fn random_text(rng: &(impl SecureRng + ?Sized)) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_array::<RANDOM_BYTES>(rng))
}

/// Returns the challenge of a verifier by the method `S256`; no other is used (RFC 7636 §4.2).
pub(crate) fn challenge(verifier: &str) -> String {
    axess_jose::s256(verifier.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axess_rng::MockRng;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn random_texts_are_long_and_differ() {
        let rng = MockRng::new(1);
        let (one, other) = (random_text(&rng), random_text(&rng));
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }
}
