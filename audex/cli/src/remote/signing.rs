//! What an approver signs: a compact JWS over a request and its digest, the decision and the comment.

use audex_core::session::SessionId;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Signs decisions with a key of the approver's own (Ed25519, RFC 8037).
///
/// ```
/// use audex_cli::remote::ApprovalSigner;
/// let signer = ApprovalSigner::new(&[7; 32]).unwrap();
/// assert_eq!(signer.jwk()["crv"], "Ed25519");
/// assert_eq!(signer.id().len(), 43);
/// assert_eq!(signer.sign("{}").split('.').count(), 3);
/// ```
pub struct ApprovalSigner(Ed25519KeyPair);

impl ApprovalSigner {
    /// Takes the seed of a key.
    ///
    /// # Errors
    ///
    /// That it is none.
    pub fn new(seed: &[u8; 32]) -> Result<Self, aws_lc_rs::error::KeyRejected> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self)
    }

    /// Returns the public key (RFC 8037 §2).
    pub fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": self.x() })
    }

    /// Returns the thumbprint of the public key (RFC 7638, RFC 8037 appendix A.3).
    pub fn id(&self) -> String {
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// Signs what somebody decided about a request: about this one, and no other that asks for the same.
    pub fn decision(
        &self,
        (session, digest): (SessionId, &str),
        approve: bool,
        comment: &str,
        approver: &str,
        now: DateTime<Utc>,
    ) -> String {
        let decision = if approve { "approve" } else { "deny" };
        let payload = json!({
            "session": session, "digest": digest, "decision": decision, "comment": comment, "approver": approver,
            "iat": now.timestamp(),
        });
        self.sign(&payload.to_string())
    }

    /// Signs a payload as a compact JWS (RFC 7515 §7.1).
    pub fn sign(&self, payload: &str) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "audex-approval+jws", "kid": self.id() }).to_string();
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(input.as_bytes()).as_ref());
        format!("{input}.{signature}")
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }
}

impl fmt::Debug for ApprovalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalSigner").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Reads a seed from the text it is kept as.
pub(super) fn seed(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim()).ok()?);
    let mut seed = Zeroizing::new([0; 32]);
    (bytes.len() == seed.len()).then(|| seed.copy_from_slice(&bytes))?;
    Some(seed)
}

/// Writes a seed as the text it is kept as.
pub(super) fn written(seed: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    /// The key of RFC 8037, appendix A.
    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    #[test]
    fn the_key_of_the_rfc_has_its_thumbprint_and_signature() {
        let signer = ApprovalSigner::new(&seed(SEED).unwrap()).unwrap();
        assert_eq!(signer.jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(signer.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let session: SessionId = "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap();
        let jws = signer.decision((session, "ab"), true, "agreed", "bob@example.com", DateTime::UNIX_EPOCH);
        let (input, signature) = jws.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, signer.0.public_key().as_ref());
        assert!(key.verify(input.as_bytes(), &signature).is_ok());
        assert!(key.verify(b"another", &signature).is_err());
        let payload = URL_SAFE_NO_PAD.decode(input.split('.').nth(1).unwrap()).unwrap();
        // The server reads exactly these members.
        let claims: audex_server::requests::VoteClaims = serde_json::from_slice(&payload).unwrap();
        assert_eq!((claims.session, claims.digest), (session.to_string(), "ab".to_owned()));
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!((payload["decision"].as_str(), payload["iat"].as_i64()), (Some("approve"), Some(0)));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        assert_eq!(*seed(&written(&[9; 32])).unwrap(), [9; 32]);
        assert!(seed("short").is_none());
        assert!(
            !format!("{:?}", ApprovalSigner::new(&[9; 32]).unwrap()).contains(written(&[9; 32]).as_str())
        );
    }
}
