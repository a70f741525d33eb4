use crate::verdicts::{Skips, cases, compare, parse};
use axess_jose::{Algorithm, VerificationKey};
use serde_json::Value;

const EXPONENT: &str = "an exponent of 3: FIPS 186-5 section 5.4 has none below 65,537";

/// Verifies every case of a file with the keys of its groups, read from JWK and from PEM; returns how many there were.
fn verdicts(algorithm: Algorithm, text: &str, skips: Skips) -> usize {
    let file = parse(text);
    let bytes = |value: &Value| data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap();
    compare(cases(&file), skips, |group, test| {
        let Ok(key) = VerificationKey::from_pem(None, group["publicKeyPem"].as_str().unwrap()) else {
            return false;
        };
        if let Some(members) = group["publicKeyJwk"].as_object() {
            // Some groups name another algorithm of the same key, or another use.
            let members = members
                .iter()
                .filter(|(name, _)| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
            let jwk = Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect());
            assert_eq!(VerificationKey::from_jwk(&jwk).unwrap().thumbprint(), key.thumbprint());
        }
        key.verify(algorithm, &bytes(&test["msg"]), &bytes(&test["sig"])).is_ok()
    })
}

#[test]
fn ecdsa() {
    let p256 = include_str!("../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363.json");
    assert_eq!(verdicts(Algorithm::Es256, p256, &[]), 262);
    let p384 = include_str!("../../../../vectors/wycheproof/ecdsa_secp384r1_sha384_p1363.json");
    assert_eq!(verdicts(Algorithm::Es384, p384, &[]), 280);
}

#[test]
fn ed25519() {
    let file = include_str!("../../../../vectors/wycheproof/ed25519.json");
    assert_eq!(verdicts(Algorithm::EdDsa, file, &[]), 151);
}

#[test]
fn rsa_pss() {
    let file = include_str!("../../../../vectors/wycheproof/rsa_pss_2048_sha256_mgf1_32.json");
    assert_eq!(verdicts(Algorithm::Ps256, file, &[]), 108);
    let file = include_str!("../../../../vectors/wycheproof/rsa_pss_2048_sha384_mgf1_48.json");
    assert_eq!(verdicts(Algorithm::Ps384, file, &[]), 141);
}

/// The one case that is `acceptable` (a missing NULL in the hash's name) is refused, as `compare` asks of all but `valid`.
#[test]
fn rsa_pkcs1() {
    let file = include_str!("../../../../vectors/wycheproof/rsa_signature_2048_sha256.json");
    assert_eq!(verdicts(Algorithm::Rs256, file, &[(258, EXPONENT), (259, EXPONENT)]), 259);
    let file = include_str!("../../../../vectors/wycheproof/rsa_signature_2048_sha512.json");
    assert_eq!(verdicts(Algorithm::Rs512, file, &[(259, EXPONENT)]), 259);
}
