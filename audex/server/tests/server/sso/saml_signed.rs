//! What of a SAML answer has to be signed, and what an auditor reads of those that were refused.

use super::{saml::Company, trail::Auditor};
use audex_server::settings::SamlSettings;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The value of a field of a form.
fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str()).unwrap()
}

/// The fields with another value of one.
fn with_field(fields: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    assert_ne!(field(fields, name), value, "nothing is changed");
    fields
        .iter()
        .map(|(of, was)| (of.clone(), if of == name { value.to_owned() } else { was.clone() }))
        .collect()
}

#[tokio::test]
async fn a_signature_of_the_response_or_of_the_assertion_will_do() {
    let test = "a_signature_of_the_response_or_of_the_assertion_will_do";
    let unnamed = |saml: &mut SamlSettings| (saml.idp_entity_id, saml.idp_slo_url) = (None, None);
    for is_named in [true, false] {
        for (options, status) in [
            ("sign=response", 303),
            ("sign=assertion", 303),
            ("sign=response,assertion", 303),
            ("sign=none", 403),
            ("sign=response&encrypt=aes256-gcm", 303),
            ("sign=none&encrypt=aes256-gcm", 403),
        ] {
            let change = |saml: &mut SamlSettings| {
                if !is_named {
                    unnamed(saml)
                }
            };
            let Some(company) = Company::with(test, options, change).await else { return };
            let visitor = company.visitor();
            let answer = company.sign_in(&visitor).await;
            assert_eq!(answer.status, status, "{options} {is_named}: {answer:?}");
            let expected = (status == 303).then_some("alice@example.test");
            assert_eq!(visitor.identity().await.as_deref(), expected, "{options} {is_named}");
        }
    }
}

#[tokio::test]
async fn what_was_changed_below_the_one_signature_is_refused() {
    let test = "what_was_changed_below_the_one_signature_is_refused";
    for options in ["sign=response", "sign=assertion"] {
        let Some(company) = Company::with(test, options, |_| {}).await else { return };
        let mut auditor = Auditor::at(&company.door).await;
        let visitor = company.visitor();
        let fields = company.at_provider(&visitor, "/console").await;
        let xml = String::from_utf8(STANDARD.decode(field(&fields, "SAMLResponse")).unwrap()).unwrap();
        assert!(xml.contains("alice@example.test"), "{xml}");
        let forged = STANDARD.encode(xml.replace("alice@example.test", "admin@example.com"));
        let answer = visitor.cross_post("/acs", &with_field(&fields, "SAMLResponse", &forged)).await;
        assert_eq!(answer.status, 403, "{options}");
        assert_eq!(visitor.identity().await, None, "{options}");
        auditor.refused("signature-invalid", &[&forged, field(&fields, "RelayState")]).await;
    }
}

#[tokio::test]
async fn what_the_provider_answers_wrongly_is_on_record() {
    let test = "what_the_provider_answers_wrongly_is_on_record";
    for (options, idp_entity_id, reason) in [
        ("sign=none", None, "signature-invalid"),
        ("key=next", None, "signature-invalid"),
        ("status=denied", None, "denied"),
        ("", Some("https://other.example/metadata"), "issuer-mismatch"),
    ] {
        let change = |saml: &mut SamlSettings| {
            saml.idp_entity_id = idp_entity_id.map(str::to_owned).or(saml.idp_entity_id.take());
        };
        let Some(company) = Company::with(test, options, change).await else { return };
        let mut auditor = Auditor::at(&company.door).await;
        let visitor = company.visitor();
        let fields = company.at_provider(&visitor, "/console").await;
        assert_eq!(visitor.cross_post("/acs", &fields).await.status, 403, "{options}");
        auditor.refused(reason, &[field(&fields, "SAMLResponse"), field(&fields, "RelayState")]).await;
    }
}

#[tokio::test]
async fn an_answer_of_another_login_or_for_somebody_else_is_on_record() {
    let test = "an_answer_of_another_login_or_for_somebody_else_is_on_record";
    let Some(company) = Company::with(test, "", |_| {}).await else { return };
    let Some(elsewhere) = Company::with(test, "", |_| {}).await else { return };
    let mut auditor = Auditor::at(&company.door).await;
    let (alice, mallory) = (company.visitor(), company.visitor());
    let stolen = company.at_provider(&alice, "/console").await;
    let secrets = [field(&stolen, "SAMLResponse"), field(&stolen, "RelayState")];
    // In a browser where nothing was begun.
    assert_eq!(mallory.cross_post("/acs", &stolen).await.status, 403);
    auditor.refused("state-mismatch", &secrets).await;
    // To the request of another login.
    let own = company.at_provider(&mallory, "/console").await;
    let swapped = with_field(&own, "SAMLResponse", secrets[0]);
    assert_eq!(mallory.cross_post("/acs", &swapped).await.status, 403);
    auditor.refused("nonce-mismatch", &secrets).await;
    // A second time.
    assert_eq!(alice.cross_post("/acs", &stolen).await.status, 303);
    assert_eq!(alice.cross_post("/acs", &stolen).await.status, 403);
    auditor.refused("state-mismatch", &secrets).await;
    // For another server.
    let theirs = elsewhere.at_provider(&elsewhere.visitor(), "/console").await;
    let own = company.at_provider(&mallory, "/console").await;
    let foreign = with_field(&own, "SAMLResponse", field(&theirs, "SAMLResponse"));
    assert_eq!(mallory.cross_post("/acs", &foreign).await.status, 403);
    auditor.refused("audience-mismatch", &[field(&theirs, "SAMLResponse"), field(&own, "RelayState")]).await;
    assert_eq!(mallory.identity().await, None);
}
