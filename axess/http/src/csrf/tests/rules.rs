use super::*;
use std::sync::Mutex;

const SITE: (&str, &str) = ("host", "example.com");

/// Sends a request and returns "ok" or the reason of the refusal.
async fn check(config: CsrfConfig, request: Request<Body>) -> String {
    let reason = Arc::new(Mutex::new(String::from("ok")));
    let heard = Arc::clone(&reason);
    let config = config.on_reject(Arc::new(move |rejection: &CsrfRejection<'_>| {
        *heard.lock().unwrap() = rejection.reason.to_string();
    }));
    let status = send(&app(config), request).await.status();
    let reason = reason.lock().unwrap().clone();
    assert_eq!(status == StatusCode::OK, reason == "ok");
    assert!(status == StatusCode::OK || status == StatusCode::FORBIDDEN);
    reason
}

async fn post(config: CsrfConfig, headers: &[(&str, &str)]) -> String {
    check(config, request("POST", "/", headers)).await
}

const COOKIE: (&str, &str) = ("cookie", "session=x");

#[tokio::test]
async fn methods() {
    let hostile = [SITE, COOKIE, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.com")];
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert_eq!(check(config(), request(method, "/", &hostile)).await, "ok", "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "get", "Post"] {
        assert_eq!(check(config(), request(method, "/", &hostile)).await, "cross_site", "{method}");
    }
    for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
        let mut headers = hostile.to_vec();
        headers.push(("upgrade", upgrade));
        assert_eq!(check(config(), request("GET", "/", &headers)).await, "cross_site", "{upgrade}");
        headers[2] = ("sec-fetch-site", "same-origin");
        assert_eq!(check(config(), request("GET", "/", &headers)).await, "ok", "{upgrade}");
    }
}

#[tokio::test]
async fn sec_fetch_site_decides_first() {
    for (site, origin, expect) in [
        ("same-origin", None, "ok"),
        ("same-origin", Some("https://evil.com"), "ok"),
        ("none", None, "ok"),
        ("same-site", None, "cross_site"),
        ("same-site", Some("https://example.com"), "cross_site"),
        ("same-site", Some("https://listed.com"), "ok"),
        ("cross-site", None, "cross_site"),
        ("cross-site", Some("https://evil.com"), "cross_site"),
        ("cross-site", Some("null"), "cross_site"),
        ("cross-site", Some("https://listed.com"), "ok"),
        ("cross-site", Some("https://LISTED.com:443"), "ok"),
        ("cross-site", Some("http://listed.com"), "cross_site"),
        ("cross-site", Some("https://listed.com:8443"), "cross_site"),
        ("cross-site", Some("https://listed.com.evil.com"), "cross_site"),
        ("", None, "malformed"),
        ("Same-Origin", None, "malformed"),
        ("same-origin, none", None, "malformed"),
        ("é", None, "malformed"),
    ] {
        let config = config().allow_origin("https://listed.com").unwrap();
        let mut headers = vec![SITE, COOKIE, ("sec-fetch-site", site)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        assert_eq!(post(config, &headers).await, expect, "{site} {origin:?}");
    }
    let twice = [SITE, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")];
    assert_eq!(post(config(), &twice).await, "malformed");
}

#[tokio::test]
async fn origin_must_be_the_target_when_none_is_listed() {
    for (origin, host, expect) in [
        ("https://example.com", "example.com", "ok"),
        ("https://example.com", "EXAMPLE.com:443", "ok"),
        ("https://example.com:443", "example.com", "ok"),
        ("https://example.com:8443", "example.com:8443", "ok"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443", "ok"),
        ("https://example.com", "example.com:80", "origin_mismatch"),
        ("https://example.com:8443", "example.com", "origin_mismatch"),
        ("https://sub.example.com", "example.com", "origin_mismatch"),
        ("https://example.com.evil.com", "example.com", "origin_mismatch"),
        ("https://evilexample.com", "example.com", "origin_mismatch"),
        ("null", "example.com", "origin_mismatch"),
        ("null", "null", "origin_mismatch"),
        ("https://example.com", "", "origin_mismatch"),
        ("https://example.com", "user@example.com", "origin_mismatch"),
        ("", "example.com", "malformed"),
        ("example.com", "example.com", "malformed"),
        ("//example.com", "example.com", "malformed"),
        ("https://example.com/", "example.com", "malformed"),
        ("https://example.com?", "example.com", "malformed"),
        ("https://user@example.com", "example.com", "malformed"),
        ("https://example.com:", "example.com", "malformed"),
        ("https://example.com:99999", "example.com", "malformed"),
        ("https://[::1", "[::1", "malformed"),
        ("https://example.com https://evil.com", "example.com", "malformed"),
        ("https://é.com", "example.com", "malformed"),
    ] {
        let headers = [("host", host), COOKIE, ("origin", origin)];
        assert_eq!(post(config(), &headers).await, expect, "{origin} -> {host}");
    }
    let none = [COOKIE, ("origin", "https://example.com")];
    assert_eq!(post(config(), &none).await, "origin_mismatch", "no Host");
    let hosts = [SITE, SITE, ("origin", "https://example.com")];
    assert_eq!(post(config(), &hosts).await, "origin_mismatch", "two Hosts");
    let origins = [SITE, ("origin", "https://example.com"), ("origin", "https://example.com")];
    assert_eq!(post(config(), &origins).await, "malformed", "two Origins");
}

#[tokio::test]
async fn only_the_web_schemes_of_the_site_can_be_its_target() {
    for (origin, host, secure, plain) in [
        ("https://example.com", "example.com", "ok", "ok"),
        ("https://example.com", "example.com:443", "ok", "ok"),
        ("https://example.com", "example.com:80", "origin_mismatch", "origin_mismatch"),
        ("https://example.com:80", "example.com:80", "ok", "ok"),
        ("HTTP://example.com", "example.com", "origin_mismatch", "ok"),
        ("http://example.com", "example.com:80", "origin_mismatch", "ok"),
        ("http://example.com:80", "example.com", "origin_mismatch", "ok"),
        ("http://example.com", "example.com:443", "origin_mismatch", "origin_mismatch"),
        ("http://example.com:443", "example.com", "origin_mismatch", "origin_mismatch"),
        ("http://127.0.0.1:3000", "127.0.0.1:3000", "origin_mismatch", "ok"),
        ("http://[::1]:3000", "[::1]:3000", "origin_mismatch", "ok"),
        ("capacitor://localhost", "localhost", "origin_mismatch", "origin_mismatch"),
        ("chrome-extension://abc", "abc", "origin_mismatch", "origin_mismatch"),
        ("ftp://example.com", "example.com", "origin_mismatch", "origin_mismatch"),
        ("ws://example.com", "example.com", "origin_mismatch", "origin_mismatch"),
        ("httpsx://example.com", "example.com", "origin_mismatch", "origin_mismatch"),
    ] {
        let headers = [("host", host), COOKIE, ("origin", origin)];
        assert_eq!(post(config(), &headers).await, secure, "{origin} -> {host}");
        assert_eq!(post(config().secure(false), &headers).await, plain, "{origin} -> {host}, not secure");
        // A listed origin is what it is, whatever the site is.
        let listed = config().allow_origin(origin).unwrap();
        assert_eq!(post(listed, &headers).await, "ok", "{origin} listed");
    }
}

#[tokio::test]
async fn the_authority_of_http_2_counts_as_the_host_and_must_agree_with_it() {
    let origin = ("origin", "https://example.com");
    for (target, host, expect) in [
        ("https://example.com/", None, "ok"),
        ("https://example.com/", Some("example.com"), "ok"),
        ("https://evil.com/", None, "origin_mismatch"),
        ("https://evil.com/", Some("example.com"), "origin_mismatch"),
        ("https://example.com/", Some("evil.com"), "origin_mismatch"),
    ] {
        let mut headers = vec![COOKIE, origin];
        headers.extend(host.map(|host| ("host", host)));
        let outcome = check(config(), request("POST", target, &headers)).await;
        assert_eq!(outcome, expect, "{target} {host:?}");
    }
}

#[tokio::test]
async fn once_an_origin_is_listed_the_host_no_longer_counts() {
    for (origin, expect) in [
        ("https://listed.com", "ok"),
        ("https://example.com", "origin_mismatch"),
        ("capacitor://localhost", "ok"),
    ] {
        let config = config()
            .allow_origin("https://listed.com")
            .and_then(|config| config.allow_origin("capacitor://localhost"))
            .unwrap();
        assert_eq!(post(config, &[SITE, COOKIE, ("origin", origin)]).await, expect, "{origin}");
    }
}

#[tokio::test]
async fn without_browser_headers_only_cookies_need_a_token() {
    assert_eq!(post(config(), &[SITE]).await, "ok");
    assert_eq!(post(config(), &[SITE, ("authorization", "Bearer x")]).await, "ok");
    assert_eq!(post(config(), &[SITE, COOKIE]).await, "token_missing");
    assert_eq!(post(config(), &[SITE, ("cookie", "")]).await, "token_missing");
    let websocket = request("GET", "/", &[SITE, ("upgrade", "websocket")]);
    assert_eq!(check(config(), websocket).await, "ok");
}

#[tokio::test]
async fn a_body_that_could_be_a_form_needs_a_token_even_without_cookies() {
    let sized = ("content-length", "9");
    for content_type in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "text/plain",
        " text/plain ;charset=UTF-8",
        "",
        "plain",
        "é/é",
    ] {
        let typed = ("content-type", content_type);
        for framing in [Some(sized), Some(("transfer-encoding", "chunked")), None] {
            let mut headers = vec![SITE, typed];
            headers.extend(framing);
            assert_eq!(post(config(), &headers).await, "token_missing", "{content_type} {framing:?}");
        }
        let both = [SITE, ("content-type", "application/json"), typed, sized];
        assert_eq!(post(config(), &both).await, "token_missing", "{content_type} after another");
        let empty = [SITE, typed, ("content-length", "0")];
        assert_eq!(post(config(), &empty).await, "ok", "{content_type}, but empty");
        let declared = [SITE, typed, sized, ("origin", "https://example.com")];
        assert_eq!(post(config(), &declared).await, "ok", "{content_type} of a browser that says where from");
    }
    for content_type in ["application/json", "application/json; charset=utf-8", "text/plainer", "text/xml"] {
        for framing in [sized, ("transfer-encoding", "chunked")] {
            let headers = [SITE, ("content-type", content_type), framing];
            assert_eq!(post(config(), &headers).await, "ok", "{content_type}");
        }
    }
    for (untyped, expect) in [
        (("content-length", "9"), "token_missing"),
        (("transfer-encoding", "chunked"), "token_missing"),
        (("content-length", "0"), "ok"),
    ] {
        assert_eq!(post(config(), &[SITE, untyped]).await, expect, "{untyped:?}");
    }
    let smuggled = [SITE, ("content-length", "0"), ("transfer-encoding", "chunked")];
    assert_eq!(post(config(), &smuggled).await, "token_missing");
    let exempt = config().exempt_path("/").unwrap();
    assert_eq!(post(exempt, &[SITE, ("content-type", "text/plain"), sized]).await, "ok");
}

#[tokio::test]
async fn exempt_paths_are_exact_or_below() {
    let config = || {
        let config = config().exempt_path("/hook").unwrap();
        config.exempt_path("/in/*").unwrap()
    };
    for (path, expect) in [
        ("/hook", "ok"),
        ("/hook?x=/", "ok"),
        ("/in/a", "ok"),
        ("/in/a/b", "ok"),
        ("/in/", "ok"),
        ("/in", "cross_site"),
        ("/inside", "cross_site"),
        ("/hook/", "cross_site"),
        ("/hook/x", "cross_site"),
        ("/x/hook", "cross_site"),
        ("/x?p=/hook", "cross_site"),
        ("//hook", "cross_site"),
        ("/%68ook", "cross_site"),
    ] {
        let headers = [SITE, COOKIE, ("sec-fetch-site", "cross-site")];
        let outcome = check(config(), request("POST", path, &headers)).await;
        assert_eq!(outcome, expect, "{path}");
    }
    // In a nested router the full path counts.
    let nested = Router::new().nest("/api", app(config().exempt_path("/api/hook").unwrap()));
    for (path, status) in [("/api/hook", 200), ("/api/in/x", 403), ("/api/x", 403)] {
        let response = send(&nested, request("POST", path, &[SITE, ("sec-fetch-site", "cross-site")])).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn the_refusal_repeats_nothing() {
    let headers = [SITE, COOKIE, ("origin", "https://evil.com"), ("x-csrf-token", "evil")];
    let response = send(&app(config()), request("POST", "/evil", &headers)).await;
    let mut names: Vec<_> = response.headers().iter().map(|(name, value)| (name.as_str(), value)).collect();
    names.retain(|(name, _)| *name != "content-length");
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    let expect = serde_json::json!({
        "type": "about:blank", "title": "Forbidden", "status": 403, "code": "csrf_rejected",
    });
    assert_eq!(body, expect);
}

#[tokio::test]
async fn the_hook_gets_the_route_and_the_address() {
    let seen = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&seen);
    let config = config().on_reject(Arc::new(move |rejection: &CsrfRejection<'_>| {
        *log.lock().unwrap() = format!("{rejection:?}");
    }));
    let app = Router::new().route("/u/{id}", any(|| async {})).layer(CsrfLayer::new(config));
    let mut request = request("PUT", "/u/%0d%0a", &[("sec-fetch-site", "cross-site")]);
    request.extensions_mut().insert(crate::PeerAddr([192, 0, 2, 1].into()));
    send(&app, request).await;
    assert_eq!(
        *seen.lock().unwrap(),
        "CsrfRejection { reason: CrossSite, method: PUT, matched_path: Some(\"/u/{id}\"), \
         client_ip: Some(192.0.2.1) }"
    );
}

#[test]
fn settings_are_checked() {
    use crate::SigningKeyError as E;
    assert_eq!(CsrfConfig::new([1u8; 16]).unwrap_err(), CsrfConfigError::Key(E::TooShort { bytes: 16 }));
    let source = std::error::Error::source(&CsrfConfigError::Key(E::AllZero)).unwrap().to_string();
    assert_eq!(source, E::AllZero.to_string());
    for origin in
        ["", "null", "example.com", "https://", "https://a/b", "https://a b", "1http://a", "https://*.a"]
    {
        let refused = matches!(config().allow_origin(origin), Err(CsrfConfigError::Origin { .. }));
        assert!(refused, "{origin}");
    }
    for path in ["", "hook", "/*", "*", "/a*", "/a/*/b", "/a?b", "/a#b", "a/*"] {
        let refused = matches!(config().exempt_path(path), Err(CsrfConfigError::Path { .. }));
        assert!(refused, "{path}");
    }
    let mut full = config();
    for i in 0..MAX_CSRF_RULES {
        full = full.exempt_path(&format!("/{i}")).unwrap();
        full = full.allow_origin(&format!("https://{i}.com")).unwrap();
    }
    assert_eq!(full.clone().exempt_path("/x").unwrap_err(), CsrfConfigError::TooManyRules);
    assert_eq!(full.allow_origin("https://x").unwrap_err(), CsrfConfigError::TooManyRules);
    let mut keys = config();
    for i in 0..crate::MAX_PREVIOUS_KEYS {
        keys = keys.with_previous_key([20 + i as u8; 32]).unwrap();
    }
    assert!(matches!(keys.with_previous_key([99u8; 32]), Err(CsrfConfigError::Key(E::TooManyKeys { .. }))));
}

#[tokio::test]
async fn a_bearer_is_exempt_where_that_is_asked_for() {
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    for (authorization, expect) in [
        (&["Bearer abc"][..], "ok"),
        (&["bearer abc"], "ok"),
        (&["Bearer"], "ok"),
        (&["Basic YTpi"], "token_missing"),
        (&["Bearerabc"], "token_missing"),
        (&["Digest Bearer"], "token_missing"),
        (&[""], "token_missing"),
        (&[], "token_missing"),
        (&["Bearer abc", "Basic YTpi"], "token_missing"),
        (&["Basic YTpi", "Bearer abc"], "token_missing"),
    ] {
        let mut headers = vec![SITE, COOKIE, FORM];
        headers.extend(authorization.iter().map(|value| ("authorization", *value)));
        assert_eq!(post(config().exempt_bearer(), &headers).await, expect, "{authorization:?}");
        assert_eq!(post(config(), &headers).await, "token_missing", "{authorization:?}");
    }
    // What a page of another site sends with it is stopped by the preflight; what arrives is a program's.
    let hostile = [SITE, COOKIE, ("sec-fetch-site", "cross-site"), ("authorization", "Bearer abc")];
    assert_eq!(post(config().exempt_bearer(), &hostile).await, "ok");
    assert_eq!(post(config(), &hostile).await, "cross_site");
}
