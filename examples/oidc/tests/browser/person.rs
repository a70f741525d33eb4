//! What a person does in the browser, and the provider that they meet there.

use crate::site::{Place, Site};
use axess::{
    factors::oauth::{ClientAuth, ClientCertificate, HttpClient, HttpSettings},
    jose::{Algorithm, SigningKey},
};
use axess_peers::{Kind, OpenIdProvider, Server, Tab, skip};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Starts a provider that has pages and knows these applications.
pub(crate) fn provider(
    test: &str,
    places: &[&Place],
    more: &[(&str, &str)],
) -> Option<(Server, OpenIdProvider)> {
    if let Some(reason) = Kind::OpenIdProvider.missing() {
        skip(test, &reason);
        return None;
    }
    let all = |of: fn(&Place) -> String| places.iter().map(|place| of(place)).collect::<Vec<_>>().join(",");
    let (callbacks, afters) = (all(Place::callback), all(Place::after));
    let own = [("REDIRECT_URIS", callbacks.as_str()), ("POST_LOGOUT_REDIRECT_URIS", &afters), ("ASK", "1")];
    let variables = own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let server = Server::start_with_variables(Kind::OpenIdProvider, variables.collect()).unwrap();
    let peer = server.openid_provider().unwrap();
    Some((server, peer))
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn http(peer: &OpenIdProvider) -> HttpClient {
    let (chain, key) = peer.client_certificate("client").unwrap();
    HttpClient::new(&HttpSettings {
        extra_roots: Some(peer.authority().unwrap()),
        client_certificate: Some(ClientCertificate::new(chain, key)),
        ..HttpSettings::default()
    })
    .unwrap()
}

pub(crate) fn client_key(peer: &OpenIdProvider) -> ClientAuth {
    let (_, key) = peer.client_certificate("client").unwrap();
    let key = SigningKey::from_pkcs8_pem(Algorithm::Es256, &key).unwrap().with_kid("client");
    ClientAuth::PrivateKeyJwt(Arc::new(key))
}

fn title(tab: &mut Tab) -> String {
    tab.run("document.title").unwrap().as_str().unwrap_or_default().to_owned()
}

/// Follows the link of the first page to the provider, and says there who it is.
pub(crate) fn sign_in(tab: &mut Tab, site: &Site) {
    tab.open(&site.base).unwrap();
    tab.follow(|tab| tab.click("a")).unwrap();
    for (password, then) in [("wrong", "Sign in"), ("alicepass", "Allow")] {
        assert_eq!(title(tab), "Sign in", "{}", tab.text("body").unwrap());
        tab.fill("[name=name]", "alice").unwrap();
        tab.fill("[name=password]", password).unwrap();
        tab.follow(|tab| tab.press("Enter")).unwrap();
        assert_eq!(title(tab), then, "{}", tab.text("body").unwrap());
    }
    allow(tab, site);
}

/// Says that the application may have what it asks for; it is then signed in there.
pub(crate) fn allow(tab: &mut Tab, site: &Site) {
    assert_eq!(title(tab), "Allow", "{}", tab.text("body").unwrap());
    tab.follow(|tab| tab.click("button")).unwrap();
    assert_eq!(tab.text("body").unwrap(), "account of alice");
    assert_eq!(tab.run("location.href").unwrap(), format!("{}/account", site.base));
}

/// Says at the provider that the session there is to end, too.
pub(crate) fn confirm(tab: &mut Tab) {
    assert_eq!(title(tab), "Logout", "{}", tab.text("body").unwrap());
    tab.follow(|tab| tab.click("[name=logout]")).unwrap();
}

/// Clicks once more, and is a guest.
pub(crate) fn is_out(tab: &mut Tab, site: &Site) {
    tab.open(&format!("{}/account", site.base)).unwrap();
    let text = tab.text("body").unwrap();
    assert!(text.contains("authentication_required"), "{text}");
}

pub(crate) fn is_in(tab: &mut Tab, site: &Site) {
    tab.open(&format!("{}/account", site.base)).unwrap();
    assert_eq!(tab.text("body").unwrap(), "account of alice");
}
