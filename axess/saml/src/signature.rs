//! Signatures inside a document: verified by keys that are pinned, over the element they are in and nothing else.

mod sign;

pub(crate) use sign::sign;

use crate::{
    algorithms::{DigestAlgorithm, ENVELOPED, EXCLUSIVE, SignatureAlgorithm},
    c14n::canonical,
    certificate::{PublicKey, decode_base64},
    xml::{Element, XmlError, ns},
};
use aws_lc_rs::constant_time;
use axess_factors::federated::FederationError;

/// The longest signature value, in bytes: RSA of 8192 bits.
const MAX_SIGNATURE_BYTES: usize = 1024;
/// The most prefixes in an `InclusiveNamespaces` list.
const MAX_PREFIXES: usize = 32;

/// Returns the signature that an element carries as its child.
pub(crate) fn of(element: &Element) -> Result<Option<&Element>, XmlError> {
    element.at_most_one(ns::SIGNATURE, "Signature")
}

/// Verifies the signature of an element over that very element (SAML Core §5.4).
///
/// The signature has one reference, to the `ID` of the element it is a child of, with the two transforms that SAML
/// allows. What it carries about keys is not read.
pub(crate) fn verify(element: &Element, keys: &[PublicKey]) -> Result<(), FederationError> {
    let signature = of(element)?.ok_or(FederationError::SignatureInvalid)?;
    let parts: Vec<&Element> = signature.elements().collect();
    let names: Vec<&str> = parts.iter().map(|part| part.local.as_str()).collect();
    let is_known =
        matches!(*names, ["SignedInfo", "SignatureValue"] | ["SignedInfo", "SignatureValue", "KeyInfo"]);
    if !is_known || parts.iter().any(|part| part.namespace != ns::SIGNATURE) {
        return Err(FederationError::Malformed { what: "a signature is not made of what it should be" });
    }
    signature.holds_only_elements()?;
    let signed_info = signature.one(ns::SIGNATURE, "SignedInfo")?;
    let value = signature.one(ns::SIGNATURE, "SignatureValue")?.text()?;
    let value = decode_base64(value, MAX_SIGNATURE_BYTES)
        .ok_or(FederationError::Malformed { what: "a signature value is not base64" })?;

    let SignedInfo { algorithm, prefixes, reference } = SignedInfo::read(signed_info)?;
    let signed = canonical(signed_info, None, &prefixes);
    if !keys.iter().any(|key| key.verifies(algorithm, &signed, &value)) {
        return Err(FederationError::SignatureInvalid);
    }
    reference.verify(element, signature)
}

/// What a signature signs.
struct SignedInfo<'a> {
    algorithm: SignatureAlgorithm,
    prefixes: Vec<&'a str>,
    reference: Reference<'a>,
}

/// What is signed, and its digest.
struct Reference<'a> {
    id: &'a str,
    prefixes: Vec<&'a str>,
    algorithm: DigestAlgorithm,
    digest: Vec<u8>,
}

impl<'a> SignedInfo<'a> {
    fn read(element: &'a Element) -> Result<Self, FederationError> {
        let [method, algorithm, reference] =
            children(element, ["CanonicalizationMethod", "SignatureMethod", "Reference"])?;
        let prefixes = exclusive(method)?;
        let algorithm = algorithm
            .attribute("Algorithm")
            .filter(|_| algorithm.elements().next().is_none())
            .and_then(SignatureAlgorithm::from_uri)
            .ok_or(FederationError::AlgorithmRefused)?;
        Ok(Self { algorithm, prefixes, reference: Reference::read(reference)? })
    }
}

impl<'a> Reference<'a> {
    fn read(element: &'a Element) -> Result<Self, FederationError> {
        let [transforms, method, value] = children(element, ["Transforms", "DigestMethod", "DigestValue"])?;
        let [enveloped, exclusively] = children(transforms, ["Transform", "Transform"])?;
        if enveloped.attribute("Algorithm") != Some(ENVELOPED) || enveloped.elements().next().is_some() {
            return Err(FederationError::AlgorithmRefused);
        }
        let prefixes = exclusive(exclusively)?;
        // What is inside would be part of what is canonicalised, before anybody has proved anything.
        let is_bare = method.elements().next().is_none();
        let algorithm = method.attribute("Algorithm").filter(|_| is_bare).and_then(DigestAlgorithm::from_uri);
        let algorithm = algorithm.ok_or(FederationError::AlgorithmRefused)?;
        let digest = decode_base64(value.text()?, MAX_SIGNATURE_BYTES)
            .ok_or(FederationError::Malformed { what: "a digest is not base64" })?;
        // An empty reference is the whole document, wherever the signature is.
        let id = element.attribute("URI").and_then(|uri| uri.strip_prefix('#')).filter(|id| !id.is_empty());
        Ok(Self { id: id.ok_or(FederationError::SignatureInvalid)?, prefixes, algorithm, digest })
    }

    /// Checks that it is the element, as it is without the signature, that was signed.
    fn verify(&self, element: &Element, signature: &Element) -> Result<(), FederationError> {
        if element.attribute("ID") != Some(self.id) {
            return Err(FederationError::SignatureInvalid);
        }
        let digest = self.algorithm.digest(&canonical(element, Some(signature), &self.prefixes));
        constant_time::verify_slices_are_equal(&digest, &self.digest)
            .map_err(|_| FederationError::SignatureInvalid)
    }
}

/// Returns the children of an element of the signature, which are these and no others.
fn children<'a, const N: usize>(
    element: &'a Element,
    names: [&str; N],
) -> Result<[&'a Element; N], FederationError> {
    element.holds_only_elements()?;
    let found: Vec<&Element> = element.elements().collect();
    <[&Element; N]>::try_from(found)
        .ok()
        .filter(|found| found.iter().zip(names).all(|(child, name)| child.is(ns::SIGNATURE, name)))
        .ok_or(FederationError::Malformed { what: "a signature is not made of what it should be" })
}

/// Checks that canonicalisation is exclusive, and returns the prefixes it treats inclusively.
fn exclusive(method: &Element) -> Result<Vec<&str>, FederationError> {
    if method.attribute("Algorithm") != Some(EXCLUSIVE) {
        return Err(FederationError::AlgorithmRefused);
    }
    method.holds_only_elements()?;
    let list = method.at_most_one(EXCLUSIVE, "InclusiveNamespaces")?;
    if method.elements().count() != usize::from(list.is_some()) {
        return Err(FederationError::AlgorithmRefused);
    }
    let prefixes = list.and_then(|list| list.attribute("PrefixList")).unwrap_or_default();
    let prefixes: Vec<&str> = prefixes.split_ascii_whitespace().collect();
    if prefixes.len() > MAX_PREFIXES {
        return Err(FederationError::Malformed { what: "a list of prefixes is too long" });
    }
    Ok(prefixes)
}
