use super::*;
use axess::clock::MockClock;
use axum::http::{HeaderMap, HeaderValue, header};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The application on a port of its own, a clock that the test moves, and a browser.
struct Site {
    base: String,
    clock: MockClock,
    browser: Client,
}

impl Site {
    async fn start() -> Self {
        let clock = MockClock::default();
        let app = app(Arc::new(clock.clone())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        let origin = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_str(&base).unwrap())]);
        let browser =
            Client::builder().no_proxy().cookie_store(true).default_headers(origin).build().unwrap();
        Self { base, clock, browser }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let sent = self.browser.post(format!("{}{path}", self.base)).json(&body).send().await.unwrap();
        let (status, text) = (sent.status(), sent.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn log_in(&self) -> Value {
        self.post("/login", json!({"username": "alice", "password": "Gnomes2+"})).await.1
    }

    /// Returns what alice's app shows for `secret` now.
    fn code(&self, secret: &str) -> Value {
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let code = axess::factors::TotpConfig::new(seed.into()).unwrap().code_at(self.clock.now()).unwrap();
        json!({"code": code.expose()})
    }
}

#[test]
fn the_guards_are_those_that_were_reviewed() {
    let manifest = credentials().merge(pages()).manifest();
    assert_eq!(manifest.to_string(), include_str!("../../routes.txt"), "review the change, then copy it");
}

#[tokio::test]
async fn a_proof_gets_stale_and_a_step_up_renews_it() {
    let site = Site::start().await;
    site.log_in().await;
    let secret = site.post("/enrol/totp", json!({})).await.1["secret"].as_str().unwrap().to_owned();
    assert_eq!(site.post("/enrol/totp/confirm", site.code(&secret)).await.1["status"], "enrolled");

    site.clock.advance(MINUTE);
    assert_eq!(site.post("/transfer", json!({})).await.0, 200, "just in time");
    site.clock.advance(Duration::from_secs(1));
    let (status, problem) = site.post("/transfer", json!({})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("step_up_required")));

    assert_eq!(site.post("/step-up", json!({})).await.1["status"], "second_factor_required");
    assert_eq!(site.post("/transfer", json!({})).await.0, 401, "asking is not proving");
    assert_eq!(site.post("/step-up/totp", site.code(&secret)).await.1["status"], "authenticated");
    assert_eq!(site.post("/transfer", json!({})).await.0, 200);
}

#[tokio::test]
async fn enrolling_needs_a_recent_login_and_ends_with_the_hour() {
    let site = Site::start().await;
    site.log_in().await;
    site.clock.advance(5 * MINUTE);
    assert_eq!(site.post("/enrol/totp", json!({})).await.0, 200);
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(site.post("/enrol/totp", json!({})).await.1["code"], "step_up_required");
    site.clock.advance(60 * MINUTE);
    assert_eq!(site.post("/enrol/totp", json!({})).await.1["code"], "authentication_required");
}

#[tokio::test]
async fn a_shown_secret_does_not_wait_for_ever() {
    let site = Site::start().await;
    site.log_in().await;
    let secret = site.post("/enrol/totp", json!({})).await.1["secret"].as_str().unwrap().to_owned();
    let wrong = json!({"code": "not a code"});
    for _ in 0..5 {
        assert_eq!(
            site.post("/enrol/totp/confirm", wrong.clone()).await,
            (StatusCode::UNAUTHORIZED, json!({"status": "refused"}))
        );
    }
    let late = site.post("/enrol/totp/confirm", site.code(&secret)).await;
    assert_eq!(late, (StatusCode::CONFLICT, json!({"status": "enrolment_expired"})));
    assert_eq!(site.log_in().await["status"], "authenticated", "nothing was enrolled");
}
