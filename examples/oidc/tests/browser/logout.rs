//! Logouts that begin elsewhere: at the provider, or in another application of it.

use crate::{
    person::{allow, client_key, confirm, http, is_in, is_out, provider, runtime, sign_in},
    site::{Place, Site},
};
use axess::factors::oauth::{ClientAuth, FapiConfig, SenderConstraint};
use axess_peers::{Browser, OpenIdProvider, Server, Tab};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A shop and a bank at one provider, on names of this machine that share no cookies.
struct World {
    _server: Server,
    peer: OpenIdProvider,
    shop: Arc<Site>,
    bank: Arc<Site>,
}

fn world(test: &str, runtime: &Runtime, logout: &str) -> Option<World> {
    let (shop, bank) = (Place::at("127.0.0.1"), Place::at("localhost"));
    let path = logout.to_lowercase();
    let (from_shop, from_bank) = match logout {
        "BACKCHANNEL" => (&shop.inside, &bank.inside),
        _ => (&shop.base, &bank.base),
    };
    let addresses = format!("fapi-dpop={from_shop}/logout/{path},mtls={from_bank}/logout/{path}");
    let variable = format!("{logout}_LOGOUT_URI");
    let (server, peer) = provider(test, &[&shop, &bank], &[(&variable, &addresses)])?;
    let named = serde_json::json!({ "id_token": { "sid": null } });
    let dpop = FapiConfig { require_jarm: true, ..FapiConfig::new(SenderConstraint::DPoP) };
    let config =
        shop.config(&peer, "fapi-dpop", client_key(&peer)).with_fapi(dpop).with_claims(named.clone());
    let shop = runtime.block_on(shop.open(config, http(&peer)));
    let mtls = FapiConfig { require_jarm: true, ..FapiConfig::new(SenderConstraint::Mtls) };
    let config = bank.config(&peer, "mtls", ClientAuth::TlsClientAuth).with_fapi(mtls).with_claims(named);
    let bank = runtime.block_on(bank.open(config, http(&peer)));
    Some(World { _server: server, peer, shop, bank })
}

impl World {
    /// Signs somebody in at both; who it is they say once.
    fn sign_in(&self, tab: &mut Tab) {
        sign_in(tab, &self.shop);
        tab.open(&self.bank.base).unwrap();
        tab.follow(|tab| tab.click("a")).unwrap();
        allow(tab, &self.bank);
        is_in(tab, &self.shop);
    }

    /// Signs out in the shop, which asks the provider to end the session there.
    fn sign_out_of_the_shop(&self, tab: &mut Tab) {
        tab.open(&self.shop.base).unwrap();
        tab.follow(|tab| tab.click("#logout")).unwrap();
        is_in_meanwhile(tab, &self.bank);
        confirm(tab);
        tab.wait_for(&format!("location.href === '{}/'", self.shop.base)).unwrap();
    }
}

/// Nothing has been said to the provider yet.
fn is_in_meanwhile(tab: &mut Tab, site: &Site) {
    let asked = tab.run("location.href").unwrap();
    is_in(tab, site);
    tab.open(asked.as_str().unwrap()).unwrap();
}

#[test]
fn the_providers_server_ends_the_sessions_of_both_applications() {
    const NAME: &str = "example-oidc: the_providers_server_ends_the_sessions_of_both_applications";
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let runtime = runtime();
    let Some(world) = world(NAME, &runtime, "BACKCHANNEL") else { return };
    let (mut alice, mut elsewhere) = (browser.person().unwrap(), browser.person().unwrap());
    world.sign_in(&mut elsewhere);
    for begins in ["the shop", "the provider"] {
        world.sign_in(&mut alice);
        if begins == "the shop" {
            world.sign_out_of_the_shop(&mut alice);
        } else {
            alice.open(&format!("{}/session/end", world.peer.issuer())).unwrap();
            confirm(&mut alice);
        }
        for (site, sessions) in [(&world.bank, 1), (&world.shop, u64::from(begins == "the provider"))] {
            is_out(&mut alice, site);
            let ended =
                format!("backchannel [Ended {{ sessions: {sessions}, answer: None }}, Refused(Replayed)]");
            assert_eq!(site.notes("backchannel"), [ended], "{begins}");
        }
        // The same person in another browser has another session at the provider.
        is_in(&mut elsewhere, &world.shop);
        is_in(&mut elsewhere, &world.bank);
    }
}

#[test]
fn a_frame_of_the_provider_ends_the_sessions_without_their_cookies() {
    const NAME: &str = "example-oidc: a_frame_of_the_provider_ends_the_sessions_without_their_cookies";
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let runtime = runtime();
    let Some(world) = world(NAME, &runtime, "FRONTCHANNEL") else { return };
    let (mut alice, mut elsewhere) = (browser.person().unwrap(), browser.person().unwrap());
    world.sign_in(&mut elsewhere);
    world.sign_in(&mut alice);
    world.sign_out_of_the_shop(&mut alice);
    is_out(&mut alice, &world.bank);
    is_out(&mut alice, &world.shop);
    is_in(&mut elsewhere, &world.shop);
    is_in(&mut elsewhere, &world.bank);
    // The frames are on another site's page: no cookie comes along, not even one that may leave its site, as Chromium blocks those.
    // The shop's own session was over before it asked.
    for (site, sessions) in [(&world.bank, 1), (&world.shop, 0)] {
        let frame =
            format!("frame iframe cross-site cookies=- Ended {{ sessions: {sessions}, answer: None }}");
        assert_eq!(site.notes("frame"), [frame]);
        alice.open(&site.base).unwrap();
        let kept = alice.run("document.cookie").unwrap();
        for name in ["strict=1", "lax=1", "none=1"] {
            assert!(kept.as_str().unwrap().contains(name), "{name} was never there: {kept}");
        }
    }
    // Nor was a frame's page refused by what it says itself.
    let complaints = alice.complaints();
    assert!(!complaints.iter().any(|one| one.contains("frame-ancestors")), "{complaints:?}");
}

#[test]
fn a_page_of_somebody_else_ends_nothing() {
    const NAME: &str = "example-oidc: a_page_of_somebody_else_ends_nothing";
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let runtime = runtime();
    let Some(world) = world(NAME, &runtime, "FRONTCHANNEL") else { return };
    let mut alice = browser.person().unwrap();
    world.sign_in(&mut alice);
    // It knows where the bank is and who the provider is, and not how the session is called.
    let guesses = ["sid=guessed", "sid=", "", "sid=a&sid=b"];
    alice.open(&format!("{}/", world.shop.base)).unwrap();
    for guess in guesses {
        let frame = format!("{}/logout/frontchannel?iss={}&{guess}", world.bank.base, world.peer.issuer());
        let framed = format!(
            "new Promise((done) => {{ const frame = document.createElement('iframe'); frame.onload = () => done(true); \
             frame.src = {frame:?}; document.body.append(frame); }})"
        );
        assert_eq!(alice.run(&framed).unwrap(), true, "{guess}");
    }
    let complaints = alice.complaints();
    assert!(complaints.iter().any(|one| one.contains("frame-ancestors")), "{complaints:?}");
    let notes = world.bank.notes("frame");
    assert!(notes.len() == 1 && notes[0].ends_with("Ended { sessions: 0, answer: None }"), "{notes:?}");
    is_in(&mut alice, &world.bank);
}
