//! Encrypted assertions: which ciphers open, and which never do.

use crate::{
    attacks::element,
    keys::{Pair, are_missing, pair},
    live,
    parties::{config_with_keys, judge, vector},
    xmlsec::{is_missing, usually_signed},
};
use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
        PublicEncryptingKey,
    },
};
use axess_factors::federated::FederationError;
use axess_saml::{IdpSource, SamlConfig, SamlProvider};
use base64::{Engine, engine::general_purpose::STANDARD};

const GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
const MGF1P: &str = "<x:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/>";
const OAEP_SHA256: &str = "<x:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#rsa-oaep\"><ds:DigestMethod \
    xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><y:MGF \
    xmlns:y=\"http://www.w3.org/2009/xmlenc11#\" Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>\
    </x:EncryptionMethod>";

fn provider(change: impl FnOnce(SamlConfig) -> SamlConfig) -> SamlProvider {
    SamlProvider::new(change(config_with_keys())).unwrap()
}

/// Encrypts the assertion of a response.
fn sealed(
    text: &str,
    to: &Pair,
    cipher: (&'static Algorithm, &str),
    oaep: (&'static OaepAlgorithm, &str),
) -> String {
    sealed_as("EncryptedAssertion", &element(text, "ns1:Assertion"), text, to, cipher, oaep)
}

/// Encrypts a part of a response.
fn sealed_as(
    name: &str,
    part: &str,
    text: &str,
    to: &Pair,
    (cipher, uri): (&'static Algorithm, &str),
    (oaep, method): (&'static OaepAlgorithm, &str),
) -> String {
    let (key, nonce) = (vec![7; cipher.key_len()], [9; NONCE_LEN]);
    let mut content = part.as_bytes().to_vec();
    let sealing = LessSafeKey::new(UnboundKey::new(cipher, &key).unwrap());
    sealing
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut content)
        .unwrap();
    let content = [&nonce[..], &content].concat();
    let public = PublicEncryptingKey::from_der(&to.public()).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let mut room = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(oaep, &key, &mut room, None).unwrap();
    let value = |bytes: &[u8]| {
        format!("<x:CipherData><x:CipherValue>{}</x:CipherValue></x:CipherData>", STANDARD.encode(bytes))
    };
    let encrypted = format!(
        "<ns1:{name} xmlns:x=\"http://www.w3.org/2001/04/xmlenc#\"><x:EncryptedData><x:EncryptionMethod \
         Algorithm=\"{uri}\"/>{}</x:EncryptedData><x:EncryptedKey>{method}{}</x:EncryptedKey></ns1:{name}>",
        value(&content),
        value(wrapped),
    );
    text.replace(part, &encrypted)
}

fn usual(to: &Pair) -> String {
    sealed(&vector("genuine/assertion.xml"), to, (&AES_256_GCM, GCM), (&OAEP_SHA1_MGF1SHA1, MGF1P))
}

#[test]
fn gcm_opens_with_any_of_our_keys() {
    if are_missing("saml: encryption by AES-GCM") {
        return;
    }
    let genuine = vector("genuine/assertion.xml");
    let aes_128 = (&AES_128_GCM, "http://www.w3.org/2009/xmlenc11#aes128-gcm");
    for text in [
        usual(&pair("sp")),
        sealed(&genuine, &pair("sp"), aes_128, (&OAEP_SHA1_MGF1SHA1, MGF1P)),
        sealed(&genuine, &pair("sp"), (&AES_256_GCM, GCM), (&OAEP_SHA256_MGF1SHA256, OAEP_SHA256)),
    ] {
        assert!(!text.contains("alice"), "nothing is encrypted");
        let identity = judge(&provider(|config| config), &text).unwrap();
        assert_eq!((identity.subject.as_str(), identity.groups.len()), ("alice-id", 2));
        // While they change.
        let both = vec![pair("sp-next").key(), pair("sp").key()];
        judge(&provider(|config| SamlConfig { decryption_keys: both, ..config }), &text).unwrap();
        for keys in [vec![], vec![pair("sp-next").key()]] {
            let other = |config| SamlConfig { decryption_keys: keys, ..config };
            let error = judge(&provider(other), &text).unwrap_err();
            assert!(matches!(error, FederationError::Malformed { .. }), "{error}");
        }
    }
}

#[test]
fn encrypted_is_not_signed() {
    if are_missing("saml: encryption without a signature") {
        return;
    }
    // Anybody can encrypt to a public key.
    let genuine = vector("genuine/assertion.xml");
    let signature = element(&element(&genuine, "ns1:Assertion"), "ns2:Signature");
    let seal = |text: &str| sealed(text, &pair("sp"), (&AES_256_GCM, GCM), (&OAEP_SHA1_MGF1SHA1, MGF1P));
    judge(&provider(|config| config), seal(&genuine)).unwrap();
    let lenient = |config| SamlConfig { want_signed_assertions: false, ..config };
    for text in [genuine.replace(&signature, ""), genuine.replace("alice-id", "admin-id")] {
        for provider in [provider(|config| config), provider(lenient)] {
            let error = judge(&provider, seal(&text)).unwrap_err();
            assert!(matches!(error, FederationError::SignatureInvalid), "{error}");
        }
    }
    // Nor does what is inside escape the grammar.
    for text in [
        genuine.replace("alice-id", "alice<!-- -->-id"),
        genuine.replace("</ns1:Assertion>", "<ns1:Assertion/></ns1:Assertion>"),
        genuine.replace("<ns1:Subject>", &format!("{signature}<ns1:Subject>")),
    ] {
        let outside = seal(&text);
        let error = judge(&provider(|config| config), outside).unwrap_err();
        assert!(matches!(error, FederationError::Malformed { .. }), "{error}");
    }
}

#[test]
fn cbc_is_wanted_together_with_a_signature() {
    if are_missing("saml: encryption by AES-CBC") {
        return;
    }
    let cbc = vector("genuine/encrypted-aes256-cbc.xml");
    let error = judge(&provider(|config| config), &cbc).unwrap_err();
    assert!(matches!(error, FederationError::AlgorithmRefused), "{error}");
    let error = SamlProvider::new(SamlConfig { allow_cbc: true, ..config_with_keys() }).unwrap_err();
    assert!(error.to_string().contains("allow_cbc"), "{error}");
    // Where it is wanted the cipher is tried, but only below a signature.
    let wanted = |config| SamlConfig { allow_cbc: true, want_signed_response: true, ..config };
    let error = judge(&provider(wanted), &cbc).unwrap_err();
    assert!(matches!(error, FederationError::Malformed { .. }), "it is for another key: {error}");
    let signature = element(&cbc.replace(&element(&cbc, "ns1:EncryptedAssertion"), ""), "ns2:Signature");
    let error = judge(&provider(wanted), cbc.replace(&signature, "")).unwrap_err();
    assert!(matches!(error, FederationError::SignatureInvalid), "{error}");
}

#[test]
fn what_is_broken_never_opens() {
    if are_missing("saml: broken encryption") {
        return;
    }
    let wanted = |config| SamlConfig { allow_cbc: true, want_signed_response: true, ..config };
    let refused = |provider: SamlProvider, cipher: &str| {
        let error = judge(&provider, vector(&format!("genuine/encrypted-{cipher}.xml"))).unwrap_err();
        assert!(matches!(error, FederationError::AlgorithmRefused), "{cipher}: {error}");
    };
    for cipher in ["3des", "rsa-1_5"] {
        refused(provider(|config| config), cipher);
        refused(provider(wanted), cipher);
    }
    // Two hashes, of which the library that decrypts knows one at a time.
    refused(provider(|config| config), "oaep-mixed");
    // This one it would open, were its name right.
    let named = usual(&pair("sp")).replace("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5");
    let error = judge(&provider(|config| config), named).unwrap_err();
    assert!(matches!(error, FederationError::AlgorithmRefused), "{error}");
}

#[test]
fn a_ciphertext_that_was_changed_does_not_open() {
    if are_missing("saml: changed ciphertexts") {
        return;
    }
    // The response is not signed, so only the cipher notices.
    let text = usual(&pair("sp"));
    judge(&provider(|config| config), &text).unwrap();
    let values: Vec<usize> =
        text.match_indices("<x:CipherValue>").map(|(at, found)| at + found.len()).collect();
    assert_eq!(values.len(), 2);
    for start in values {
        for at in [start, start + 4, start + 40, start + 200] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let error = judge(&provider(|config| config), &bytes).unwrap_err();
            assert!(matches!(error, FederationError::Malformed { .. }), "{error}");
        }
    }
}

/// The response with its user's name encrypted, or something else in the name's place, signed by the provider.
fn name_sealed(inside: &str, to: &Pair, (cipher, uri): (&'static Algorithm, &str), method: &str) -> String {
    let unsigned = vector("genuine/unsigned.xml");
    let text = unsigned.replace(&element(&unsigned, "ns1:NameID"), inside);
    usually_signed(&sealed_as("EncryptedID", inside, &text, to, (cipher, uri), (&OAEP_SHA1_MGF1SHA1, method)))
}

fn name() -> String {
    element(&vector("genuine/unsigned.xml"), "ns1:NameID")
}

fn trusting_with_keys(change: impl FnOnce(SamlConfig) -> SamlConfig) -> SamlProvider {
    let mut config = config_with_keys();
    if let IdpSource::Explicit { certificates, .. } = &mut config.idp {
        *certificates = vec![pair("idp").certificate()];
    }
    SamlProvider::new(change(config)).unwrap()
}

#[test]
fn a_name_may_be_encrypted_within_what_is_signed() {
    if is_missing("saml: encrypted names") {
        return;
    }
    let sp = pair("sp");
    let text = name_sealed(&name(), &sp, (&AES_256_GCM, GCM), MGF1P);
    assert!(!text.contains("alice-id"), "nothing is encrypted");
    assert_eq!(judge(&trusting_with_keys(|config| config), &text).unwrap().subject, "alice-id");

    let no_keys = |config| SamlConfig { decryption_keys: vec![], ..config };
    let error = judge(&trusting_with_keys(no_keys), &text).unwrap_err();
    assert!(matches!(error, FederationError::Malformed { .. }), "no key: {error}");
    let other = name_sealed(&name(), &pair("sp-next"), (&AES_256_GCM, GCM), MGF1P);
    let error = judge(&trusting_with_keys(|config| config), other).unwrap_err();
    assert!(matches!(error, FederationError::Malformed { .. }), "another key: {error}");
    // Whoever encrypts one of his own to us has nobody who signs it.
    let mine = sealed_as(
        "EncryptedID",
        &name().replace("alice-id", "admin-id"),
        &name().replace("alice-id", "admin-id"),
        &sp,
        (&AES_256_GCM, GCM),
        (&OAEP_SHA1_MGF1SHA1, MGF1P),
    );
    let swapped = text.replace(&element(&text, "ns1:EncryptedID"), &mine);
    let error = judge(&trusting_with_keys(|config| config), swapped).unwrap_err();
    assert!(matches!(error, FederationError::SignatureInvalid), "{error}");
}

#[test]
fn what_is_encrypted_in_place_of_a_name_is_a_name_and_no_more() {
    if is_missing("saml: what is in encrypted names") {
        return;
    }
    let sp = pair("sp");
    for (row, inside) in [
        ("an assertion", element(&vector("genuine/unsigned.xml"), "ns1:Assertion")),
        (
            "an attribute",
            "<ns1:Attribute Name=\"n\"><ns1:AttributeValue>alice-id</ns1:AttributeValue></ns1:Attribute>"
                .into(),
        ),
        ("a comment", name().replace("alice-id", "alice<!-- -->-id")),
        ("an element", name().replace("alice-id", "alice-id<ns1:NameID>admin-id</ns1:NameID>")),
        ("two", format!("{0}{0}", name())),
        ("a document type", format!("<!DOCTYPE x []>{}", name())),
    ] {
        let text = name_sealed(&inside, &sp, (&AES_256_GCM, GCM), MGF1P);
        let error = judge(&trusting_with_keys(|config| config), text).map(|it| it.subject).unwrap_err();
        assert!(matches!(error, FederationError::Malformed { .. }), "{row}: {error}");
    }
    for (row, cipher, method) in [
        ("cbc", "http://www.w3.org/2001/04/xmlenc#aes256-cbc", MGF1P.to_owned()),
        ("3des", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc", MGF1P.to_owned()),
        ("rsa-1_5", GCM, MGF1P.replace("rsa-oaep-mgf1p", "rsa-1_5")),
    ] {
        let text = name_sealed(&name(), &sp, (&AES_256_GCM, cipher), &method);
        let error = judge(&trusting_with_keys(|config| config), text).unwrap_err();
        assert!(matches!(error, FederationError::AlgorithmRefused), "{row}: {error}");
    }
    let unsigned = vector("genuine/unsigned.xml");
    let both = sealed_as(
        "EncryptedID",
        &name().replace("alice-id", "admin-id"),
        &unsigned.replace(&name(), &format!("{}{}", name(), name().replace("alice-id", "admin-id"))),
        &sp,
        (&AES_256_GCM, GCM),
        (&OAEP_SHA1_MGF1SHA1, MGF1P),
    );
    let error = judge(&trusting_with_keys(|config| config), usually_signed(&both)).unwrap_err();
    assert!(matches!(error, FederationError::Malformed { .. }), "two names: {error}");
}

#[test]
fn pysaml2_encrypts_for_us() {
    for cipher in ["aes128-gcm", "aes256-gcm"] {
        let options = format!("sign=response,assertion&encrypt={cipher}");
        let Some(login) = live::log_in(&options, |config| config) else { return };
        assert_eq!(login.unwrap_or_else(|error| panic!("{cipher}: {error}")).subject, "alice-id");
    }
    for cipher in ["aes128-cbc", "aes256-cbc", "3des"] {
        let options = format!("sign=response,assertion&encrypt={cipher}");
        let refused = live::log_in(&options, |config| config).unwrap();
        assert!(matches!(refused, Err(FederationError::AlgorithmRefused)), "{cipher}");
    }
    let wanted = |config| SamlConfig { allow_cbc: true, want_signed_response: true, ..config };
    for cipher in ["aes128-cbc", "aes256-cbc"] {
        let opened = live::log_in(&format!("encrypt={cipher}"), wanted).unwrap().unwrap();
        assert_eq!(opened.subject, "alice-id");
    }
}
