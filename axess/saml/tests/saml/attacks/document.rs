//! Documents that two parsers read differently, or that are there to exhaust one.

use super::{Genuine, Refusal, refused};

const MALFORMED: &[Refusal] = &[Refusal::Malformed];

#[test]
fn a_name_is_one_text() {
    for name in ["both", "assertion"] {
        let genuine = Genuine::read(name);
        for split in [
            "admin<!-- -->alice-id",
            "alice-id<!---->",
            "<!--x-->alice-id",
            "alice<?x?>-id",
            "<![CDATA[alice-id]]>",
        ] {
            refused(split, &genuine, genuine.replace(">alice-id<", &format!(">{split}<")), MALFORMED);
        }
        let nested = ">alice-id<ns1:NameID>admin</ns1:NameID><";
        let expected = [Refusal::Malformed, Refusal::Signature];
        refused("a name in a name", &genuine, genuine.replace(">alice-id<", nested), &expected);
        // A comment that is signed over is dropped by canonicalisation: nobody notices but the parser.
        for place in ["<ns0:Status>", "<ns1:Subject>", "<ns1:Conditions "] {
            let comment = format!("<!-- -->{place}");
            refused("a comment", &genuine, genuine.replace(place, &comment), MALFORMED);
        }
    }
}

/// The declaration of the genuine responses.
const DECLARATION: &str = "<?xml version=\"1.0\"?>";

#[test]
fn there_are_no_document_types_and_no_entities() {
    let genuine = Genuine::read("both");
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    for doctype in [
        "<!DOCTYPE Response>",
        "<!DOCTYPE Response SYSTEM \"http://127.0.0.1:9/evil.dtd\">",
        "<!DOCTYPE Response [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE Response [<!ENTITY % x SYSTEM \"http://127.0.0.1:9/x\"> %x;]>",
        "<!DOCTYPE Response [<!ATTLIST Assertion Id ID #IMPLIED>]>",
        &format!("<!DOCTYPE Response [<!ENTITY l0 \"lol\">{laughs}]>"),
    ] {
        for after in ["", "\n"] {
            let attack = genuine.replace(DECLARATION, &format!("{DECLARATION}{after}{doctype}"));
            refused(doctype, &genuine, attack.replace(">alice-id<", ">&x;<"), MALFORMED);
            refused(doctype, &genuine, genuine.text.replace(DECLARATION, doctype), MALFORMED);
        }
    }
    for entity in
        ["&x;", "&nbsp;", "&#0;", "&#xFFFE;", "&#xD800;", "&#x110000;", "&#+65;", "&#x;", "&", "&amp"]
    {
        let attack = genuine.replace(">alice-id<", &format!(">{entity}<"));
        refused(entity, &genuine, attack, MALFORMED);
    }
}

#[test]
fn namespaces_are_what_they_are_said_to_be() {
    let genuine = Genuine::read("assertion");
    for (from, to) in [
        // The prefixes stand for something else.
        (
            "xmlns:ns1=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
            "xmlns:ns1=\"urn:oasis:names:tc:SAML:2.0:evil\"",
        ),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:ns1=\"urn:evil\" "),
        ("<ns2:SignedInfo>", "<ns2:SignedInfo xmlns:ns2=\"urn:evil\">"),
        // Twice the same, once with another prefix.
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:a=\"urn:x\" xmlns:b=\"urn:x\" a:i=\"1\" b:i=\"2\" "),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:a=\"urn:x\" xmlns:a=\"urn:x\" "),
        // What cannot be declared.
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:xml=\"urn:x\" "),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:x=\"http://www.w3.org/XML/1998/namespace\" "),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:xmlns=\"urn:x\" "),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:x=\"http://www.w3.org/2000/xmlns/\" "),
        ("<ns1:Assertion ", "<ns1:Assertion xmlns:x=\"\" "),
        // Never declared.
        ("<ns1:NameID ", "<ns9:NameID "),
        ("<ns1:NameID ", "<ns1:NameID ns9:x=\"\" "),
        // Ids that only some readers see.
        (" ID=\"", " ID=\"_a\" ID=\""),
        (" ID=\"", " ns0:ID=\"_a\" xml:id=\"_b\" Id=\"_c\" id=\"_c\" ID=\""),
    ] {
        refused(to, &genuine, genuine.replace(from, to), &[Refusal::Malformed, Refusal::Signature]);
    }
    // Names with more than one colon, or none of ASCII.
    for name in ["ns1:a:NameID", ":NameID", "ns1:", "ns1:N\u{e4}me", "1:NameID"] {
        let attack = genuine.text.replace("ns1:NameID", name);
        refused(name, &genuine, attack, MALFORMED);
    }
}

#[test]
fn a_document_is_utf_8() {
    let genuine = Genuine::read("both");
    let utf16 = |big: bool| -> Vec<u8> {
        let units = genuine
            .text
            .encode_utf16()
            .flat_map(move |unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        let mark: [u8; 2] = if big { [0xfe, 0xff] } else { [0xff, 0xfe] };
        mark.into_iter().chain(units).collect()
    };
    refused("UTF-16BE", &genuine, utf16(true), MALFORMED);
    refused("UTF-16LE", &genuine, utf16(false), MALFORMED);
    for encoding in ["UTF-16", "UTF-7", "ISO-8859-1", "windows-1252", "EBCDIC-CP-US", ""] {
        let declared = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>");
        refused(encoding, &genuine, genuine.replace(DECLARATION, &declared), MALFORMED);
    }
    for declaration in [
        "<?xml version=\"1.1\"?>",
        "<?xml?>",
        "<?xml encoding=\"UTF-8\"?>",
        "<?xml version=\"1.0\" version=\"1.0\"?>",
        "<?xml version=\"1.0\" standalone=\"maybe\"?>",
        "<?xml version=\"1.0\" other=\"\"?>",
        "<?php echo 1 ?>",
        " <?xml version=\"1.0\"?>",
        "\u{feff}<?xml version=\"1.0\"?>",
    ] {
        refused(declaration, &genuine, genuine.replace(DECLARATION, declaration), MALFORMED);
    }
    for bytes in [&b"\xff"[..], b"\xc0\xbc", b"\xed\xa0\x80", b"\0", b"\x0b", b"\xef\xbf\xbf"] {
        let at = genuine.text.find("alice-id").unwrap();
        let attack = [&genuine.text.as_bytes()[..at], bytes, &genuine.text.as_bytes()[at..]].concat();
        refused("bytes that are no text", &genuine, attack, MALFORMED);
    }
}

#[test]
fn a_document_ends_with_its_element() {
    let genuine = Genuine::read("both");
    for after in ["<a/>", "x", "<!-- -->", "<?x?>", "</ns0:Response>", "&amp;", "\0"] {
        refused(after, &genuine, format!("{}{after}", genuine.text), MALFORMED);
    }
    for cut in [0, 1, genuine.text.len() / 2, genuine.text.trim_end().len() - 1] {
        refused("cut off", &genuine, &genuine.text[..cut], MALFORMED);
    }
    refused(
        "no tag ends as it began",
        &genuine,
        genuine.text.replace("</ns1:NameID>", "</ns0:NameID>"),
        MALFORMED,
    );
    refused(
        "text between",
        &genuine,
        genuine.replace("<ns0:Status>", "x<ns0:Status>"),
        &[Refusal::Malformed, Refusal::Signature],
    );
}

#[test]
fn a_document_is_not_too_much() {
    let genuine = Genuine::read("both");
    let place = "<ns0:Status>";
    let filled = |what: String| genuine.replace(place, &format!("{what}{place}"));
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    refused("deep", &genuine, filled(deep), MALFORMED);
    refused("many", &genuine, filled("<a/>".repeat(30_000)), MALFORMED);
    let attributes: String = (0..1_000).map(|n| format!(" a{n}=\"\"")).collect();
    refused("attributes", &genuine, filled(format!("<a{attributes}/>")), MALFORMED);
    let bindings: String = (0..60).map(|n| format!(" xmlns:a{n}=\"urn:{n}\"")).collect();
    refused("namespaces", &genuine, filled(format!("<a{bindings}><a{bindings}/></a>")), MALFORMED);
    refused("a name", &genuine, filled(format!("<{}/>", "a".repeat(1_000))), MALFORMED);
    refused("half a megabyte", &genuine, filled(" ".repeat(512 * 1024)), MALFORMED);
}
