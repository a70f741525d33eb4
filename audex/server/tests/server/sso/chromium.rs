//! A real browser, and SimpleSAMLphp's own page.

use super::saml_peer::{Idp, certificate, key_pair};
use crate::{console::gallery::Gallery, site::Site};
use audex_server::settings::{SamlSettings, SsoProtocol, SsoSettings};
use axess_peers::{Browser, Kind, skip};

#[test]
fn somebody_signs_in_at_simplesamlphp_and_out_again() {
    let test = "somebody_signs_in_at_simplesamlphp_and_out_again";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let idp = match runtime.block_on(Idp::of(Kind::SimpleSamlPhp, "/saml2/idp/metadata.php")) {
        Ok(idp) => idp,
        Err(why) => return skip(test, &why),
    };
    let Some(browser) = Browser::start(test).unwrap() else { return };
    let site = runtime.block_on(Site::with(|settings| {
        let url = settings.public_url.clone();
        let (sp_key_path, sp_cert_path) = key_pair(&settings.data, "rsa:2048");
        settings.sso = Some(SsoSettings::new(SsoProtocol::Saml(SamlSettings {
            entity_id: url.clone(),
            idp_sso_url: format!("{}/saml2/idp/SSOService.php", idp.url),
            idp_cert_path: certificate(&settings.data, &idp.metadata),
            assertion_consumer_service_url: format!("{url}/acs"),
            idp_entity_id: Some(idp.entity_id.clone()),
            idp_slo_url: Some(format!("{}/saml2/idp/SingleLogoutService.php", idp.url)),
            sp_key_path: Some(sp_key_path),
            sp_cert_path: Some(sp_cert_path),
            name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
            allow_cbc: false,
            friendly_names: false,
        })));
    }));
    runtime.block_on(async {
        let metadata = reqwest::get(format!("{}/saml/metadata", site.url)).await.unwrap();
        idp.know("", &metadata.text().await.unwrap()).await;
    });
    let mut tab = browser.person().unwrap();
    tab.open(&format!("{}/console/me", site.url)).unwrap();
    tab.wait_for("location.pathname === '/login'").unwrap();
    tab.follow(|tab| tab.click("#sso")).unwrap();
    tab.wait_for("document.querySelector('input[name=password]') !== null").unwrap();
    tab.fill("input[name=username]", "alice").unwrap();
    tab.fill("input[name=password]", "alicepass").unwrap();
    let submit = "HTMLFormElement.prototype.submit.call(document.querySelector('input[name=password]').form)";
    tab.run(submit).unwrap();
    // The form of the other site came without the cookie of the session: it is posted once more.
    tab.wait_for("location.pathname === '/console/me'").unwrap();
    assert!(tab.text("main").unwrap().contains("alice@example.test"));
    let mut gallery = Gallery::default();
    tab.complaints();
    // It leads on by itself, and stands still here to be looked at.
    tab.run(
        "fetch('/login/totp?next=/console/me', {headers: {accept: 'text/html'}}).then((answer) => answer.text()).then((text) => {
            const page = new DOMParser().parseFromString(text.replace(/<meta http-equiv=\"refresh\"[^>]*>/, ''), 'text/html');
            document.title = page.title;
            document.body.replaceWith(page.body);
        })",
    )
    .unwrap();
    assert!(tab.text("main").unwrap().contains("asks you again"));
    gallery.look(&mut tab, "prove-again");
    tab.open(&format!("{}/console/me", site.url)).unwrap();
    tab.follow(|tab| tab.click("form[action='/logout'] button")).unwrap();
    gallery.look(&mut tab, "signed-out");
    assert_eq!(gallery.0, Vec::<String>::new());
    tab.follow(|tab| tab.click("#everywhere")).unwrap();
    tab.wait_for("location.pathname === '/login'").unwrap();
    // There, too: it asks again.
    tab.follow(|tab| tab.click("#sso")).unwrap();
    tab.wait_for("document.querySelector('input[name=password]') !== null").unwrap();
    drop(tab);
    runtime.block_on(site.stop());
}
