//! Keys of the cookie change while sessions live on.

use super::{
    probe::Call,
    site::{KEY, Site},
};
use axess_http::{CookieKeyRing, FingerprintPolicy};
use http::StatusCode;

const NEXT: [u8; 32] = [8; 32];

#[tokio::test]
async fn a_previous_key_is_accepted_and_its_cookie_reissued() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    let old = browser.cookie.clone();

    // A strict fingerprint policy: the key behind the fingerprint changes with the signing key, the browser does not.
    let next = site.layer_with_key(NEXT).with_previous_key(KEY);
    let next = next.with_fingerprint_policy(FingerprintPolicy::Revoke);
    let mut browser = browser.at(site.app_with(&next));
    site.store.calls();
    let reply = browser.get("/read").await;
    // Bound to the browser under the new key, too.
    assert_eq!((reply.body.as_str(), site.store.calls()), ("green", vec![Call::Load, Call::Save]));
    let set = reply.session_cookie().unwrap();
    assert!(set.contains("; Max-Age=86400; "), "{set}");
    assert_ne!(browser.cookie, old);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(site.counts.mismatches(), 0);

    let reply = browser.get("/read").await;
    assert_eq!((reply.body.as_str(), reply.session_cookie()), ("green", None), "once is enough");
    assert_eq!(site.store.calls(), [Call::Load]);

    // The old key is retired: what it signed is worth nothing, what the new one signed is.
    let retired = site.layer_with_key(NEXT).with_fingerprint_policy(FingerprintPolicy::Revoke);
    let retired = site.app_with(&retired);
    assert_eq!(browser.clone().at(retired.clone()).get("/read").await.body, "green");
    assert_eq!(browser.clone().at(retired).with_cookie(old.unwrap()).get("/read").await.body, "");
    assert_eq!(site.counts.mismatches(), 0);
}

#[tokio::test]
async fn a_reissued_cookie_lives_as_long_as_its_session() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    site.clock.advance(std::time::Duration::from_secs(3_600));
    let ring = CookieKeyRing::new(NEXT).unwrap().with_previous_key(KEY).unwrap();
    let reply = browser.at(site.app_with(&site.layer().with_key_ring(ring))).get("/read").await;
    assert!(reply.session_cookie().unwrap().contains("; Max-Age=82800; "), "{reply:?}");
}

#[tokio::test]
async fn a_ring_is_rotated_while_requests_are_served() {
    let site = Site::new().await;
    let ring = CookieKeyRing::new(KEY).unwrap();
    let app = site.app_with(&site.layer().with_key_ring(ring.clone()));
    let mut browser = site.browser().at(app);
    browser.get("/write").await;
    let first = browser.cookie.clone();

    ring.rotate(NEXT).unwrap();
    assert_eq!(browser.get("/read").await.body, "green");
    assert_ne!(browser.cookie, first, "reissued under the new key");

    ring.retire_previous();
    assert_eq!(browser.get("/read").await.body, "green");
    assert_eq!(browser.with_cookie(first.unwrap()).get("/read").await.body, "");
}

#[tokio::test]
async fn a_previous_key_signs_nothing() {
    let site = Site::new().await;
    let both = site.app_with(&site.layer_with_key(NEXT).with_previous_key(KEY));
    let mut browser = site.browser().at(both);
    assert_eq!(browser.get("/write").await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        browser.clone().at(site.app()).get("/read").await.body,
        "",
        "the old key alone does not know it"
    );
    assert_eq!(browser.at(site.app_with(&site.layer_with_key(NEXT))).get("/read").await.body, "green");
}
