//! Signatures left out, bent, or made of two.

use super::{Genuine, Refusal, refused};

const MALFORMED: &[Refusal] = &[Refusal::Malformed];
const SIGNATURE: &[Refusal] = &[Refusal::Signature];
const ALGORITHM: &[Refusal] = &[Refusal::Algorithm];

#[test]
fn a_signature_that_is_left_out_is_missed() {
    for name in ["both", "assertion", "response"] {
        let genuine = Genuine::read(name);
        let none = genuine.text.replace(&genuine.signature, "");
        let none = if genuine.inner_signature.is_empty() {
            none
        } else {
            none.replace(&genuine.inner_signature, "")
        };
        refused("signature exclusion", &genuine, &none, SIGNATURE);
        refused("and somebody else", &genuine, none.replace("alice", "admin"), SIGNATURE);
    }
}

#[test]
fn a_signature_without_parts_is_none() {
    let genuine = Genuine::read("assertion");
    let signature = &genuine.inner_signature;
    for empty in [
        "<ns2:Signature/>",
        "<ns2:Signature><ns2:SignedInfo/><ns2:SignatureValue/></ns2:Signature>",
        "<ns2:Signature><ns2:SignatureValue></ns2:SignatureValue></ns2:Signature>",
    ] {
        refused(empty, &genuine, genuine.replace(signature, empty), MALFORMED);
    }
    for part in ["ns2:SignedInfo", "ns2:SignatureValue"] {
        let part = super::element(signature, part);
        refused("a part is missing", &genuine, genuine.replace(&part, ""), MALFORMED);
    }
    let value = super::element(signature, "ns2:SignatureValue");
    let empty = "<ns2:SignatureValue></ns2:SignatureValue>";
    refused("an empty value", &genuine, genuine.replace(&value, empty), SIGNATURE);
}

#[test]
fn methods_hold_nothing() {
    let genuine = Genuine::read("assertion");
    for part in ["DigestMethod", "SignatureMethod"] {
        let name = format!("ns2:{part}");
        let method = super::element(&genuine.inner_signature, &name);
        let open = method.split_once('>').unwrap().0.trim_end_matches('/');
        let full = format!("{open}><x/></{name}>");
        refused(part, &genuine, genuine.replace(&method, &full), ALGORITHM);
    }
}

#[test]
fn there_is_one_of_everything_in_a_signature() {
    let genuine = Genuine::read("assertion");
    for part in [
        "SignedInfo",
        "SignatureValue",
        "Reference",
        "DigestValue",
        "DigestMethod",
        "Transforms",
        "SignatureMethod",
    ] {
        let name = format!("ns2:{part}");
        let original = super::element(&genuine.inner_signature, &name);
        let digest = super::element(&genuine.inner_signature, "ns2:DigestValue");
        let evil = original.replace(&digest, "<ns2:DigestValue>AAAA</ns2:DigestValue>");
        for both in [format!("{original}{evil}"), format!("{evil}{original}")] {
            refused(part, &genuine, genuine.replace(&original, &both), MALFORMED);
        }
    }
}

#[test]
fn a_digest_is_one_text() {
    // CVE-2025-29774, CVE-2025-29775.
    let genuine = Genuine::read("assertion");
    let digest = super::element(&genuine.inner_signature, "ns2:DigestValue");
    let value = digest.split_once('>').unwrap().1.split_once('<').unwrap().0;
    for split in [
        format!("<!--AAAA-->{value}"),
        format!("{value}<!---->"),
        format!("AAAA<!--{value}-->"),
        format!("<?x?>{value}"),
        format!("<![CDATA[{value}]]>"),
        format!("<ns2:x>AAAA</ns2:x>{value}"),
        format!("{value}<ns2:x/>"),
    ] {
        let changed = format!("<ns2:DigestValue>{split}</ns2:DigestValue>");
        refused(
            &split,
            &genuine,
            genuine.replace(&digest, &changed),
            &[Refusal::Malformed, Refusal::Signature],
        );
    }
}

#[test]
fn algorithms_are_fixed() {
    let genuine = Genuine::read("assertion");
    let rsa = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    for other in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
        "none",
        "",
    ] {
        refused(other, &genuine, genuine.replace(rsa, other), ALGORITHM);
    }
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    for other in ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5", ""]
    {
        refused(other, &genuine, genuine.replace(sha256, other), ALGORITHM);
    }
    let ecdsa = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    refused("another kind of key", &genuine, genuine.replace(rsa, ecdsa), SIGNATURE);
}

#[test]
fn transforms_are_the_two() {
    let genuine = Genuine::read("assertion");
    let exclusive = "<ns2:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let enveloped = "<ns2:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let xslt = "<ns2:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><x:stylesheet \
                xmlns:x=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"/></ns2:Transform>";
    let xpath = "<ns2:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ns2:XPath>not(//x)\
                 </ns2:XPath></ns2:Transform>";
    for other in [
        "<ns2:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"/>",
        "<ns2:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>",
        "<ns2:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"/>",
        "<ns2:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>",
        xslt,
        xpath,
    ] {
        refused(other, &genuine, genuine.replace(exclusive, other), ALGORITHM);
        refused(other, &genuine, genuine.replace(enveloped, other), ALGORITHM);
        let three = format!("{exclusive}{other}");
        refused("three transforms", &genuine, genuine.replace(exclusive, &three), MALFORMED);
    }
    refused("no enveloped", &genuine, genuine.replace(enveloped, ""), MALFORMED);
    let swapped = genuine.replace(&format!("{enveloped}{exclusive}"), &format!("{exclusive}{enveloped}"));
    refused("the wrong order", &genuine, swapped, ALGORITHM);
    let method = "<ns2:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let inclusive = method.replace("2001/10/xml-exc-c14n#", "TR/2001/REC-xml-c14n-20010315");
    refused("canonicalisation", &genuine, genuine.replace(method, &inclusive), ALGORITHM);
}

#[test]
fn a_reference_is_to_the_element_that_carries_it() {
    let genuine = Genuine::read("assertion");
    let id = genuine.assertion.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0;
    let reference = format!("URI=\"#{id}\"");
    for other in [
        "URI=\"\"".to_owned(),
        "URI=\"#\"".to_owned(),
        "URI=\"#_other\"".to_owned(),
        String::new(),
        format!("URI=\"{id}\""),
        format!("URI=\"#xpointer(id('{id}'))\""),
        "URI=\"#xpointer(/)\"".to_owned(),
        "URI=\"http://evil.example/signed.xml\"".to_owned(),
        "URI=\"file:///etc/passwd\"".to_owned(),
    ] {
        refused(&other, &genuine, genuine.replace(&reference, &other), SIGNATURE);
    }
}

#[test]
fn void_canonicalisation_signs_nothing() {
    // Libraries that fail at a relative namespace name digest an empty text.
    let genuine = Genuine::read("assertion");
    for place in ["<ns0:Response ", "<ns1:Assertion ", "<ns2:SignedInfo", "<ns2:Signature ", "<ns1:NameID "] {
        for name in ["1", "../a", "a", ""] {
            let declared = place.trim_end().to_owned() + &format!(" xmlns:v=\"{name}\" ");
            refused(place, &genuine, genuine.replace(place, &declared), MALFORMED);
        }
    }
    let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let digest = super::element(&genuine.inner_signature, "ns2:DigestValue");
    let void = format!("<ns2:DigestValue>{empty}</ns2:DigestValue>");
    refused("the digest of nothing", &genuine, genuine.replace(&digest, &void), SIGNATURE);
}

#[test]
fn what_is_signed_cannot_be_changed() {
    for name in ["both", "assertion", "response"] {
        let genuine = Genuine::read(name);
        for (from, to) in [
            ("alice-id", "admin-id"),
            ("alice@example.test", "admin@example.test"),
            (">admins<", ">owners<"),
            ("PasswordProtectedTransport", "Smartcard"),
            (
                "https://sp.example.test/metadata</ns1:Audience>",
                "https://sp.example.test/metadatas</ns1:Audience>",
            ),
            (" ID=\"", " xml:lang=\"en\" ID=\""),
            ("<ns1:NameID ", "<ns1:NameID NameQualifier=\"x\" "),
        ] {
            let changed = genuine.text.replace(from, to);
            let expected = [Refusal::Signature];
            // Outside of what is signed nothing needs to be noticed.
            if name != "assertion" || !from.contains(" ID") {
                refused(from, &genuine, changed, &expected);
            }
        }
    }
}
