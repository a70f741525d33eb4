//! SAML, against pysaml2.

use super::{
    company::{self, TOO_LONG, Visitor},
    saml_peer::{Idp, certificate, form, key_pair},
};
use crate::access::door::{Answer, Door};
use audex_core::CredentialProvider;
use audex_server::settings::{SamlSettings, ServerSettings, SsoProtocol, SsoSettings};
use axess::clock::{Clock, SystemClock};
use axess_peers::{Kind, skip};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;

/// A server whose people sign in at pysaml2.
pub(super) struct Company {
    pub(super) door: Door,
    pub(super) idp: Idp,
}

impl Company {
    pub(super) async fn with(
        test: &str,
        options: &str,
        change: impl FnOnce(&mut SamlSettings),
    ) -> Option<Self> {
        Self::of(test, options, |sso| {
            let SsoProtocol::Saml(saml) = &mut sso.protocol else { unreachable!() };
            change(saml);
        })
        .await
    }

    async fn of(test: &str, options: &str, change: impl FnOnce(&mut SsoSettings)) -> Option<Self> {
        Self::issuing(test, options, Vec::new(), |_, sso| change(sso)).await
    }

    /// Opens one that issues credentials of more than the local issuer.
    pub(super) async fn issuing(
        test: &str,
        options: &str,
        more: Vec<Arc<dyn CredentialProvider>>,
        change: impl FnOnce(&mut ServerSettings, &mut SsoSettings),
    ) -> Option<Self> {
        let idp = match Idp::of(Kind::SamlIdp, "/metadata").await {
            Ok(idp) => idp,
            Err(why) => {
                skip(test, &why);
                return None;
            }
        };
        let door = Door::issuing(more, |settings| {
            let url = settings.public_url.clone();
            let (sp_key_path, sp_cert_path) = key_pair(&settings.data, "rsa:2048");
            let saml = SamlSettings {
                entity_id: url.clone(),
                idp_sso_url: format!("{}/sso", idp.url),
                idp_cert_path: certificate(&settings.data, &idp.metadata),
                assertion_consumer_service_url: format!("{url}/acs"),
                idp_entity_id: Some(idp.entity_id.clone()),
                idp_slo_url: Some(format!("{}/slo", idp.url)),
                sp_key_path: Some(sp_key_path),
                sp_cert_path: Some(sp_cert_path),
                name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
                allow_cbc: false,
                friendly_names: false,
            };
            settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            let mut sso = SsoSettings::new(SsoProtocol::Saml(saml));
            change(settings, &mut sso);
            settings.sso = Some(sso);
        })
        .await;
        door.clock.set(SystemClock.now());
        let company = Self { door, idp };
        let metadata = company.visitor().get("/saml/metadata").await;
        assert_eq!(metadata.header("content-type"), Some("application/samlmetadata+xml"), "{metadata:?}");
        company.idp.know(options, metadata.body.as_str().unwrap()).await;
        Some(company)
    }

    pub(super) fn visitor(&self) -> Visitor {
        company::visitor(&self.door.url, None)
    }

    /// Goes to the provider, and returns what it has the browser post.
    pub(super) async fn at_provider(&self, visitor: &Visitor, next: &str) -> Vec<(String, String)> {
        self.door.clock.set(SystemClock.now());
        self.at_provider_by(visitor, next).await
    }

    /// Goes there by whatever the server's clock shows.
    async fn at_provider_by(&self, visitor: &Visitor, next: &str) -> Vec<(String, String)> {
        let begun = visitor.page(&format!("/login/sso?next={next}")).await;
        let there = begun.header("location").unwrap_or_else(|| panic!("{begun:?}"));
        let page = visitor.client.get(there).send().await.unwrap().text().await.unwrap();
        let (action, fields) = form(&page);
        assert_eq!(action, format!("{}/acs", self.door.url));
        fields
    }

    pub(super) async fn sign_in(&self, visitor: &Visitor) -> Answer {
        let fields = self.at_provider(visitor, "/console").await;
        visitor.cross_post("/acs", &fields).await
    }
}

#[tokio::test]
async fn somebody_signs_in_by_saml() {
    let Some(company) = Company::with("somebody_signs_in_by_saml", "", |_| {}).await else { return };
    let alice = company.visitor();
    let fields = company.at_provider(&alice, "/console/me").await;
    // What comes from another site is posted once more, from ours.
    let first = alice
        .raw_post("/acs", &fields, &[("sec-fetch-site", "cross-site"), ("origin", "http://idp.example")])
        .await;
    assert_eq!(first.status, 200, "{first:?}");
    let (action, again) = form(first.body.as_str().unwrap());
    assert_eq!((action.as_str(), &again), ("/acs?again", &fields));
    assert!(first.header("content-security-policy").unwrap().contains("form-action 'self'"));
    let done = alice.raw_post("/acs?again", &again, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/console/me")), "{done:?}");
    assert_eq!(alice.identity().await.as_deref(), Some("alice@example.test"));
    let made = alice.send(Method::POST, "/tokens", json!({ "name": "first" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    // The answer is used up, and was never another browser's.
    for visitor in [&alice, &company.visitor()] {
        let again = visitor.raw_post("/acs?again", &fields, &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!(again.status, 403, "{again:?}");
    }
}

#[tokio::test]
async fn a_provider_without_a_name_is_known_by_its_certificate() {
    let test = "a_provider_without_a_name_is_known_by_its_certificate";
    let unnamed = |saml: &mut SamlSettings| {
        saml.idp_entity_id = None;
        saml.idp_slo_url = None;
    };
    let Some(company) = Company::with(test, "", unnamed).await else { return };
    let answer = company.sign_in(&company.visitor()).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console")), "{answer:?}");
    // Another key than the certificate's is another provider, whatever it calls itself.
    let Some(company) = Company::with(test, "key=next", unnamed).await else { return };
    assert_eq!(company.sign_in(&company.visitor()).await.status, 403);
}

#[tokio::test]
async fn the_six_settings_of_the_manual_are_enough() {
    let test = "the_six_settings_of_the_manual_are_enough";
    let six = |saml: &mut SamlSettings| {
        *saml = SamlSettings {
            idp_sso_url: saml.idp_sso_url.replace("/sso", "/open"),
            idp_entity_id: None,
            idp_slo_url: None,
            sp_key_path: None,
            sp_cert_path: None,
            name_id_format: None,
            ..saml.clone()
        };
    };
    let Some(company) = Company::with(test, "", six).await else { return };
    let alice = company.visitor();
    let answer = company.sign_in(&alice).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console")), "{answer:?}");
    assert_eq!(alice.identity().await.as_deref(), Some("alice@example.test"));
    // There is no logout at the provider, and the one here works all the same.
    let out = alice.form("/logout", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/login")), "{out:?}");
    assert_eq!(alice.identity().await, None);
}

#[tokio::test]
async fn a_name_is_an_address_where_it_is_called_one_or_the_settings_say_so() {
    let test = "a_name_is_an_address_where_it_is_called_one_or_the_settings_say_so";
    for (name, trust_email, status) in
        [("emailAddress", false, 303), ("unspecified", false, 403), ("unspecified", true, 303)]
    {
        let named = |sso: &mut SsoSettings| {
            let SsoProtocol::Saml(saml) = &mut sso.protocol else { unreachable!() };
            saml.name_id_format = None;
            sso.trust_email = trust_email;
            sso.email_domains = vec!["example.test".to_owned()];
        };
        let options = format!("attributes=none&name={name}");
        let Some(company) = Company::of(test, &options, named).await else { return };
        let alice = company.visitor();
        let answer = company.sign_in(&alice).await;
        assert_eq!(answer.status, status, "{name} {trust_email}: {answer:?}");
        let expected = (status == 303).then_some("alice@example.test");
        assert_eq!(alice.identity().await.as_deref(), expected, "{name} {trust_email}");
    }
}

#[tokio::test]
async fn friendly_names_decide_nothing_unless_the_settings_say_so() {
    let test = "friendly_names_decide_nothing_unless_the_settings_say_so";
    for (claim, friendly_names, status) in
        [("mail", false, 403), ("mail", true, 303), ("urn:oid:0.9.2342.19200300.100.1.3", false, 303)]
    {
        let claimed = |sso: &mut SsoSettings| {
            let SsoProtocol::Saml(saml) = &mut sso.protocol else { unreachable!() };
            saml.friendly_names = friendly_names;
            sso.email_claim = Some(claim.to_owned());
        };
        let Some(company) = Company::of(test, "", claimed).await else { return };
        let answer = company.sign_in(&company.visitor()).await;
        assert_eq!(answer.status, status, "{claim} {friendly_names}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_that_only_signs_will_do() {
    let test = "a_key_that_only_signs_will_do";
    for is_named in [true, false] {
        let elliptic = |saml: &mut SamlSettings| {
            key_pair(saml.sp_key_path.as_deref().unwrap().parent().unwrap(), "ec");
            // pysaml2 does not verify what such a key signs in a query.
            saml.idp_sso_url = saml.idp_sso_url.replace("/sso", "/open");
            if !is_named {
                (saml.idp_entity_id, saml.idp_slo_url) = (None, None);
            }
        };
        let Some(company) = Company::with(test, "", elliptic).await else { return };
        let answer = company.sign_in(&company.visitor()).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console")), "{answer:?}");
    }
}

#[tokio::test]
async fn an_old_login_by_saml_proves_nothing_again() {
    let test = "an_old_login_by_saml_proves_nothing_again";
    let Some(company) = Company::with(test, "", |_| {}).await else { return };
    let alice = company.visitor();
    assert_eq!(company.sign_in(&alice).await.status, 303);
    let made = async || alice.send(Method::POST, "/tokens", json!({ "name": "late" })).await;
    company.door.clock.jump(TOO_LONG);
    assert_eq!(made().await.code(), (401, "step_up_required"));
    // An answer from before the question proves nothing.
    let early = company.at_provider_by(&alice, "/device").await;
    company.door.clock.set(SystemClock.now());
    assert_eq!(alice.cross_post("/acs", &early).await.status, 403);
    company.door.clock.jump(TOO_LONG);
    assert_eq!(made().await.code(), (401, "step_up_required"));
}

#[tokio::test]
async fn what_is_signed_too_little_denied_or_of_another_key_is_refused() {
    let test = "what_is_signed_too_little_denied_or_of_another_key_is_refused";
    for options in ["sign=none", "status=denied", "key=next"] {
        let Some(company) = Company::with(test, options, |_| {}).await else { return };
        let visitor = company.visitor();
        assert_eq!(company.sign_in(&visitor).await.status, 403, "{options}");
        assert_eq!(visitor.identity().await, None);
    }
    let Some(company) = Company::with(test, "encrypt=aes256-gcm", |_| {}).await else { return };
    assert_eq!(company.sign_in(&company.visitor()).await.status, 303);
}

#[tokio::test]
async fn somebody_in_very_many_groups_signs_in() {
    let test = "somebody_in_very_many_groups_signs_in";
    let Some(company) = Company::with(test, "groups=200", |_| {}).await else { return };
    let alice = company.visitor();
    let fields = company.at_provider(&alice, "/console").await;
    let size = |fields: &[(String, String)]| fields.iter().map(|(_, value)| value.len()).sum::<usize>();
    assert!(size(&fields) > 64 * 1_024, "{}", size(&fields));
    let done = alice.cross_post("/acs", &fields).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/console")), "{done:?}");
    assert_eq!(alice.identity().await.as_deref(), Some("alice@example.test"));
    // Nothing else takes as much, and the door for that is not open for everything.
    let padded = |size: usize| vec![("SAMLResponse".to_owned(), "A".repeat(size))];
    for (path, size) in [
        ("/login", 100_000),
        ("/acs/other", 100_000),
        ("/oidc/backchannel-logout", 100_000),
        ("/acs", 1_600_000),
    ] {
        let refused = company.visitor().raw_post(path, &padded(size), &[]).await;
        assert_eq!(refused.status, 413, "{path}: {refused:?}");
    }
    let too_much = company.visitor().raw_post("/saml/slo", &padded(600_000), &[]).await;
    assert_eq!(too_much.status, 413, "{too_much:?}");
}

#[tokio::test]
async fn a_relay_state_leads_nowhere() {
    let Some(company) = Company::with("a_relay_state_leads_nowhere", "", |_| {}).await else { return };
    let visitor = company.visitor();
    let mut fields = company.at_provider(&visitor, "https://evil.example/").await;
    let answer = visitor.cross_post("/acs", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
    let other = company.visitor();
    fields = company.at_provider(&other, "/console").await;
    for (name, value) in &mut fields {
        if name == "RelayState" {
            *value = "https://evil.example/".to_owned();
        }
    }
    assert_eq!(other.cross_post("/acs", &fields).await.status, 403);
}

#[tokio::test]
async fn the_provider_ends_the_session() {
    for binding in ["redirect", "post"] {
        let Some(company) = Company::with("the_provider_ends_the_session", "", |_| {}).await else { return };
        let (alice, stranger) = (company.visitor(), company.visitor());
        assert_eq!(company.sign_in(&alice).await.status, 303);
        let url =
            format!("{}/logout?sp={}&name=alice-id&binding={binding}", company.idp.url, company.door.url);
        let sent = stranger.client.get(url).send().await.unwrap();
        let answer = match sent.headers().get("location") {
            Some(there) => stranger.page(there.to_str().unwrap()).await,
            None => {
                let (action, fields) = form(&sent.text().await.unwrap());
                assert_eq!(action, format!("{}/saml/slo", company.door.url));
                stranger.cross_post("/saml/slo", &fields).await
            }
        };
        assert_eq!(alice.identity().await, None, "{binding}: {answer:?}");
        // The provider gets its answer, and takes it.
        let there = answer.header("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        assert!(there.starts_with(&format!("{}/slo?SAMLResponse=", company.idp.url)), "{there}");
        let text = stranger.client.get(there).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("status:Success"), "{text}");
    }
}

#[tokio::test]
async fn a_logout_here_ends_the_one_there() {
    let Some(company) = Company::with("a_logout_here_ends_the_one_there", "", |_| {}).await else { return };
    let alice = company.visitor();
    assert_eq!(company.sign_in(&alice).await.status, 303);
    let out = alice.form("/logout", &[]).await;
    let text = out.body.as_str().unwrap();
    let (_, rest) = text.split_once("id=\"everywhere\" href=\"").unwrap_or_else(|| panic!("{text}"));
    let there = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(there.starts_with(&format!("{}/slo?SAMLRequest=", company.idp.url)), "{there}");
    assert_eq!(alice.identity().await, None);
    let back = alice.client.get(there).send().await.unwrap();
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with(&format!("{}/saml/slo?SAMLResponse=", company.door.url)), "{back}");
    let end = alice.page(&back).await;
    assert_eq!((end.status, end.header("location")), (303, Some("/login")), "{end:?}");
}

#[tokio::test]
async fn a_logout_that_nobody_signed_ends_nothing() {
    let Some(company) = Company::with("a_logout_that_nobody_signed_ends_nothing", "", |_| {}).await else {
        return;
    };
    let alice = company.visitor();
    assert_eq!(company.sign_in(&alice).await.status, 303);
    for path in ["/saml/slo?SAMLRequest=x", "/saml/slo?SAMLRequest=fZA%3D", "/saml/slo"] {
        assert_eq!(company.visitor().get(path).await.status, 400, "{path}");
    }
    assert!(alice.identity().await.is_some());
    let other = company.visitor().form("/oidc/backchannel-logout", &[("logout_token", "x")]).await;
    assert_eq!(other.status, 404, "{other:?}");
}
