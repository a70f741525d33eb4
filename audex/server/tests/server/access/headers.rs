//! What every answer tells browsers.

use super::door::Door;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_answer_is_careful() {
    let door = Door::new().await;
    for (method, path) in [
        (Method::GET, "/login"),
        (Method::GET, "/me"),
        (Method::GET, "/no/such/route"),
        (Method::POST, "/healthz"),
        (Method::POST, "/login"),
        (Method::GET, "/openapi.json"),
        (Method::OPTIONS, "/me"),
    ] {
        let answer = door.browser().send(method.clone(), path, None, &[]).await;
        let told = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let csp = told("content-security-policy");
        for needed in
            ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            assert!(csp.contains(needed), "{path}: {csp}");
        }
        assert!(!csp.contains("unsafe") && !csp.contains('*'), "{csp}");
        assert_eq!(told("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(told("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(told("x-frame-options"), "DENY", "{path}");
        assert!(!told("x-request-id").is_empty(), "{path}");
        assert!(answer.header("strict-transport-security").is_none(), "plain HTTP");
        assert!(answer.header("server").is_none() && answer.header("access-control-allow-origin").is_none());
    }
    assert_eq!(door.browser().get("/me").await.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn over_https_browsers_come_by_https_alone() {
    let door = Door::with(|settings| settings.public_url = "https://audex.example.com".to_owned()).await;
    let link = door.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
    assert!(link.url.starts_with("https://audex.example.com/enrol/"));
    let path = link.url.strip_prefix("https://audex.example.com").unwrap();
    let answer = door.browser().post(path, json!({ "password": "weak" })).await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn links_never_follow_the_host_header() {
    let door = Door::new().await;
    for (name, value) in
        [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]
    {
        let headers = [(name, value), ("sec-fetch-site", "same-origin")];
        let begun = door.browser().send(Method::POST, "/login/device", Some(json!({})), &headers).await;
        assert_eq!(begun.body["verification_uri"], json!(format!("{}/device", door.url)), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let door = Door::new().await;
    let big = json!({ "email": "x".repeat(200_000), "password": "x" });
    for (method, path, body, status) in [
        (Method::GET, "/people/%ff", None, 405),
        (Method::PATCH, "/login", None, 405),
        (Method::POST, "/login", Some(json!([])), 400),
        (Method::POST, "/login", Some(json!({ "email": 7 })), 400),
        (Method::POST, "/login", Some(big), 413),
    ] {
        let answer = door.browser().send(method, path, body, &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
    let form = door.browser().form("/login", &[("email", "x"), ("email", "y"), ("password", "z")]).await;
    assert_eq!(form.status, 400);
}
