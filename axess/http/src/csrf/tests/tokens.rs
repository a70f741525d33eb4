use super::*;
use axum::{Extension, response::AppendHeaders};
use http::HeaderValue;

fn in_session(mut request: Request<Body>, session: &SessionHandle) -> Request<Body> {
    request.extensions_mut().insert(session.clone());
    request
}

/// Opens the page and returns the rendered token and the cookie pair that was set, if any.
async fn open_page(app: &Router, session: &SessionHandle, cookies: &str) -> (String, Option<String>) {
    let response = send(app, in_session(request("GET", "/page", &[("cookie", cookies)]), session)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let set = set_cookie(response.headers());
    (text(response).await, set)
}

/// Returns the one cookie pair a response sets, after checking its attributes.
fn set_cookie(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(header::SET_COOKIE).iter();
    let set = all.next()?;
    assert!(all.next().is_none() && set.is_sensitive());
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let (pair, attributes) = set.to_str().unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; Secure; SameSite=Lax");
    assert!(pair.starts_with("__Host-csrf="));
    Some(pair.to_owned())
}

/// Posts as an old browser does, with these cookies and this token header.
async fn post(app: &Router, session: &SessionHandle, cookies: &str, token: Option<&str>) -> u16 {
    let mut headers = vec![("cookie", cookies)];
    headers.extend(token.map(|token| ("x-csrf-token", token)));
    let response = send(app, in_session(request("POST", "/", &headers), session)).await;
    assert!(set_cookie(response.headers()).is_none());
    response.status().as_u16()
}

#[tokio::test]
async fn a_rendered_token_passes_with_its_cookie() {
    let site = TestSite::new();
    for session in [site.guest().await, site.logged_in().await] {
        let app = app(config());
        let (token, pair) = open_page(&app, &session, "a=b").await;
        let pair = pair.unwrap();
        assert_eq!(pair, format!("__Host-csrf={token}"));
        assert_eq!(token.len(), 64);
        assert!(token.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)));
        assert_eq!(post(&app, &session, &format!("a=b; {pair}"), Some(&token)).await, 200);
        // A second page shows the token the browser already has, and sets nothing.
        assert_eq!(open_page(&app, &session, &pair).await, (token, None));
    }
}

#[tokio::test]
async fn header_and_cookie_must_both_be_the_token() {
    let (app, session) = (app(config()), TestSite::new().logged_in().await);
    let (token, pair) = open_page(&app, &session, "").await;
    let pair = pair.unwrap();
    let (other, other_pair) = open_page(&app, &session, "").await;
    assert_ne!(token, other, "every mint has its own nonce");
    for (cookies, header) in [
        (pair.as_str(), None),
        (pair.as_str(), Some("")),
        (pair.as_str(), Some(other.as_str())),
        (&other_pair.unwrap(), Some(&token)),
        ("a=b", Some(&token)),
        (&format!("{pair}; {pair}"), Some(&token)),
        (&format!("{pair}x"), Some(&format!("{token}x"))),
        (&format!("csrf={token}"), Some(&token)),
        ("__Host-csrf=", Some("")),
        ("__Host-csrf=evil", Some("evil")),
    ] {
        assert_eq!(post(&app, &session, cookies, header).await, 403, "{cookies} {header:?}");
    }
    let mut twice = request("POST", "/", &[("cookie", &pair), ("x-csrf-token", &token)]);
    let again = HeaderValue::from_str(&token).unwrap();
    twice.headers_mut().append("x-csrf-token", again);
    assert_eq!(send(&app, in_session(twice, &session)).await.status(), 403);
    assert_eq!(post(&app, &session, &pair, Some(&token)).await, 200, "and it still passes");
}

#[tokio::test]
async fn every_single_character_change_is_refused() {
    let (app, session) = (app(config()), TestSite::new().logged_in().await);
    let (token, _) = open_page(&app, &session, "").await;
    for at in 0..token.len() {
        for other in ["A", "B", "_", "=", "."] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            if changed != token {
                let status = post(&app, &session, &format!("__Host-csrf={changed}"), Some(&changed)).await;
                assert_eq!(status, 403, "{changed}");
            }
        }
    }
}

#[tokio::test]
async fn tokens_of_another_session_or_from_before_the_login_do_not_pass() {
    let (app, site) = (app(config()), TestSite::new());
    let (guest, mine, theirs) = (site.guest().await, site.logged_in().await, site.logged_in().await);
    for (case, minted_in, used_in) in [
        ("before the login", &guest, &mine),
        ("after the logout", &mine, &guest),
        ("another session of the same user", &theirs, &mine),
    ] {
        let (token, pair) = open_page(&app, minted_in, "").await;
        let pair = pair.unwrap();
        assert_eq!(post(&app, used_in, &pair, Some(&token)).await, 403, "{case}");
        assert_eq!(post(&app, minted_in, &pair, Some(&token)).await, 200, "{case}");
    }
}

/// An application whose /login logs the request's session in, and renders the tokens before and after.
fn app_with_login(site: &TestSite) -> Router {
    let (for_login, for_quiet) = (site.clone(), site.clone());
    let login = move |token: CsrfToken, Extension(session): Extension<SessionHandle>| async move {
        let before = token.token();
        assert_eq!(before, token.clone().token(), "stable within a request");
        for_login.log_in(&session).await;
        let after = token.token();
        assert_ne!(before, after);
        assert_eq!(format!("{token:?}"), "CsrfToken([redacted])");
        after
    };
    let quiet = move |Extension(session): Extension<SessionHandle>| async move {
        for_quiet.log_in(&session).await;
    };
    Router::new()
        .route("/login", any(login))
        .route("/quiet-login", any(quiet))
        .route("/page", any(|token: CsrfToken| async move { token.token() }))
        .fallback(|| async { "done" })
        .layer(CsrfLayer::new(config()))
}

#[tokio::test]
async fn a_new_session_id_gets_a_new_cookie_in_the_same_response() {
    let site = TestSite::new();
    let app = app_with_login(&site);
    let session = site.guest().await;
    let (token, pair) = open_page(&app, &session, "").await;
    let pair = pair.unwrap();
    let headers = [("cookie", pair.as_str()), ("x-csrf-token", &token)];
    let response = send(&app, in_session(request("POST", "/quiet-login", &headers), &session)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let rebound = set_cookie(response.headers()).unwrap();
    let new = rebound.strip_prefix("__Host-csrf=").unwrap();

    assert_eq!(post(&app, &session, &rebound, Some(new)).await, 200);
    assert_eq!(post(&app, &session, &pair, Some(&token)).await, 403, "the old one is dead");
    assert_eq!(open_page(&app, &session, &rebound).await, (new.to_owned(), None));

    // A browser that never had a token is given none.
    let modern = request("POST", "/quiet-login", &[("sec-fetch-site", "same-origin")]);
    let response = send(&app, in_session(modern, &site.guest().await)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(set_cookie(response.headers()).is_none());
}

#[tokio::test]
async fn a_token_rendered_after_the_login_is_for_the_new_session() {
    let site = TestSite::new();
    let (app, session) = (app_with_login(&site), site.guest().await);
    let response = send(&app, in_session(request("GET", "/login", &[]), &session)).await;
    let pair = set_cookie(response.headers()).unwrap();
    let token = text(response).await;
    assert_eq!(pair, format!("__Host-csrf={token}"));
    assert_eq!(post(&app, &session, &pair, Some(&token)).await, 200);
}

#[tokio::test]
async fn a_stale_cookie_is_replaced_when_a_page_needs_a_token() {
    let (app, session) = (app(config()), TestSite::new().logged_in().await);
    for stale in ["__Host-csrf=garbage", "__Host-csrf=a; __Host-csrf=b"] {
        let (token, pair) = open_page(&app, &session, stale).await;
        assert_eq!(post(&app, &session, &pair.unwrap(), Some(&token)).await, 200);
    }
}

#[tokio::test]
async fn previous_keys_still_pass() {
    let session = TestSite::new().logged_in().await;
    let (token, pair) = open_page(&app(config()), &session, "").await;
    let pair = pair.unwrap();
    let rotated = CsrfConfig::new([8u8; 32]).unwrap();
    assert_eq!(post(&app(rotated.clone()), &session, &pair, Some(&token)).await, 403);
    let ring = rotated.with_previous_key([7u8; 32]).unwrap();
    assert_eq!(post(&app(ring), &session, &pair, Some(&token)).await, 200);
}

#[tokio::test]
async fn without_https_the_cookie_has_another_name_and_no_secure() {
    let app = app(config().secure(false));
    let response = send(&app, request("GET", "/page", &[])).await;
    let set = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let token = text(response).await;
    assert_eq!(set, format!("csrf={token}; Path=/; HttpOnly; SameSite=Lax"));
}

#[tokio::test]
async fn what_may_show_a_token_is_never_cached_and_the_rest_is_left_alone() {
    let cached = AppendHeaders([(header::CACHE_CONTROL, "public"), (header::CACHE_CONTROL, "max-age=600")]);
    let (shown, unread) = (cached.clone(), cached);
    let app = Router::new()
        .route("/shown", any(|token: CsrfToken| async move { (shown, token.token()) }))
        .route("/unread", any(|_: CsrfToken| async move { (unread, "no token") }))
        .layer(CsrfLayer::new(config()));
    let caching = async |path: &str, cookies: &str| {
        let response = send(&app, request("GET", path, &[("cookie", cookies)])).await;
        let all = response.headers().get_all(header::CACHE_CONTROL).iter();
        let all: Vec<String> = all.map(|value| value.to_str().unwrap().to_owned()).collect();
        (all.join(" | "), set_cookie(response.headers()))
    };
    let (caches, pair) = caching("/shown", "").await;
    assert_eq!(caches, "no-store");
    // The browser has the cookie, so none is set; the page shows the token all the same.
    assert_eq!(caching("/shown", &pair.unwrap()).await, ("no-store".to_owned(), None));
    assert_eq!(caching("/unread", "").await, ("public | max-age=600".to_owned(), None));
}

#[tokio::test]
async fn a_login_that_replaces_the_cookie_is_never_cached() {
    let site = TestSite::new();
    let session = site.guest().await;
    let (_, pair) = open_page(&app(config()), &session, "").await;
    let for_login = site.clone();
    let login = move |Extension(session): Extension<SessionHandle>| async move {
        for_login.log_in(&session).await;
        [(header::CACHE_CONTROL, "public, max-age=600")]
    };
    let app = Router::new().route("/", any(login)).layer(CsrfLayer::new(config()));
    let response = send(&app, in_session(request("GET", "/", &[("cookie", &pair.unwrap())]), &session)).await;
    assert!(set_cookie(response.headers()).is_some(), "which checks that it is not stored");
}

#[tokio::test]
async fn the_extractor_without_the_layer_is_a_server_error() {
    let app = Router::new().route("/", any(|token: CsrfToken| async move { token.token() }));
    assert_eq!(send(&app, request("GET", "/", &[])).await.status(), 500);
}
