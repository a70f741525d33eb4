//! What messages about logouts say: each is signed by the identity provider, and not each is obeyed.

use crate::{
    browser::callback_of,
    keys::{are_missing, pair},
    parties::{ISSUER, NOW, config_with_keys, context, form, run},
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeyPair,
    signature::RSA_PKCS1_SHA256,
};
use axess_factors::federated::{
    CallbackMethod, CallbackResponse, FederationError, FederationProvider, LogoutHint, LogoutNotice,
};
use axess_rng::MockRng;
use axess_saml::{IdpSource, SamlConfig, SamlProvider};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use std::io::{Read, Write};

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const STATUS: &str = "urn:oasis:names:tc:SAML:2.0:status";

/// A service provider that trusts the key we sign with here.
fn provider() -> SamlProvider {
    trusting(config_with_keys())
}

/// The same, where an attribute says who somebody is.
fn provider_by_attribute() -> SamlProvider {
    let mut config = config_with_keys();
    config.attributes.subject = Some("uid".into());
    trusting(config)
}

fn trusting(mut config: SamlConfig) -> SamlProvider {
    if let IdpSource::Explicit { certificates, .. } = &mut config.idp {
        *certificates = vec![pair("idp").certificate()];
    }
    SamlProvider::new(config).unwrap()
}

fn sign(text: &str) -> String {
    let pem = std::fs::read_to_string(&pair("idp").key_file).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = KeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    STANDARD.encode(signature)
}

/// Sends a message by a redirect, signed (SAML Bindings §3.4.4.1).
fn redirected(parameter: &str, xml: &str) -> CallbackResponse {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(xml.as_bytes()).unwrap();
    let message = STANDARD.encode(encoder.finish().unwrap());
    let mut url = reqwest::Url::parse("https://sp.example.test/slo").unwrap();
    url.query_pairs_mut().append_pair(parameter, &message).append_pair("SigAlg", RSA_SHA256);
    let signature = sign(url.query().unwrap());
    let parameters = [(parameter, message), ("SigAlg", RSA_SHA256.to_owned()), ("Signature", signature)];
    CallbackResponse::new(CallbackMethod::Get, parameters).unwrap()
}

fn judge(message: &CallbackResponse, now: DateTime<Utc>) -> Result<LogoutNotice, FederationError> {
    judge_at(&provider(), message, now)
}

fn judge_at(
    provider: &SamlProvider,
    message: &CallbackResponse,
    now: DateTime<Utc>,
) -> Result<LogoutNotice, FederationError> {
    run(provider.verify_logout(message, context(&MockRng::new(1), now)))
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A message of an identity provider, in the form that is signed (Exclusive XML Canonicalization 1.0).
fn message(name: &str, issuer: &str, at: DateTime<Utc>, attribute: &str, inside: &str) -> String {
    format!(
        "<p:{name} xmlns:p=\"{PROTOCOL}\" Destination=\"https://sp.example.test/slo\" ID=\"id-1\"{attribute} IssueInstant=\"{}\" \
         Version=\"2.0\"><a:Issuer xmlns:a=\"{ASSERTION}\">{issuer}</a:Issuer>{inside}</p:{name}>",
        instant(at)
    )
}

fn alice(sessions: &[&str]) -> String {
    let sessions: String =
        sessions.iter().map(|one| format!("<p:SessionIndex>{one}</p:SessionIndex>")).collect();
    format!("<a:NameID xmlns:a=\"{ASSERTION}\">alice-id</a:NameID>{sessions}")
}

#[test]
fn a_request_is_the_identity_providers_and_of_now() {
    if are_missing("saml: what a logout request says") {
        return;
    }
    let judged = |issuer: &str, ends: i64| {
        let ends = format!(" NotOnOrAfter=\"{}\"", instant(*NOW + TimeDelta::seconds(ends)));
        // By its name the attribute comes last.
        let xml = message("LogoutRequest", issuer, *NOW, "", &alice(&["s1"]));
        let xml = xml.replace(" Version=", &format!("{ends} Version="));
        judge(&redirected("SAMLRequest", &xml), *NOW)
    };
    let notice = judged(ISSUER, 60).unwrap();
    assert_eq!(
        (notice.subject.as_deref(), notice.session_ids.as_slice()),
        (Some("alice-id"), &["s1".to_owned()][..])
    );
    assert!(judged(ISSUER, -59).is_ok(), "clocks may be a minute apart");
    assert!(matches!(judged(ISSUER, -60).map(drop), Err(FederationError::TooOld)));
    for issuer in ["https://evil.example.test/metadata", &format!("{ISSUER}/"), ""] {
        let refused = judged(issuer, 60).map(drop).unwrap_err();
        assert!(
            matches!(refused, FederationError::IssuerMismatch | FederationError::Malformed { .. }),
            "{issuer}: {refused}"
        );
    }
}

#[test]
fn a_request_is_about_the_sessions_it_names() {
    if are_missing("saml: sessions of a logout request") {
        return;
    }
    let many: Vec<String> = (0..100).map(|n| format!("s{n}")).collect();
    let named: Vec<&str> = many.iter().map(String::as_str).collect();
    for (sessions, named) in
        [(&[][..], &[][..]), (&["s1"], &["s1"]), (&["s1", "s2", "s1"], &["s1", "s2"]), (&named, &named)]
    {
        let request =
            redirected("SAMLRequest", &message("LogoutRequest", ISSUER, *NOW, "", &alice(sessions)));
        let notice = judge(&request, *NOW).unwrap();
        assert_eq!(notice.subject.as_deref(), Some("alice-id"));
        assert_eq!(notice.session_ids, named);
        // Where another attribute is the subject, the sessions are all that says who is meant.
        let by_attribute = judge_at(&provider_by_attribute(), &request, *NOW);
        match by_attribute {
            Ok(notice) => assert!(notice.subject.is_none() && notice.session_ids == named),
            Err(refused) => assert!(named.is_empty(), "{sessions:?}: {refused}"),
        }
    }
    let more: Vec<&str> = [&named[..], &["another"]].concat();
    let request = message("LogoutRequest", ISSUER, *NOW, "", &alice(&more));
    let refused = judge(&redirected("SAMLRequest", &request), *NOW).map(drop).unwrap_err();
    assert!(matches!(refused, FederationError::Malformed { .. }), "{refused}");
}

#[test]
fn an_answer_says_that_it_was_done_and_comes_in_time() {
    if are_missing("saml: what an answer to a logout says") {
        return;
    }
    let hint = LogoutHint {
        subject: "alice-id".into(),
        session_id: None,
        id_token: None,
        post_logout_redirect_uri: None,
        state: None,
    };
    let asked = run(provider().begin_logout(&hint, context(&MockRng::new(2), *NOW))).unwrap().unwrap();
    let asked = STANDARD.decode(callback_of(asked.url()).get("SAMLRequest").unwrap().unwrap()).unwrap();
    let mut request = String::new();
    DeflateDecoder::new(&*asked).read_to_string(&mut request).unwrap();
    let (_, rest) = request.split_once(" ID=\"").unwrap();
    let id = format!(" InResponseTo=\"{}\"", rest.split('"').next().unwrap());
    let judged = |issuer: &str, codes: &str, after: TimeDelta| {
        let status = format!("<p:Status>{codes}</p:Status>");
        let xml = message("LogoutResponse", issuer, *NOW + after, &id, &status);
        judge(&redirected("SAMLResponse", &xml), *NOW + after)
    };
    let (success, soon) = (format!("<p:StatusCode Value=\"{STATUS}:Success\"/>"), TimeDelta::minutes(1));
    assert!(judged(ISSUER, &success, soon).unwrap().is_answer);
    // It is new, and what it answers is old.
    let late = judged(ISSUER, &success, TimeDelta::minutes(12)).map(drop).unwrap_err();
    assert!(matches!(late, FederationError::Expired), "{late}");
    let other = judged("https://evil.example.test/metadata", &success, soon).map(drop).unwrap_err();
    assert!(matches!(other, FederationError::IssuerMismatch), "{other}");
    let denied = format!(
        "<p:StatusCode Value=\"{STATUS}:Responder\"><p:StatusCode Value=\"{STATUS}:RequestDenied\"/></p:StatusCode>"
    );
    let denied = judged(ISSUER, &denied, soon).map(drop).unwrap_err();
    assert!(matches!(&denied, FederationError::Denied { code } if code == "RequestDenied"), "{denied}");
}

#[test]
fn a_signature_names_the_element_it_is_in() {
    if are_missing("saml: the reference of a signature") {
        return;
    }
    let xml = message("LogoutRequest", ISSUER, *NOW, "", &alice(&["s1"]));
    let value = STANDARD.encode(digest(&SHA256, xml.as_bytes()));
    let judged = |uri: &str| {
        let method = |name: &str, uri: &str| format!("<d:{name} Algorithm=\"{uri}\"></d:{name}>");
        let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
        let inside = [
            method("CanonicalizationMethod", exclusive),
            method("SignatureMethod", RSA_SHA256),
            format!("<d:Reference URI=\"{uri}\"><d:Transforms>"),
            method("Transform", &format!("{SIGNATURE}enveloped-signature")),
            method("Transform", exclusive),
            "</d:Transforms>".to_owned(),
            method("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
            format!("<d:DigestValue>{value}</d:DigestValue></d:Reference></d:SignedInfo>"),
        ]
        .concat();
        let signature = sign(&format!("<d:SignedInfo xmlns:d=\"{SIGNATURE}\">{inside}"));
        let signature = format!(
            "<d:Signature xmlns:d=\"{SIGNATURE}\"><d:SignedInfo>{inside}<d:SignatureValue>{signature}</d:SignatureValue>\
             </d:Signature>"
        );
        let text = xml.replace("</a:Issuer>", &format!("</a:Issuer>{signature}"));
        judge(&form("SAMLRequest", text.as_bytes(), "x"), *NOW)
    };
    assert_eq!(judged("#id-1").unwrap().subject.as_deref(), Some("alice-id"));
    // Its digest is right, and it is about something else.
    for uri in ["#id-2", "#", "", "id-1", "#ID-1"] {
        let refused = judged(uri).map(drop).unwrap_err();
        assert!(matches!(refused, FederationError::SignatureInvalid), "{uri}: {refused}");
    }
}
