//! The way to the provider and back, and everything somebody else may try on it.

use super::{
    company::Company,
    trail::{Auditor, parameter, with_parameter},
};
use crate::access::door::Door;
use audex_server::settings::SsoProtocol;
use aws_lc_rs::{
    encoding::{AsBigEndian, EcPrivateKeyBin},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axess::jose::{Algorithm, SigningKey};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_server_says_who_it_is_with_a_key() {
    let company = Company::at("a_server_says_who_it_is_with_a_key", |provider, settings, sso| {
        let (_, pem) = provider.client_certificate("client").unwrap();
        let der = pem.lines().filter(|line| !line.starts_with("---")).collect::<String>();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &STANDARD.decode(der).unwrap());
        let d: EcPrivateKeyBin<'_> = pair.unwrap().private_key().as_be_bytes().unwrap();
        let mut jwk =
            SigningKey::from_pkcs8_pem(Algorithm::Es256, &pem).unwrap().with_kid("client").public_jwk();
        jwk["d"] = json!(URL_SAFE_NO_PAD.encode(d.as_ref()));
        jwk.as_object_mut().unwrap().remove("use");
        let path = settings.data.join("client-key.json");
        std::fs::write(&path, jwk.to_string()).unwrap();
        let SsoProtocol::Oidc(oidc) = &mut sso.protocol else { unreachable!() };
        oidc.client_id = "keyed".to_owned();
        oidc.client_secret = None;
        oidc.client_key_path = Some(path);
    });
    let Some(company) = company.await else { return };
    let visitor = company.signed_in("alice").await;
    assert_eq!(visitor.get("/me").await.body["identity"], "alice@example.test");
}

#[tokio::test]
async fn somebody_signs_in_and_has_an_account() {
    let Some(company) = Company::new("somebody_signs_in_and_has_an_account").await else { return };
    let visitor = company.visitor();
    let page = visitor.page("/login?next=/console/me").await;
    let text = page.body.as_str().unwrap();
    assert!(text.contains("/login/sso?next=/console/me") && text.contains("type=\"password\""), "{text}");
    let back = visitor.at_provider("/console/me?a=b", "alice").await;
    assert!(back.contains("/oidc/callback?"), "{back}");
    let answer = visitor.page(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console/me?a=b")), "{answer:?}");
    let me = visitor.get("/me").await;
    assert_eq!(me.body["identity"], "alice@example.test", "{me:?}");
    assert_eq!((&me.body["authenticated_by"], &me.body["roles"]), (&json!("session"), &json!([])));
    assert_eq!(visitor.page("/console/me").await.status, 200);
    // It counts as both factors, and as recent.
    let made = visitor.send(Method::POST, "/tokens", json!({ "name": "first" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    // Who is signed in already goes straight on.
    let again = visitor.page("/login/sso?next=/console").await;
    assert_eq!((again.status, again.header("location")), (303, Some("/console")));
    // The second time it is the same account.
    let me_again = company.signed_in("alice").await.get("/me").await;
    assert_eq!(me_again.body["user_id"], me.body["user_id"]);
}

#[tokio::test]
async fn a_login_leads_nowhere_else() {
    let Some(company) = Company::new("a_login_leads_nowhere_else").await else { return };
    for evil in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let visitor = company.visitor();
        company.now();
        let back = visitor.at_provider(evil, "alice").await;
        let answer = visitor.page(&back).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{evil}");
    }
}

#[tokio::test]
async fn a_callback_counts_once_and_in_its_browser() {
    let Some(company) = Company::new("a_callback_counts_once_and_in_its_browser").await else { return };
    let mut auditor = Auditor::at(&company.door).await;
    let (victim, attacker) = (company.visitor(), company.visitor());
    let back = attacker.at_provider("/", "bob").await;
    let (code, state) = (parameter(&back, "code"), parameter(&back, "state"));
    let secrets: &[&str] = &[&code, &state];
    // Of another browser: nobody is signed in as the attacker.
    let answer = victim.page(&back).await;
    assert_eq!(answer.status, 403);
    let text = answer.body.as_str().unwrap();
    assert!(text.contains("sso_refused") && text.contains("begun in another browser"), "{text}");
    let request = answer.header("x-request-id").unwrap();
    assert!(text.contains(request), "{text}");
    assert_eq!(victim.identity().await, None);
    auditor.refused("state-mismatch", secrets).await;
    assert_eq!(attacker.page(&back).await.status, 303);
    assert_eq!(attacker.identity().await.as_deref(), Some("bob@example.test"));
    assert_eq!(attacker.page(&back).await.status, 403, "a second time");
    auditor.refused("state-mismatch", secrets).await;
    let made_up = company.visitor().page("/oidc/callback?code=made-up-code&state=made-up-state").await;
    assert_eq!(made_up.status, 403);
    auditor.refused("state-mismatch", &["made-up-code", "made-up-state"]).await;
    for (name, value, reason) in
        [("state", "made-up-state", "state-mismatch"), ("iss", "https://evil.example", "mix-up")]
    {
        let visitor = company.visitor();
        let back = visitor.at_provider("/", "alice").await;
        assert_eq!(visitor.page(&with_parameter(&back, name, value)).await.status, 403, "{name}");
        assert_eq!(visitor.identity().await, None, "{name}");
        auditor.refused(reason, &[value, &parameter(&back, "code"), &parameter(&back, "state")]).await;
    }
    // As a program sees it.
    let program = company.visitor().get("/oidc/callback?code=x&state=y").await;
    assert_eq!(program.code(), (403, "sso_refused"));
    auditor.refused("state-mismatch", &[]).await;
}

#[tokio::test]
async fn a_login_with_too_little_is_on_record() {
    let name = "a_login_with_too_little_is_on_record";
    let Some(company) = Company::with(name, |sso| sso.required_amr = vec!["hwk".to_owned()]).await else {
        return;
    };
    let mut auditor = Auditor::at(&company.door).await;
    let visitor = company.visitor();
    let back = visitor.at_provider("/", "alice").await;
    assert_eq!(visitor.page(&back).await.status, 403);
    assert_eq!(visitor.identity().await, None);
    auditor.refused("acr-not-met", &[&parameter(&back, "code"), "alice@example.test"]).await;
}

#[tokio::test]
async fn a_provider_that_says_no_or_nothing_lets_nobody_in() {
    let Some(mut company) = Company::new("a_provider_that_says_no_or_nothing_lets_nobody_in").await else {
        return;
    };
    let mut auditor = Auditor::at(&company.door).await;
    let denied = company.sign_in(&company.visitor(), "deny").await;
    assert_eq!(denied.status, 403);
    auditor.refused("denied", &[]).await;
    let nobody = company.sign_in(&company.visitor(), "mallory").await;
    assert_eq!(nobody.status, 403);
    auditor.refused("not-linked", &["mallory@example.test"]).await;
    assert!(denied.body.as_str().unwrap().contains("Your identity provider said no"), "{denied:?}");
    let visitor = company.visitor();
    let back = visitor.at_provider("/", "alice").await;
    company.peer.kill().unwrap();
    let down = visitor.page(&back).await;
    assert_eq!(down.status, 503, "{down:?}");
    let text = down.body.as_str().unwrap();
    assert!(text.contains("sso_unavailable") && text.contains("does not answer"), "{text}");
    assert_eq!(visitor.identity().await, None);
    auditor.refused("unavailable", &[&parameter(&back, "code"), &parameter(&back, "state")]).await;
    assert_eq!(visitor.page("/login").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_stops_nothing() {
    let mut there = None;
    let Some(company) = Company::with("a_provider_that_is_down_at_the_start_stops_nothing", |sso| {
        if let audex_server::settings::SsoProtocol::Oidc(oidc) = &mut sso.protocol {
            there = Some(std::mem::replace(&mut oidc.provider_url, "https://127.0.0.1:1".to_owned()));
        }
    })
    .await
    else {
        return;
    };
    let answer = company.visitor().page("/login/sso").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(there.is_some());
}

#[tokio::test]
async fn where_it_is_off_there_is_nothing() {
    let door = Door::new().await;
    let browser = door.browser();
    for path in ["/login/sso", "/oidc/callback", "/saml/metadata", "/saml/slo"] {
        assert_eq!(browser.get(path).await.code(), (404, "sso_off"), "{path}");
    }
    for path in ["/acs?again", "/saml/slo?again", "/oidc/backchannel-logout"] {
        let answer = browser.form(path, &[("SAMLResponse", "x"), ("logout_token", "x")]).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    let page = browser.get("/login").await;
    assert!(!page.body.as_str().unwrap().contains("sso"));
}

#[tokio::test]
async fn the_callback_is_where_the_settings_say() {
    let Some(company) = Company::with("the_callback_is_where_the_settings_say", |sso| {
        if let audex_server::settings::SsoProtocol::Oidc(oidc) = &mut sso.protocol {
            oidc.redirect_uri = oidc.redirect_uri.replace("/oidc/callback", "/company/back");
        }
    })
    .await
    else {
        return;
    };
    let visitor = company.visitor();
    let back = visitor.at_provider("/", "alice").await;
    assert!(back.contains("/company/back?"), "{back}");
    assert_eq!(visitor.page(&back).await.status, 303);
    assert_eq!(visitor.identity().await.as_deref(), Some("alice@example.test"));
}
