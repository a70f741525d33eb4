use super::*;
use axess_identity::SessionId;
use http::HeaderValue;

fn fake(session: Option<u8>) -> FakeSession {
    let fake = FakeSession::default();
    *fake.0.lock().unwrap() = session.map(|byte| SessionId::from_bytes([byte; 16]));
    fake
}

fn in_session(mut request: Request<Body>, session: &FakeSession) -> Request<Body> {
    request.extensions_mut().insert(session.clone());
    request
}

/// Opens the page and returns the rendered token and the cookie pair that was set, if any.
async fn open_page(app: &Router, session: &FakeSession, cookies: &str) -> (String, Option<String>) {
    let response = send(
        app,
        in_session(request("GET", "/page", &[("cookie", cookies)]), session),
    )
    .await;
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
async fn post(app: &Router, session: &FakeSession, cookies: &str, token: Option<&str>) -> u16 {
    let mut headers = vec![("cookie", cookies)];
    headers.extend(token.map(|token| ("x-csrf-token", token)));
    let response = send(app, in_session(request("POST", "/", &headers), session)).await;
    assert!(set_cookie(response.headers()).is_none());
    response.status().as_u16()
}

#[tokio::test]
async fn a_rendered_token_passes_with_its_cookie() {
    for session in [fake(None), fake(Some(1))] {
        let app = app(config());
        let (token, pair) = open_page(&app, &session, "a=b").await;
        let pair = pair.unwrap();
        assert_eq!(pair, format!("__Host-csrf={token}"));
        assert_eq!(token.len(), 64);
        assert!(
            token
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c))
        );
        assert_eq!(
            post(&app, &session, &format!("a=b; {pair}"), Some(&token)).await,
            200
        );
        // A second page shows the token the browser already has, and sets nothing.
        assert_eq!(open_page(&app, &session, &pair).await, (token, None));
    }
}

#[tokio::test]
async fn header_and_cookie_must_both_be_the_token() {
    let (app, session) = (app(config()), fake(Some(1)));
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
        assert_eq!(
            post(&app, &session, cookies, header).await,
            403,
            "{cookies} {header:?}"
        );
    }
    let mut twice = request("POST", "/", &[("cookie", &pair), ("x-csrf-token", &token)]);
    let again = HeaderValue::from_str(&token).unwrap();
    twice.headers_mut().append("x-csrf-token", again);
    assert_eq!(send(&app, in_session(twice, &session)).await.status(), 403);
    assert_eq!(
        post(&app, &session, &pair, Some(&token)).await,
        200,
        "and it still passes"
    );
}

#[tokio::test]
async fn every_single_character_change_is_refused() {
    let (app, session) = (app(config()), fake(Some(1)));
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
    let app = app(config());
    for (minted_in, used_in) in [(None, Some(1)), (Some(1), None), (Some(2), Some(1))] {
        let (token, pair) = open_page(&app, &fake(minted_in), "").await;
        let status = post(&app, &fake(used_in), &pair.unwrap(), Some(&token)).await;
        assert_eq!(status, 403, "{minted_in:?} -> {used_in:?}");
    }
}

#[tokio::test]
async fn a_new_session_id_gets_a_new_cookie_in_the_same_response() {
    // The handler of /login changes the id, as a login does.
    let login = |request: Request<Body>| async move {
        let session = request.extensions().get::<FakeSession>().unwrap();
        *session.0.lock().unwrap() = Some(SessionId::from_bytes([9; 16]));
        "in"
    };
    let app = app(config()).merge(
        Router::new()
            .route("/login", any(login))
            .layer(CsrfLayer::new(config())),
    );
    let before = fake(None);
    let (token, pair) = open_page(&app, &before, "").await;
    let headers = [("cookie", pair.as_deref().unwrap()), ("x-csrf-token", &token)];
    let response = send(&app, in_session(request("POST", "/login", &headers), &before)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let rebound = set_cookie(response.headers()).unwrap();
    let new = rebound.strip_prefix("__Host-csrf=").unwrap();

    let after = fake(Some(9));
    assert_eq!(post(&app, &after, &rebound, Some(new)).await, 200);
    assert_eq!(
        post(&app, &after, pair.as_deref().unwrap(), Some(&token)).await,
        403,
        "the old one is dead"
    );
    assert_eq!(open_page(&app, &after, &rebound).await, (new.to_owned(), None));

    // A browser that never had a token is given none.
    let quiet = in_session(
        request("POST", "/login", &[("sec-fetch-site", "same-origin")]),
        &fake(None),
    );
    assert!(set_cookie(send(&app, quiet).await.headers()).is_none());
}

#[tokio::test]
async fn a_token_rendered_after_the_login_is_for_the_new_session() {
    let handler = |token: CsrfToken, request: Request<Body>| async move {
        let before = token.token();
        assert_eq!(before, token.clone().token(), "stable within a request");
        let session = request.extensions().get::<FakeSession>().unwrap();
        *session.0.lock().unwrap() = Some(SessionId::from_bytes([9; 16]));
        let after = token.token();
        assert_ne!(before, after);
        assert_eq!(format!("{token:?}"), "CsrfToken([redacted])");
        after
    };
    let app = Router::new()
        .route("/", any(handler))
        .fallback(|| async {})
        .layer(CsrfLayer::new(config()));
    let response = send(&app, in_session(request("GET", "/", &[]), &fake(None))).await;
    let pair = set_cookie(response.headers()).unwrap();
    let token = text(response).await;
    assert_eq!(pair, format!("__Host-csrf={token}"));
    let headers = [("cookie", pair.as_str()), ("x-csrf-token", &token)];
    let after = send(&app, in_session(request("POST", "/x", &headers), &fake(Some(9)))).await;
    assert_eq!(after.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_stale_cookie_is_replaced_when_a_page_needs_a_token() {
    let (app, session) = (app(config()), fake(Some(1)));
    for stale in ["__Host-csrf=garbage", "__Host-csrf=a; __Host-csrf=b"] {
        let (token, pair) = open_page(&app, &session, stale).await;
        assert_eq!(post(&app, &session, &pair.unwrap(), Some(&token)).await, 200);
    }
}

#[tokio::test]
async fn previous_keys_still_pass() {
    let session = fake(Some(1));
    let (token, pair) = open_page(&app(config()), &session, "").await;
    let pair = pair.unwrap();
    let rotated = CsrfConfig::new([8u8; 32]).unwrap();
    assert_eq!(
        post(&app(rotated.clone()), &session, &pair, Some(&token)).await,
        403
    );
    let ring = rotated.with_previous_key([7u8; 32]).unwrap();
    assert_eq!(post(&app(ring), &session, &pair, Some(&token)).await, 200);
}

#[tokio::test]
async fn without_https_the_cookie_has_another_name_and_no_secure() {
    let app = app(config().secure(false));
    let response = send(&app, request("GET", "/page", &[])).await;
    let set = response.headers()[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    let token = text(response).await;
    assert_eq!(set, format!("csrf={token}; Path=/; HttpOnly; SameSite=Lax"));
}

#[tokio::test]
async fn a_response_that_says_how_to_cache_it_is_left_alone() {
    let handler = |token: CsrfToken| async move { ([(header::CACHE_CONTROL, "private")], token.token()) };
    let app = Router::new()
        .route("/", any(handler))
        .layer(CsrfLayer::new(config()));
    let response = send(&app, request("GET", "/", &[])).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "private");
}

#[tokio::test]
async fn the_extractor_without_the_layer_is_a_server_error() {
    let app = Router::new().route("/", any(|token: CsrfToken| async move { token.token() }));
    assert_eq!(send(&app, request("GET", "/", &[])).await.status(), 500);
}
