use crate::{
    algorithms::{DigestAlgorithm, ENVELOPED, EXCLUSIVE},
    c14n::canonical,
    certificate::encode_base64,
    key::SigningKey,
    xml::{Element, Node, ns},
};
use axess_factors::federated::FederationError;

/// Signs an element of ours, which has an `ID`. The signature goes after its `Issuer`, or first where there is none, as
/// the schemas of messages and of metadata want it.
pub(crate) fn sign(element: &mut Element, key: &SigningKey) -> Result<(), FederationError> {
    let digest = DigestAlgorithm::Sha256;
    let value = encode_base64(&digest.digest(&canonical(element, None, &[])));
    let reference = format!("#{}", element.attribute("ID").unwrap_or_default());
    let part = |name| Element::new(ns::SIGNATURE, name);
    let using = |name, algorithm| part(name).with("Algorithm", algorithm);
    let signed_info = part("SignedInfo").holding([
        using("CanonicalizationMethod", EXCLUSIVE),
        using("SignatureMethod", key.algorithm().uri()),
        part("Reference").with("URI", &reference).holding([
            part("Transforms").holding([using("Transform", ENVELOPED), using("Transform", EXCLUSIVE)]),
            using("DigestMethod", digest.uri()),
            part("DigestValue").saying(&value),
        ]),
    ]);
    let value = encode_base64(&key.sign(&canonical(&signed_info, None, &[]))?);
    let signature =
        part("Signature").holding([signed_info, part("SignatureValue").saying(&value), key.key_info()]);
    let issuer = element
        .children
        .iter()
        .position(|child| matches!(child, Node::Element(child) if child.is(ns::ASSERTION, "Issuer")));
    element.children.insert(issuer.map_or(0, |at| at + 1), Node::Element(signature));
    Ok(())
}
