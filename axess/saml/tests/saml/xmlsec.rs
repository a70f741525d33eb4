//! xmlsec1 verifies what we sign, and signs what we verify.

use crate::{
    attacks::{Refusal, element, refusal},
    keys::pair,
    parties::{NOW, config, config_with_keys, judge, run, vector},
};
use axess_factors::federated::{
    FederationError, FederationOptions, FederationProvider, LogoutHint, Redirection,
};
use axess_peers::{find_program, skip};
use axess_rng::MockRng;
use axess_saml::{IdpSource, SamlBinding, SamlConfig, SamlProvider};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{fs, path::Path, process::Command};

/// Runs xmlsec1; what it printed, or what it complained about.
fn xmlsec(args: &[&str], file: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new(find_program("xmlsec1").unwrap()).args(args).arg(file).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(output.stdout) } else { Err(complaint) }
}

pub(crate) fn is_missing(test: &str) -> bool {
    let is_missing = find_program("xmlsec1").is_none() || find_program("openssl").is_none();
    if is_missing {
        skip(test, "no xmlsec1, or no openssl");
    }
    is_missing
}

#[test]
fn xmlsec1_verifies_what_we_sign() {
    if is_missing("saml: what we sign") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["sp", "p256", "p384"] {
        let changed = SamlConfig {
            signing_key: Some(pair(name).key()),
            request_binding: SamlBinding::Post,
            authn_contexts: vec!["urn:a & <b>\t\"c\"".into()],
            ..config_with_keys()
        };
        let provider = SamlProvider::new(changed).unwrap();
        let rng = MockRng::new(5);
        let context = crate::parties::context(&rng, *NOW);
        let request = run(provider.begin(&FederationOptions::default(), context)).unwrap();
        let Redirection::Post { fields, .. } = request.redirection else { panic!("no form") };
        let request = STANDARD.decode(&fields[0].1).unwrap();
        let hint = LogoutHint {
            subject: "\u{e4} & <b>".into(),
            session_id: Some("1".into()),
            id_token: None,
            post_logout_redirect_uri: None,
            state: None,
        };
        // The explicit configuration logs out by redirect, so the form comes from metadata.
        let idp = IdpSource::metadata(vector("genuine/metadata.xml"));
        let by_form = SamlConfig {
            idp,
            signing_key: Some(pair(name).key()),
            request_binding: SamlBinding::Post,
            ..config_with_keys()
        };
        let logout = run(SamlProvider::new(by_form).unwrap().begin_logout(&hint, context)).unwrap().unwrap();
        let Redirection::Post { fields, .. } = logout else { panic!("no form") };
        let logout = STANDARD.decode(&fields[0].1).unwrap();
        let metadata = provider.metadata(&rng).unwrap();
        for (element, bytes) in [
            ("urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest", request),
            ("urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest", logout),
            ("urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor", metadata),
        ] {
            let file = folder.path().join("signed.xml");
            let pem = pair(name).certificate_file;
            let args = ["--verify", "--pubkey-cert-pem", pem.to_str().unwrap(), "--id-attr:ID", element];
            fs::write(&file, &bytes).unwrap();
            xmlsec(&args, &file).unwrap_or_else(|error| panic!("{name} {element}: {error}"));
            let text = String::from_utf8(bytes).unwrap();
            fs::write(
                &file,
                text.replace("Version=\"2.0\"", "Version=\"2.1\"").replace("isDefault=\"true\"", ""),
            )
            .unwrap();
            assert!(xmlsec(&args, &file).is_err(), "xmlsec1 verifies anything");
        }
    }
}

/// How a response is to be signed.
struct Signing<'a> {
    key: &'a str,
    algorithm: &'a str,
    digest: &'a str,
    canonicalisation: &'a str,
    inside: &'a str,
}

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

const USUAL: Signing<'static> =
    Signing { key: "idp", algorithm: RSA_SHA256, digest: SHA256, canonicalisation: EXCLUSIVE, inside: "" };

/// Signs the assertion of an unsigned response in the usual way.
pub(crate) fn usually_signed(text: &str) -> String {
    signed(text, &USUAL)
}

/// Signs the assertion of an unsigned response, by a template for xmlsec1.
fn signed(text: &str, signing: &Signing<'_>) -> String {
    let Signing { key, algorithm, digest, canonicalisation, inside } = signing;
    let (_, after) = text.split_once("<ns1:Assertion ").unwrap();
    let id = after.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0;
    let method = |name: &str| format!("<ds:{name} Algorithm=\"{canonicalisation}\">{inside}</ds:{name}>");
    let template = format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>{}<ds:SignatureMethod \
         Algorithm=\"{algorithm}\"/><ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform \
         Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>{}</ds:Transforms><ds:DigestMethod \
         Algorithm=\"{digest}\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>",
        method("CanonicalizationMethod"),
        method("Transform"),
    );
    let at = text.rfind("</ns1:Issuer>").unwrap() + "</ns1:Issuer>".len();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("response.xml");
    fs::write(&file, format!("{}{template}{}", &text[..at], &text[at..])).unwrap();
    let key = pair(key).key_file;
    let element = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion";
    let args = ["--sign", "--privkey-pem", key.to_str().unwrap(), "--id-attr:ID", element];
    String::from_utf8(xmlsec(&args, &file).unwrap()).unwrap()
}

/// A service provider that trusts one certificate.
fn trusting(name: &str) -> SamlProvider {
    let IdpSource::Explicit { entity_id, sso_url, slo_url, .. } = config().idp else {
        panic!("no explicit one")
    };
    let idp =
        IdpSource::Explicit { entity_id, sso_url, slo_url, certificates: vec![pair(name).certificate()] };
    SamlProvider::new(SamlConfig { idp, ..config() }).unwrap()
}

#[test]
fn we_verify_what_xmlsec1_signs() {
    if is_missing("saml: what xmlsec1 signs") {
        return;
    }
    let more = |name: &str| format!("http://www.w3.org/2001/04/xmldsig-more#{name}");
    let (sha384, sha512) = (more("sha384"), "http://www.w3.org/2001/04/xmlenc#sha512".to_owned());
    let unsigned = vector("genuine/unsigned.xml");
    for (key, algorithm, digest) in [
        ("idp", more("rsa-sha256"), SHA256),
        ("idp", more("rsa-sha384"), &sha384),
        ("idp", more("rsa-sha512"), &sha512),
        ("p256", more("ecdsa-sha256"), SHA256),
        ("p384", more("ecdsa-sha384"), &sha384),
    ] {
        let text = signed(&unsigned, &Signing { key, algorithm: &algorithm, digest, ..USUAL });
        let identity =
            judge(&trusting(key), &text).unwrap_or_else(|error| panic!("{key} {algorithm}: {error}"));
        assert_eq!(identity.subject, "alice-id");
        let evil = text.replace("alice-id", "admin-id");
        assert!(matches!(judge(&trusting(key), evil), Err(FederationError::SignatureInvalid)));
        let error = judge(&trusting("other"), &text).unwrap_err();
        assert!(matches!(error, FederationError::SignatureInvalid), "{error}");
    }
}

#[test]
fn white_space_around_a_name_is_part_of_it() {
    if is_missing("saml: names with white space") {
        return;
    }
    let unsigned = vector("genuine/unsigned.xml");
    for name in ["alice-id ", " alice-id", "\nalice-id\n", "alice-id&#x9;", "alice-id&#xA0; "] {
        let judged = judge(&trusting("idp"), usually_signed(&unsigned.replace("alice-id", name)));
        assert!(matches!(judged, Err(FederationError::Malformed { .. })), "{name:?}: {judged:?}");
    }
    // A group or a subject that an attribute names is compared as it is.
    let text = usually_signed(&unsigned.replace("Alice A.", " Alice A. "));
    let identity = judge(&trusting("idp"), text).unwrap();
    assert!(
        identity.attributes.values().any(|values| values[0] == " Alice A. "),
        "{:?}",
        identity.attributes
    );
}

#[test]
fn canonicalisation_agrees_on_what_is_awkward() {
    if is_missing("saml: canonicalisation") {
        return;
    }
    let unsigned = vector("genuine/unsigned.xml");
    let xsi = "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"xs xsi #default\"/>";
    let values = [
        ("plain", "Alice A."),
        ("entities", "a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos; &#x41;&#66; &#xD;&#10;&#9;"),
        ("other scripts", "\u{e4}\u{4e2d}\u{1f600}"),
        ("lines", " a\n\tb\r\n c "),
    ];
    for (name, value) in values {
        for inside in ["", xsi] {
            let text = unsigned
                .replace("Alice A.", value)
                .replace("<ns0:Response ", "<ns0:Response xmlns=\"urn:default\" xmlns:unused=\"urn:u\" ")
                .replace("<ns1:Assertion ", "<ns1:Assertion xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ")
                .replace("<ns1:Attribute ", "<ns1:Attribute  z:b=\"1&#10;&#9;\n&amp;&lt;&quot;>\" a:z='2\"' xmlns:a=\"urn:y\"\n xmlns:z=\"urn:x\" ")
                .replace("<ns1:Subject>", "<ns1:Subject><x xmlns=\"\"/><y xmlns=\"urn:other\"><z xmlns=\"\"/></y>");
            let text = signed(&text, &Signing { inside, ..USUAL });
            let judged = judge(&trusting("idp"), &text);
            assert!(judged.is_ok(), "{name} {inside}: {:?}", judged.map(|identity| identity.subject));
        }
    }
}

#[test]
fn what_is_signed_well_but_weakly_is_refused() {
    if is_missing("saml: weak signatures") {
        return;
    }
    let unsigned = vector("genuine/unsigned.xml");
    assert!(judge(&trusting("idp"), signed(&unsigned, &USUAL)).is_ok());
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    let rsa_sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    for weak in [
        Signing { algorithm: rsa_sha1, ..USUAL },
        Signing { digest: sha1, ..USUAL },
        Signing { canonicalisation: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", ..USUAL },
        Signing { canonicalisation: "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", ..USUAL },
    ] {
        let judged = judge(&trusting("idp"), signed(&unsigned, &weak));
        assert!(matches!(judged, Err(FederationError::AlgorithmRefused)));
    }
    // 1024 bits: whoever names such a key is told at once (see `configuration`).
    let judged = judge(&trusting("idp"), signed(&unsigned, &Signing { key: "weak", ..USUAL }));
    assert!(matches!(judged, Err(FederationError::SignatureInvalid)));
}

#[test]
fn a_certificate_that_comes_along_is_not_trusted() {
    if is_missing("saml: an embedded certificate") {
        return;
    }
    // Signed by somebody else, with their certificate beside it.
    let text = signed(&vector("genuine/unsigned.xml"), &Signing { key: "other", ..USUAL });
    let lines = pair("other").certificate();
    let bare: String = lines
        .lines()
        .skip_while(|line| !line.contains("BEGIN CERT"))
        .filter(|line| !line.starts_with('-'))
        .collect();
    let info = format!(
        "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{bare}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo>"
    );
    let text = text.replace("</ds:SignatureValue>", &info);
    assert!(judge(&trusting("other"), &text).is_ok(), "it is signed");
    assert!(matches!(judge(&trusting("idp"), &text), Err(FederationError::SignatureInvalid)));
}

/// The text with another value for an attribute of the last start tag that begins like that.
fn with(text: &str, tag: &str, attribute: &str, value: &str) -> String {
    let at = text.rfind(tag).unwrap();
    let start = at + text[at..].find(&format!(" {attribute}=\"")).unwrap() + attribute.len() + 3;
    let end = start + text[start..].find('"').unwrap();
    format!("{}{value}{}", &text[..start], &text[end..])
}

#[test]
fn what_is_signed_well_but_says_something_wrong_is_refused() {
    if is_missing("saml: wrong statements") {
        return;
    }
    let unsigned = vector("genuine/unsigned.xml");
    assert!(judge(&trusting("idp"), signed(&unsigned, &USUAL)).is_ok());
    let (past, future) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let assertion = element(&unsigned, "ns1:Assertion");
    let of_another = assertion.replace(">https://idp.example.test/metadata<", ">https://other.example.test<");
    let without = |part: &str| unsigned.replace(&element(&unsigned, part), "");
    let before = |place: &str, what: &str| unsigned.replace(place, &format!("{what}{place}"));
    for (name, text, expected) in [
        ("no audience", without("ns1:AudienceRestriction"), Refusal::Audience),
        ("conditions are over", with(&unsigned, "<ns1:Conditions", "NotOnOrAfter", past), Refusal::TooOld),
        ("conditions begin", with(&unsigned, "<ns1:Conditions", "NotBefore", future), Refusal::NotYetValid),
        ("a condition", before("<ns1:AudienceRestriction>", "<ns1:Condition/>"), Refusal::Malformed),
        ("no conditions", without("ns1:Conditions"), Refusal::Malformed),
        ("another part", before("<ns1:AuthnStatement", "<ns1:Advice/>"), Refusal::Malformed),
        ("another issuer", unsigned.replace(&assertion, &of_another), Refusal::Issuer),
        ("no session", with(&unsigned, "<ns1:AuthnStatement", "SessionNotOnOrAfter", past), Refusal::TooOld),
        (
            "a later login",
            with(&unsigned, "<ns1:AuthnStatement", "AuthnInstant", future),
            Refusal::NotYetValid,
        ),
        ("no login", without("ns1:AuthnStatement"), Refusal::Malformed),
        ("issued later", with(&unsigned, "<ns1:Assertion ", "IssueInstant", future), Refusal::NotYetValid),
        ("no bearer", unsigned.replace("cm:bearer", "cm:sender-vouches"), Refusal::Malformed),
        ("over", with(&unsigned, "<ns1:SubjectConfirmationData", "NotOnOrAfter", past), Refusal::TooOld),
        ("version", with(&unsigned, "<ns1:Assertion ", "Version", "1.1"), Refusal::Malformed),
    ] {
        let error =
            judge(&trusting("idp"), signed(&text, &USUAL)).map(|identity| identity.subject).unwrap_err();
        assert_eq!(refusal(&error), Some(expected), "{name}: {error}");
    }
}

#[test]
fn a_name_of_another_format_is_not_taken_for_the_one_that_was_asked_for() {
    if is_missing("saml: formats of names") {
        return;
    }
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    let unsigned = vector("genuine/unsigned.xml");
    let of = |format: &str, wanted: bool| {
        let named = unsigned.replace(&format!(" Format=\"{persistent}\""), format);
        assert_eq!(named != unsigned, !format.contains(persistent), "{format}");
        let IdpSource::Explicit { entity_id, sso_url, slo_url, .. } = config().idp else {
            panic!("no explicit one")
        };
        let certificates = vec![pair("idp").certificate()];
        let idp = IdpSource::Explicit { entity_id, sso_url, slo_url, certificates };
        let name_id_format = wanted.then(|| persistent.to_owned());
        let provider = SamlProvider::new(SamlConfig { idp, name_id_format, ..config() }).unwrap();
        judge(&provider, usually_signed(&named)).map(|identity| identity.subject)
    };
    assert_eq!(of(&format!(" Format=\"{persistent}\""), true).unwrap(), "alice-id");
    for other in [
        "",
        " Format=\"\"",
        " Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\"",
        " Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\"",
        " Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\"",
        " Format=\"URN:oasis:names:tc:SAML:2.0:nameid-format:persistent\"",
    ] {
        assert_eq!(of(other, false).unwrap(), "alice-id", "without a wish: {other}");
        let error = of(other, true).unwrap_err();
        assert!(matches!(error, FederationError::WeakerThanConfigured { .. }), "{other}: {error}");
    }
    let transient = " Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\"";
    for wanted in [false, true] {
        let error = of(transient, wanted).unwrap_err();
        assert!(matches!(error, FederationError::Malformed { .. }), "{error}");
    }
}
