use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Returns base64url without padding, as everything in JOSE is written (RFC 7515 §2).
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes exactly what [`encode`] writes: no padding, no white space, no stray bits at the end.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Returns the SHA-256 of `bytes` in base64url.
///
/// This is how a PKCE challenge (RFC 7636 §4.2), `ath` of a DPoP proof (RFC 9449 §4.2), `x5t#S256` of a certificate (RFC 8705
/// §3.1) and a key's thumbprint (RFC 7638) are written.
///
/// ```
/// // RFC 7636 appendix B.
/// let challenge = axess_jose::s256(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
#[must_use]
pub fn s256(bytes: &[u8]) -> String {
    encode(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_each_value() {
        for (text, good) in [
            ("", true),
            ("AA", true),
            ("AQAB", true),
            ("-_8", true),
            // Not what the encoder writes: bits that are dropped, padding, the other alphabet, white space, a stray symbol.
            ("AB", false),
            ("AQF", false),
            ("AA==", false),
            ("AA=", false),
            ("+/8", false),
            ("AQ AB", false),
            ("AQAB\n", false),
            (" AQAB", false),
            ("A", false),
            ("AQABA", false),
            ("AQ.B", false),
            ("AQ\u{0}B", false),
            ("ÄQAB", false),
        ] {
            let decoded = decode(text);
            assert_eq!(decoded.is_some(), good, "{text:?}");
            if let Some(bytes) = decoded {
                assert_eq!(encode(&bytes), text);
            }
        }
    }
}
