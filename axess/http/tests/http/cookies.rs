//! The session cookie as a browser sees it: when it is set, how, and which ones are refused.

use super::{browser::Browser, probe::Call, site::Site};
use axess_http::{MAX_COOKIE_HEADER_BYTES, MAX_COOKIE_PAIRS, SameSite, SessionCookieConfig};
use axum::{Router, response::AppendHeaders, routing::get};
use http::{StatusCode, header};

/// A browser whose session has the color green.
async fn green(site: &Site) -> Browser {
    let mut browser = site.browser();
    assert_eq!(browser.get("/write").await.status, StatusCode::NO_CONTENT);
    site.store.calls();
    browser
}

/// Tells whether a request with these `Cookie` headers is taken for the session of [`green`].
async fn is_green(site: &Site, cookies: &[&[u8]]) -> bool {
    let browser = cookies.iter().fold(site.browser(), |browser, line| browser.with_header("cookie", line));
    let reply = { browser }.get("/read").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.session_cookie(), None, "a cookie that counts as none is left alone");
    let loads = site.store.calls();
    match reply.body.as_str() {
        "green" => assert_eq!(loads, [Call::Load]),
        other => assert_eq!((other, loads), ("", vec![]), "a refused cookie must not reach the store"),
    }
    reply.body == "green"
}

#[tokio::test]
async fn without_a_cookie_nothing_is_set_and_the_store_is_left_alone() {
    let site = Site::new().await;
    let reply = site.browser().get("/read").await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
    assert_eq!((reply.header("set-cookie"), reply.header("cache-control")), (None, None));
    assert_eq!(site.store.calls(), []);
}

#[tokio::test]
async fn a_value_makes_a_row_and_a_cookie() {
    let site = Site::new().await;
    let mut browser = site.browser();
    let reply = browser.get("/write").await;
    assert_eq!((site.store.calls(), site.store.len()), (vec![Call::Insert], 1));
    let attributes = reply.session_cookie().unwrap().split_once(';').unwrap().1.to_owned();
    assert_eq!(attributes, " Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax");
    assert!(reply.session_cookie().unwrap().starts_with("__Host-session="));
    assert_eq!(reply.header("cache-control"), Some("no-store"));

    let reply = browser.get("/read").await;
    assert_eq!((reply.body.as_str(), reply.header("set-cookie")), ("green", None));
    assert_eq!(reply.header("cache-control"), None);
}

#[tokio::test]
async fn settings_show_in_the_cookie() {
    let site = Site::new().await;
    let layer = || site.layer();
    let domain = SessionCookieConfig {
        domain: Some("example.com".to_owned()),
        path: "/app".to_owned(),
        ..SessionCookieConfig::default()
    };
    let cases = [
        (layer().with_secure(false), "session", "; Path=/; HttpOnly; SameSite=Lax"),
        (
            layer().with_same_site(SameSite::Strict),
            "__Host-session",
            "; Path=/; HttpOnly; Secure; SameSite=Strict",
        ),
        (
            layer().with_same_site(SameSite::None),
            "__Host-session",
            "; Path=/; HttpOnly; Secure; SameSite=None",
        ),
        (
            layer().with_cookie(domain),
            "session",
            "; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Lax",
        ),
    ];
    for (layer, name, attributes) in cases {
        let mut browser = Browser::new(site.app_with(&layer));
        let reply = browser.get("/write").await;
        let set = reply.session_cookie().unwrap();
        assert_eq!(set.split_once('=').unwrap().0, name);
        assert_eq!(set.split_once("; Max-Age=86400").unwrap().1, attributes);
        assert_eq!(browser.get("/read").await.body, "green", "{name}");
        let reply = browser.post("/logout").await;
        assert_eq!(reply.session_cookie(), Some(format!("{name}=; Max-Age=0{attributes}").as_str()));
    }
}

#[tokio::test]
async fn a_name_that_occurs_twice_counts_as_none() {
    let site = Site::new().await;
    let cookie = green(&site).await.cookie.unwrap();
    let other = site.alice().await.cookie.unwrap();
    site.store.calls();
    let twice = |a: &str, b: &str| format!("{a}; {b}").into_bytes();
    for second in [cookie.as_str(), &other, "__Host-session=", "__Host-session=x"] {
        for line in
            [twice(&cookie, second), twice(second, &cookie), twice(&cookie, &format!("a=b; {second}"))]
        {
            assert!(!is_green(&site, &[&line]).await, "{:?}", String::from_utf8(line));
        }
        assert!(!is_green(&site, &[cookie.as_bytes(), second.as_bytes()]).await, "two headers: {second}");
        assert!(!is_green(&site, &[b"a=b", second.as_bytes(), cookie.as_bytes()]).await, "three: {second}");
    }
    // Neighbours with similar names change nothing, wherever they stand.
    let line = format!("session=x; __Host-session2=x; x__Host-session=x; {cookie}; __host-session=x; =x; x");
    assert!(is_green(&site, &[line.as_bytes()]).await);
    assert!(is_green(&site, &[b"a=b", cookie.as_bytes(), b"session=x"]).await);
}

#[tokio::test]
async fn an_overfull_jar_counts_as_none() {
    let site = Site::new().await;
    let cookie = green(&site).await.cookie.unwrap();
    let padded = |total: usize| format!("a={}; {cookie}", "x".repeat(total - cookie.len() - 4));
    assert!(is_green(&site, &[padded(MAX_COOKIE_HEADER_BYTES).as_bytes()]).await);
    assert!(!is_green(&site, &[padded(MAX_COOKIE_HEADER_BYTES + 1).as_bytes()]).await);
    let half = format!("a={}", "x".repeat(MAX_COOKIE_HEADER_BYTES / 2));
    assert!(is_green(&site, &[half.as_bytes(), cookie.as_bytes()]).await);
    assert!(
        !is_green(&site, &[half.as_bytes(), cookie.as_bytes(), half.as_bytes()]).await,
        "over all headers"
    );

    let crowd = |others: usize| format!("{}{cookie}", "a=b; ".repeat(others));
    assert!(is_green(&site, &[crowd(MAX_COOKIE_PAIRS - 1).as_bytes()]).await);
    assert!(!is_green(&site, &[crowd(MAX_COOKIE_PAIRS).as_bytes()]).await);
}

#[tokio::test]
async fn a_value_that_is_changed_anywhere_counts_as_none() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let site = Site::new().await;
    let browser = green(&site).await;
    let value = browser.cookie_value().to_owned();
    let (id, tag) = (value.find('.').unwrap(), value.rfind('.').unwrap());
    for at in 0..value.len() {
        // The last character of each part also carries bits that decode to nothing: none may vary.
        let all = [id - 1, tag - 1, value.len() - 1].contains(&at);
        for other in if all { ALPHABET } else { b"Az.=%" } {
            let mut forged = format!("__Host-session={value}").into_bytes();
            let at = at + "__Host-session=".len();
            if forged[at] != *other {
                forged[at] = *other;
                assert!(!is_green(&site, &[&forged]).await, "{}", String::from_utf8(forged).unwrap());
            }
        }
    }
    for length in 0..value.len() {
        assert!(!is_green(&site, &[format!("__Host-session={}", &value[..length]).as_bytes()]).await);
    }
    for (before, after) in [("", "="), ("", "A"), ("", ".A"), ("A", ""), ("\"", "\""), ("%20", "")] {
        assert!(!is_green(&site, &[format!("__Host-session={before}{value}{after}").as_bytes()]).await);
    }
    assert!(
        is_green(&site, &[format!(" __Host-session = {value} ;").as_bytes()]).await,
        "spaces are no forgery"
    );
}

#[tokio::test]
async fn a_value_signed_for_another_name_or_with_another_key_counts_as_none() {
    let site = Site::new().await;
    let browser = green(&site).await;
    let insecure = site.app_with(&site.layer().with_secure(false));
    let moved = format!("session={}", browser.cookie_value());
    assert_eq!(browser.clone().at(insecure).with_cookie(moved).get("/read").await.body, "");

    let foreign = site.app_with(&site.layer_with_key([8; 32]));
    assert_eq!(browser.clone().at(foreign).get("/read").await.body, "");
    assert_eq!(site.store.calls(), [], "neither reached the store");
    assert_eq!({ browser }.get("/read").await.body, "green");
}

#[tokio::test]
async fn the_handlers_own_headers_stay_except_that_nothing_with_a_session_cookie_is_cached() {
    let site = Site::new().await;
    let page = async |session: axess_http::AuthSession| {
        session.set_custom("seen", &true).unwrap();
        let own = [(header::SET_COOKIE, "own=1"), (header::CACHE_CONTROL, "public, max-age=60")];
        (AppendHeaders(own), "page")
    };
    let app = Router::new().route("/", get(page)).layer(site.layer());
    let mut browser = Browser::new(app);
    let first = browser.get("/").await;
    let set: Vec<_> =
        first.headers.get_all(header::SET_COOKIE).iter().map(|value| value.as_bytes()).collect();
    assert_eq!((set.len(), set[0]), (2, b"own=1".as_slice()));
    let caching: Vec<_> = first.headers.get_all(header::CACHE_CONTROL).iter().collect();
    assert_eq!(caching, ["no-store"], "a shared cache would give this cookie to others");

    let second = browser.get("/").await;
    assert_eq!((second.header("set-cookie"), second.session_cookie()), (Some("own=1"), None));
    assert_eq!(second.header("cache-control"), Some("public, max-age=60"));
}
