//! Signature wrapping: XSW 1 to 8 (Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be", 2012), and the places
//! that were found later.

use super::{Genuine, Refusal, refused, with_id};

const MALFORMED: &[Refusal] = &[Refusal::Malformed];
const SIGNATURE: &[Refusal] = &[Refusal::Signature];

/// The response as an attacker keeps it around: without its XML declaration.
fn bare(genuine: &Genuine) -> String {
    genuine.text.split_once("?>").unwrap().1.trim().to_owned()
}

/// A response of the attacker's, which says somebody else, with what is given in place of the signature.
fn evil_response(genuine: &Genuine, in_place_of_signature: &str) -> String {
    let evil = genuine.text.replace(&genuine.signature, "SIGNATURE").replace("alice", "admin");
    with_id(&evil, "_evil").replace("SIGNATURE", in_place_of_signature)
}

#[test]
fn xsw_1_the_signed_response_is_inside_the_signature() {
    for name in ["response", "both"] {
        let genuine = Genuine::read(name);
        let original = bare(&genuine).replace(&genuine.signature, "");
        let signature = genuine.signature.replace("</ns2:Signature>", &format!("{original}</ns2:Signature>"));
        refused("XSW1", &genuine, evil_response(&genuine, &signature), MALFORMED);
        let object = format!("<ns2:Object>{original}</ns2:Object></ns2:Signature>");
        let signature = genuine.signature.replace("</ns2:Signature>", &object);
        refused("XSW1 with an object", &genuine, evil_response(&genuine, &signature), MALFORMED);
    }
}

#[test]
fn xsw_2_the_signed_response_is_beside_the_signature() {
    for name in ["response", "both"] {
        let genuine = Genuine::read(name);
        let original = bare(&genuine).replace(&genuine.signature, "");
        for wrapped in
            [format!("{original}{}", genuine.signature), format!("{}{original}", genuine.signature)]
        {
            refused("XSW2", &genuine, evil_response(&genuine, &wrapped), MALFORMED);
        }
        // With its signature inside, as it was.
        refused("XSW2, whole", &genuine, evil_response(&genuine, &bare(&genuine)), MALFORMED);
    }
}

#[test]
fn xsw_3_the_attackers_assertion_comes_before_the_signed_one() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let evil = genuine.evil_assertion();
        let signed = &genuine.assertion;
        refused("XSW3", &genuine, genuine.replace(signed, &format!("{evil}{signed}")), expected(name));
        refused("XSW3, after", &genuine, genuine.replace(signed, &format!("{signed}{evil}")), expected(name));
        let same_id = with_id(&evil, id_of(signed));
        refused("XSW3, same id", &genuine, genuine.replace(signed, &format!("{same_id}{signed}")), MALFORMED);
    }
}

/// With a signature around all, that one may be found wrong first.
fn expected(name: &str) -> &'static [Refusal] {
    if name == "both" { &[Refusal::Malformed, Refusal::Signature] } else { MALFORMED }
}

fn id_of(element: &str) -> &str {
    element.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0
}

#[test]
fn xsw_4_the_signed_assertion_is_inside_the_attackers() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let signed = &genuine.assertion;
        let evil = genuine.evil_assertion();
        let at_end = evil.replace("</ns1:Assertion>", &format!("{signed}</ns1:Assertion>"));
        refused("XSW4", &genuine, genuine.replace(signed, &at_end), expected(name));
        let first = evil.replacen("<ns1:Issuer", &format!("{signed}<ns1:Issuer"), 1);
        refused("XSW4, first", &genuine, genuine.replace(signed, &first), expected(name));
    }
}

#[test]
fn xsw_5_the_attackers_assertion_has_the_signature_and_the_original_comes_last() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let original = genuine.assertion.replace(&genuine.inner_signature, "");
        let evil = signed_evil(&genuine, &genuine.inner_signature);
        let wrapped = format!("{evil}{original}");
        refused("XSW5", &genuine, genuine.replace(&genuine.assertion, &wrapped), expected(name));
    }
}

/// The attacker's assertion, with this signature where one belongs.
fn signed_evil(genuine: &Genuine, signature: &str) -> String {
    genuine.evil_assertion().replacen("</ns1:Issuer>", &format!("</ns1:Issuer>{signature}"), 1)
}

#[test]
fn xsw_6_the_original_is_inside_the_signature_of_the_attackers_assertion() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let original = genuine.assertion.replace(&genuine.inner_signature, "");
        for inside in [original.clone(), format!("<ns2:Object>{original}</ns2:Object>")] {
            let signature =
                genuine.inner_signature.replace("</ns2:Signature>", &format!("{inside}</ns2:Signature>"));
            let wrapped = signed_evil(&genuine, &signature);
            refused("XSW6", &genuine, genuine.replace(&genuine.assertion, &wrapped), expected(name));
        }
    }
}

#[test]
fn xsw_7_the_attackers_assertion_is_in_extensions() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let evil = genuine.evil_assertion();
        let extensions = format!("<ns0:Extensions>{evil}</ns0:Extensions>");
        let attack = genuine.replace("<ns0:Status>", &format!("{extensions}<ns0:Status>"));
        refused("XSW7", &genuine, attack, expected(name));
        // The other way round.
        let hidden = format!("<ns0:Extensions>{}</ns0:Extensions><ns0:Status>", genuine.assertion);
        let attack = genuine.text.replace(&genuine.assertion, &evil).replacen("<ns0:Status>", &hidden, 1);
        refused("XSW7, the original", &genuine, attack, expected(name));
    }
}

#[test]
fn xsw_8_the_original_is_in_an_object_of_the_signature() {
    for name in ["assertion", "both"] {
        let genuine = Genuine::read(name);
        let original = genuine.assertion.replace(&genuine.inner_signature, "");
        let object = format!("<ns2:Object>{original}</ns2:Object><ns2:KeyInfo>");
        let signature = genuine.inner_signature.replacen("<ns2:KeyInfo>", &object, 1);
        let wrapped = signed_evil(&genuine, &signature);
        refused("XSW8", &genuine, genuine.replace(&genuine.assertion, &wrapped), expected(name));
    }
}

/// Every place of a response that can hold elements, and a text it begins with.
const PLACES: [(&str, &str); 9] = [
    ("status", "<ns0:StatusCode"),
    ("issuer", "</ns1:Issuer>"),
    ("subject", "<ns1:NameID"),
    ("confirmation", "<ns1:SubjectConfirmationData"),
    ("conditions", "<ns1:AudienceRestriction"),
    ("statement", "<ns1:AuthnContext>"),
    ("attribute value", "</ns1:AttributeValue>"),
    ("key", "<ns2:X509Data>"),
    ("signed info", "<ns2:Reference"),
];

#[test]
fn an_assertion_may_be_nowhere_else() {
    let genuine = Genuine::read("assertion");
    for (place, before) in PLACES {
        // What is signed is put there, and the attacker's in its place.
        let evil = signed_evil(&genuine, &genuine.inner_signature);
        let hidden = format!("{}{before}", genuine.assertion);
        let attack = genuine.text.replace(&genuine.assertion, &evil).replacen(before, &hidden, 1);
        refused(place, &genuine, attack, MALFORMED);
    }
    let advice = format!("<ns1:Advice>{}</ns1:Advice><ns1:AuthnStatement", genuine.assertion);
    let evil = genuine.evil_assertion().replacen("<ns1:AuthnStatement", &advice, 1);
    refused("advice", &genuine, genuine.text.replace(&genuine.assertion, &evil), MALFORMED);
}

#[test]
fn a_signature_may_be_nowhere_else() {
    let genuine = Genuine::read("assertion");
    for (place, before) in PLACES {
        let moved = genuine.assertion.replace(&genuine.inner_signature, "");
        if !moved.contains(before) {
            continue;
        }
        let moved = moved.replacen(before, &format!("{}{before}", genuine.inner_signature), 1);
        refused(place, &genuine, genuine.text.replace(&genuine.assertion, &moved), MALFORMED);
    }
    // The assertion's signature on the response, which it does not sign.
    let bare = genuine.text.replace(&genuine.inner_signature, "");
    let moved = bare.replacen("</ns1:Issuer>", &format!("</ns1:Issuer>{}", genuine.inner_signature), 1);
    refused("the response", &genuine, moved, SIGNATURE);
}

#[test]
fn a_response_holds_no_response_and_no_second_assertion() {
    let genuine = Genuine::read("both");
    let nested = genuine.text.replace("</ns0:Response>", &format!("{}</ns0:Response>", bare(&genuine)));
    refused("a response in a response", &genuine, nested, MALFORMED);
    let genuine = Genuine::read("assertion");
    let twice = genuine.replace(&genuine.assertion, &format!("{0}{0}", genuine.assertion));
    refused("the same assertion twice", &genuine, twice, MALFORMED);
    let encrypted = crate::parties::vector("genuine/encrypted-aes256-gcm.xml");
    let encrypted = super::element(&encrypted, "ns1:EncryptedAssertion");
    assert!(!encrypted.is_empty());
    let beside = genuine.replace(&genuine.assertion, &format!("{encrypted}{}", genuine.assertion));
    refused("an encrypted one beside it", &genuine, beside, MALFORMED);
}
