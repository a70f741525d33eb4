//! Logins at SimpleSAMLphp, through its page.

use crate::{
    browser::{Form, callback_of},
    live::{Site, context, peer},
    parties::run,
};
use axess_factors::federated::{
    CallbackResponse, FederatedIdentity, FederationError, FederationProvider, LogoutHint,
};
use axess_peers::{Kind, skip};
use axess_saml::{AttributeMapping, SamlBinding, SamlConfig};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::DeflateDecoder;
use std::io::Read;

const METADATA: &str = "/saml2/idp/metadata.php";

/// Types a password into the page; the page that follows.
async fn typed(site: &Site, login: &str, address: &str, password: &str) -> String {
    let mut form = Form::of(login);
    form.action = address.split('?').next().unwrap().to_owned();
    for (name, value) in [("username", "alice"), ("password", password)] {
        form.fields.retain(|(other, _)| other != name);
        form.fields.push((name.into(), value.into()));
    }
    site.browser.submit(form).await.0
}

async fn log_in(site: &Site) -> Result<FederatedIdentity, FederationError> {
    let (redirection, pending) = site.begin().await;
    let (login, address) = site.browser.follow(&redirection).await;
    assert!(login.contains("AuthState"), "no page to log in: {login}");
    let again = typed(site, &login, &address, "wrong").await;
    assert!(again.contains("Incorrect username or password") && !again.contains("SAMLResponse"), "{again}");
    let page = typed(site, &again, &address, "alicepass").await;
    let mut form = Form::of(&page);
    form.fields.retain(|(name, _)| name.starts_with("SAML") || name == "RelayState");
    site.provider.complete(&pending, &form.into_callback(), context()).await
}

#[test]
fn logins_through_the_page_of_simplesamlphp() {
    let url = match peer(Kind::SimpleSamlPhp) {
        Ok(url) => url.trim_end_matches('/').to_owned(),
        Err(reason) => return skip("saml: a login at SimpleSAMLphp", &reason),
    };
    run(async {
        for (options, binding) in
            [("", SamlBinding::Redirect), ("", SamlBinding::Post), ("encrypt", SamlBinding::Redirect)]
        {
            let change = |config: SamlConfig| SamlConfig {
                request_binding: binding,
                want_signed_response: true,
                // With a public key it knows AES-CBC alone.
                allow_cbc: options == "encrypt",
                attributes: AttributeMapping { username: vec!["uid".into()], ..AttributeMapping::default() },
                ..config
            };
            let site = Site::at(&url, METADATA, options, change).await;
            let identity =
                log_in(&site).await.unwrap_or_else(|error| panic!("{options} {binding:?}: {error}"));
            assert_eq!(identity.subject, "alice");
            assert_eq!(identity.username.as_deref(), Some("alice"));
            assert_eq!(identity.email.unwrap().as_str(), "alice@example.test");
            assert_eq!(identity.groups, ["admins", "dev"]);
            assert!(identity.session_id.is_some() && identity.expires_at.is_some());
        }
        let site = Site::at(&url, METADATA, "encrypt", |config| config).await;
        assert!(matches!(log_in(&site).await, Err(FederationError::AlgorithmRefused)));
    });
}

#[test]
fn a_logout_at_simplesamlphp() {
    let url = match peer(Kind::SimpleSamlPhp) {
        Ok(url) => url.trim_end_matches('/').to_owned(),
        Err(reason) => return skip("saml: a logout at SimpleSAMLphp", &reason),
    };
    run(async {
        let site = Site::at(&url, METADATA, "", |config| config).await;
        let identity = log_in(&site).await.unwrap();
        let hint = LogoutHint {
            subject: identity.subject,
            session_id: identity.session_id,
            id_token: None,
            post_logout_redirect_uri: None,
            state: Some("bye".into()),
        };
        let there = site.provider.begin_logout(&hint, context()).await.unwrap().unwrap();
        let (page, address) = site.browser.follow(&there).await;
        assert!(address.contains("SAMLResponse="), "{address}: {page}");
        let answer = callback_of(&address);
        assert_eq!(answer.get("RelayState").unwrap(), Some("bye"));
        site.provider.verify_logout(&answer, context()).await.unwrap();
        // It asks again who it is.
        let (redirection, _) = site.begin().await;
        let (page, _) = site.browser.follow(&redirection).await;
        assert!(page.contains("AuthState"), "still logged in: {page}");
    });
}

/// Reads what a redirect carries (SAML Bindings §3.4.4.1).
fn inflated(message: &CallbackResponse) -> String {
    let text = message.get("SAMLRequest").unwrap().unwrap();
    let mut xml = String::new();
    DeflateDecoder::new(&*STANDARD.decode(text).unwrap()).read_to_string(&mut xml).unwrap();
    xml
}

#[test]
fn names_that_simplesamlphp_encrypts_are_read_at_the_login_and_at_the_logout() {
    let url = match peer(Kind::SimpleSamlPhp) {
        Ok(url) => url.trim_end_matches('/').to_owned(),
        Err(reason) => return skip("saml: encrypted names of SimpleSAMLphp", &reason),
    };
    // It knows AES-CBC alone.
    let change = |config| SamlConfig { want_signed_response: true, allow_cbc: true, ..config };
    run(async {
        for options in ["encrypt-name", "encrypt&encrypt-name"] {
            let site = Site::at(&url, METADATA, options, change).await;
            let identity = log_in(&site).await.unwrap_or_else(|error| panic!("{options}: {error}"));
            assert_eq!(identity.subject, "alice", "{options}");

            let there = format!("{url}/saml2/idp/SingleLogoutService.php?ReturnTo={url}/sp");
            let (page, address) = site.browser.get(&there).await;
            assert!(address.contains("SAMLRequest="), "{address}: {page}");
            let request = callback_of(&address);
            let xml = inflated(&request);
            assert!(xml.contains("EncryptedID") && !xml.contains("alice"), "{xml}");
            let notice = site.provider.verify_logout(&request, context()).await.unwrap();
            assert_eq!(notice.subject.as_deref(), Some("alice"));
            assert_eq!(notice.session_ids, Vec::from_iter(identity.session_id));
            let (page, address) = site.browser.follow(&notice.answer.unwrap()).await;
            assert!(address.ends_with("/sp"), "it takes the answer and goes on: {address}: {page}");
        }
        // Who has not said that AES-CBC will do gets no further.
        let site = Site::at(&url, METADATA, "encrypt-name", |config| config).await;
        assert!(matches!(log_in(&site).await, Err(FederationError::AlgorithmRefused)));
    });
}
