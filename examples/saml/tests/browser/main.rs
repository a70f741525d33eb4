//! An application at SimpleSAMLphp, in a real browser: what is said about somebody is encrypted, the identity provider changes
//! its key while both run, and logouts begin there.

#[cfg(test)]
mod site;

#[cfg(test)]
use axess_peers::{Browser, Kind, Server, Tab, skip};
#[cfg(test)]
use site::Site;

/// Follows the link of the first page, and says at the identity provider who it is.
#[cfg(test)]
fn sign_in(alice: &mut Tab, site: &Site) {
    alice.open(&site.base).unwrap();
    alice.follow(|tab| tab.click("a")).unwrap();
    alice.wait_for("document.querySelector('[name=password]') !== null").unwrap();
    alice.fill("[name=username]", "alice").unwrap();
    alice.fill("[name=password]", "alicepass").unwrap();
    alice.follow(|tab| tab.press("Enter")).unwrap();
    // The answer is posted, and posted once more.
    let arrived = format!(
        "document.body && location.origin === '{}' && location.pathname !== '/saml/acs' && document.readyState === 'complete'",
        site.base
    );
    alice.wait_for(&arrived).unwrap();
}

#[cfg(test)]
fn account(alice: &mut Tab, site: &Site) -> String {
    alice.open(&format!("{}/account", site.base)).unwrap();
    alice.text("body").unwrap()
}

/// Signs out at the identity provider, which tells the application about it by the browser.
#[cfg(test)]
fn sign_out_there(alice: &mut Tab, idp: &str) {
    alice.open(&format!("{idp}/saml2/idp/SingleLogoutService.php?ReturnTo={idp}/sp")).unwrap();
    alice.wait_for("location.pathname === '/sp'").unwrap();
}

#[test]
fn what_is_said_about_somebody_is_encrypted_and_keys_change_meanwhile() {
    const NAME: &str = "example-saml: what_is_said_about_somebody_is_encrypted_and_keys_change_meanwhile";
    if let Some(reason) = Kind::SimpleSamlPhp.missing() {
        return skip(NAME, &reason);
    }
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let server = Server::start(Kind::SimpleSamlPhp).unwrap();
    let idp = server.url().trim_end_matches('/').to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let site = runtime.block_on(Site::open(&idp, "encrypt&encrypt-name"));
    let mut alice = browser.person().unwrap();

    // Its next certificate is announced, and known here before its key signs.
    for (step, is_told) in [(0, false), (1, true), (2, false)] {
        runtime.block_on(site.change_key(step, is_told));
        sign_in(&mut alice, &site);
        assert_eq!(account(&mut alice, &site), "account of alice", "{step}");
        let [answer] = &site.notes()[..] else { panic!("{step}: not one answer") };
        let answer = alice.run(&format!("atob('{answer}')")).unwrap().to_string();
        assert!(answer.contains("EncryptedAssertion") && !answer.contains("alice"), "{step}: {answer}");

        sign_out_there(&mut alice, &idp);
        assert!(account(&mut alice, &site).contains("authentication_required"), "{step}");
        let notes = site.notes();
        assert_eq!(notes, ["ended 1"], "{step}");
    }

    // The first key signs again: it is good until the metadata without it are here.
    runtime.block_on(site.change_key(0, false));
    sign_in(&mut alice, &site);
    sign_out_there(&mut alice, &idp);
    runtime.block_on(site.change_key(2, true));
    runtime.block_on(site.change_key(0, false));
    site.notes();
    sign_in(&mut alice, &site);
    assert!(account(&mut alice, &site).contains("authentication_required"));
    assert_eq!(site.notes()[1..], ["refused SignatureInvalid"]);
}
