//! How a session begins, changes its id, is written, slides and ends.

use super::{
    browser::Browser,
    probe::Call::{Cycle, End, Load, Save},
    site::Site,
};
use axess_clock::Clock;
use axess_core::store::SessionStore;
use http::StatusCode;
use std::time::Duration;

const REMOVAL: &str = "__Host-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";

#[tokio::test]
async fn a_login_changes_the_id_and_keeps_the_data() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    let planted = browser.clone();
    let guest_id = site.store.written().id;

    let mut browser = site.logged_in(browser).await;
    let row = site.store.written();
    assert_ne!(row.id, guest_id);
    assert_eq!((row.lineage, site.store.len()), (guest_id, 1), "the old row is gone");
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
    assert_eq!(browser.get("/read").await.body, "green");

    // Whoever planted or copied the cookie from before has nothing.
    let mut planted = planted;
    assert_eq!(planted.get("/whoami").await.body, "guest");
    assert_eq!(planted.get("/read").await.body, "");
}

#[tokio::test]
async fn every_step_of_a_login_changes_the_id() {
    let site = Site::new().await;
    let halfway = site.bob_halfway().await;
    let before = site.store.written().id;
    let code = site.bob().await;
    assert_ne!(site.store.written().id, before);
    assert_eq!({ code }.get("/whoami").await.body, "authenticated");
    assert_eq!({ halfway }.get("/whoami").await.body, "authenticating", "another browser is another login");
}

#[tokio::test]
async fn a_dead_cookie_does_not_take_the_living_one_away() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    let mut late = browser.clone();
    let mut browser = site.logged_in(browser).await;
    // A request the browser sent before it had the new cookie is answered after.
    let reply = late.get("/read").await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::OK, None));
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
}

#[tokio::test]
async fn a_logout_ends_the_row_and_removes_the_cookie() {
    let site = Site::new().await;
    let mut browser = site.alice().await;
    let mut copied = browser.clone();
    let reply = browser.post("/logout").await;
    assert_eq!((reply.status, reply.session_cookie()), (StatusCode::NO_CONTENT, Some(REMOVAL)));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!((site.store.len(), &browser.cookie), (0, &None));
    assert_eq!(copied.get("/whoami").await.body, "guest");
    assert_eq!(copied.get("/read").await.header("set-cookie"), None);
}

#[tokio::test]
async fn a_logout_with_a_rotated_cookie_ends_what_became_of_it() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    let mut late = browser.clone();
    let mut browser = site.logged_in(browser).await;
    assert_eq!(late.post("/logout").await.session_cookie(), Some(REMOVAL));
    assert_eq!((site.store.len(), browser.get("/whoami").await.body.as_str()), (0, "guest"));
}

#[tokio::test]
async fn a_logout_without_a_session_is_quiet() {
    let site = Site::new().await;
    let reply = site.browser().post("/logout").await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::NO_CONTENT, None));
    assert_eq!(site.store.calls(), []);
}

#[tokio::test]
async fn only_what_changed_is_written() {
    let site = Site::new().await;
    let mut browser = site.alice().await;
    site.store.calls();
    for (path, expected) in [
        ("/read", vec![Load]),
        ("/whoami", vec![Load]),
        ("/remove", vec![Load]),
        ("/write", vec![Load, Save]),
        ("/read", vec![Load]),
        ("/remove", vec![Load, Save]),
        ("/remove", vec![Load]),
        ("/nowhere", vec![Load]),
    ] {
        let reply = browser.get(path).await;
        assert_eq!((path, site.store.calls()), (path, expected));
        assert_eq!(reply.session_cookie(), None, "{path}: the id did not change");
    }
    browser.post("/rotate").await;
    assert_eq!(site.store.calls(), [Load, Cycle]);
    browser.post("/logout").await;
    assert_eq!(site.store.calls(), [Load, End]);
}

/// A browser with a session of 1000 seconds, begun now.
async fn short(site: &Site) -> Browser {
    let layer = site.layer().with_ttl(Duration::from_secs(1_000));
    let mut browser = Browser::new(site.app_with(&layer));
    let reply = browser.get("/write").await;
    assert!(reply.session_cookie().unwrap().contains("; Max-Age=1000; "));
    site.store.calls();
    browser
}

#[tokio::test]
async fn an_idle_session_expires() {
    let site = Site::new().await;
    let mut browser = short(&site).await;
    site.clock.advance(Duration::from_secs(999));
    assert_eq!(browser.clone().get("/read").await.body, "green");
    let site = Site::new().await;
    browser = short(&site).await;
    site.clock.advance(Duration::from_secs(1_000));
    let reply = browser.get("/read").await;
    assert_eq!((reply.body.as_str(), reply.header("set-cookie")), ("", None));
}

#[tokio::test]
async fn use_keeps_a_session_alive_and_tells_the_browser_now_and_then() {
    let site = Site::new().await;
    let mut browser = short(&site).await;
    let id = browser.cookie.clone();
    // (seconds to wait, path, calls, Max-Age of the cookie)
    for (step, (wait, path, calls, age)) in [
        (400, "/read", vec![Load], None),
        (100, "/read", vec![Load], None),
        // Less than half is left: the row slides and so does the cookie.
        (1, "/read", vec![Load, Save], Some("; Max-Age=1000; ")),
        (400, "/read", vec![Load], None),
        // A write slides the row every time, the cookie only when it is half a lifetime behind.
        (99, "/write", vec![Load, Save], None),
        (100, "/write", vec![Load, Save], Some("; Max-Age=1000; ")),
        (900, "/read", vec![Load, Save], Some("; Max-Age=1000; ")),
    ]
    .into_iter()
    .enumerate()
    {
        site.clock.advance(Duration::from_secs(wait));
        let reply = browser.get(path).await;
        assert_eq!((step, site.store.calls()), (step, calls));
        match (reply.session_cookie(), age) {
            (Some(set), Some(age)) => assert!(set.contains(age), "step {step}: {set}"),
            (set, age) => assert_eq!((step, set), (step, age)),
        }
        assert_eq!(browser.cookie, id, "sliding does not change the id");
    }
    assert_eq!(site.store.written().expires_at, site.clock.now() + Duration::from_secs(1_000));
}

#[tokio::test]
async fn no_activity_extends_an_absolute_lifetime() {
    let site = Site::new().await;
    let layer = site.layer().with_ttl(Duration::from_secs(1_000));
    let layer = layer.with_absolute_ttl(Duration::from_secs(1_600));
    let browser = Browser::new(site.app_with(&layer));
    let began = site.clock.now();
    let mut browser = site.logged_in(browser).await;
    for (wait, age) in [(900, Some("; Max-Age=700; ")), (500, None)] {
        site.clock.advance(Duration::from_secs(wait));
        let reply = browser.get("/write").await;
        assert_eq!(reply.session_cookie().is_some(), age.is_some(), "{wait}");
        assert!(reply.session_cookie().unwrap_or_default().contains(age.unwrap_or_default()), "{reply:?}");
        assert_eq!(site.store.written().expires_at, began + Duration::from_secs(1_600));
    }
    // A new id is not a new session.
    assert!(browser.post("/rotate").await.session_cookie().unwrap().contains("; Max-Age=200; "));
    site.clock.advance(Duration::from_secs(199));
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(browser.get("/whoami").await.body, "guest");
}

#[tokio::test]
async fn a_shorter_absolute_lifetime_holds_for_sessions_that_began_before() {
    let site = Site::new().await;
    let mut browser = site.alice().await;
    site.clock.advance(Duration::from_secs(600));
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
    let strict = site.layer().with_absolute_ttl(Duration::from_secs(600));
    let mut browser = browser.at(site.app_with(&strict));
    assert_eq!(browser.get("/whoami").await.body, "guest");
    assert_eq!(site.store.len(), 0);
}

#[tokio::test]
async fn ending_all_sessions_of_a_user_reaches_every_browser() {
    let site = Site::new().await;
    let mut first = site.bob().await;
    site.clock.advance(Duration::from_secs(60));
    let mut second = site.bob().await;
    let mut other = site.alice().await;
    assert_eq!(site.store.end_for_user(site.bob_as_owner(), None).await.unwrap(), 2);
    assert_eq!(first.get("/whoami").await.body, "guest");
    assert_eq!(second.get("/whoami").await.body, "guest");
    assert_eq!(other.get("/whoami").await.body, "authenticated");
}
