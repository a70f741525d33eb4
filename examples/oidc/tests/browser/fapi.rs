//! FAPI 2.0: a pushed request, a signed answer, bound tokens; from the first click to the last.

use crate::{
    person::{client_key, confirm, http, is_in, is_out, provider, runtime, sign_in},
    site::Place,
};
use axess::factors::oauth::{ClientAuth, FapiConfig, SenderConstraint};
use axess_peers::{Browser, OpenIdProvider};

type Auth = fn(&OpenIdProvider) -> ClientAuth;

const WAYS: [(&str, SenderConstraint, Auth, &str); 3] = [
    ("fapi-dpop", SenderConstraint::DPoP, client_key, "DPoP"),
    ("fapi-mtls", SenderConstraint::Mtls, client_key, "Bearer"),
    ("mtls", SenderConstraint::Mtls, |_| ClientAuth::TlsClientAuth, "Bearer"),
];

#[test]
fn somebody_signs_in_by_fapi_and_out_again() {
    const NAME: &str = "example-oidc: somebody_signs_in_by_fapi_and_out_again";
    let Some(browser) = Browser::start(NAME).unwrap() else { return };
    let runtime = runtime();
    for (client, sender_constraint, auth, token_type) in WAYS {
        let place = Place::at("127.0.0.1");
        let strict = [("DPOP_NONCE", "1"), ("REQUIRE_PAR", "1")];
        let Some((_server, peer)) = provider(NAME, &[&place], &strict) else { return };
        let fapi = FapiConfig { require_jarm: true, ..FapiConfig::new(sender_constraint) };
        let config = place.config(&peer, client, auth(&peer)).with_fapi(fapi).with_scopes([
            "openid",
            "email",
            "offline_access",
        ]);
        let site = runtime.block_on(place.open(config, http(&peer)));
        let mut alice = browser.person().unwrap();
        is_out(&mut alice, &site);
        sign_in(&mut alice, &site);
        // What went through the browser says nothing, and what came back is signed.
        let begun = site.notes("begin").remove(0);
        let (_, query) = begun.split_once('?').unwrap();
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(names, ["client_id", "request_uri"], "{client}");
        assert_eq!(site.notes("callback"), ["callback response"], "{client}");

        alice.follow(|tab| tab.run("location.reload()").map(drop)).unwrap();
        assert_eq!(alice.text("body").unwrap(), "account of alice", "{client}");
        for _ in 0..2 {
            alice.open(&site.base).unwrap();
            alice.follow(|tab| tab.click("#refresh")).unwrap();
            let refreshed = alice.text("body").unwrap();
            assert_eq!(refreshed, format!("refreshed {token_type} new=true"), "{:?}", site.notes("refused"));
        }
        is_in(&mut alice, &site);

        alice.open(&site.base).unwrap();
        alice.follow(|tab| tab.click("#logout")).unwrap();
        confirm(&mut alice);
        assert_eq!(alice.run("location.href").unwrap(), format!("{}/", site.base), "{client}");
        assert!(alice.text("body").unwrap().contains("You are a guest"), "{client}");
        is_out(&mut alice, &site);
        // There, too: it asks again who it is.
        sign_in(&mut alice, &site);
        // Where a guest is refused, and where there is no icon, is nothing to complain about.
        let complaints = alice.complaints();
        assert!(complaints.iter().all(|one| one.starts_with("Failed to load resource")), "{complaints:?}");
    }
}
