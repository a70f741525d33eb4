//! A server whose clock is the test's, and browsers that come to its door.

use crate::site;
use audex_core::CredentialProvider;
use audex_server::{app::App, settings::ServerSettings};
use axess::{
    clock::{Clock, MockClock},
    factors::TotpConfig,
};
use chrono::{DateTime, TimeDelta};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const PASSWORD: &str = "seven green lanterns over the bay";

pub(crate) struct Door {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    pub(crate) clock: MockClock,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// A browser with a cookie jar.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    url: String,
}

/// Somebody who has enrolled and is logged in.
pub(crate) struct Enrolled {
    pub(crate) browser: Browser,
    pub(crate) email: String,
    pub(crate) id: String,
    pub(crate) totp: TotpConfig,
    pub(crate) recovery_codes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, body, headers }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Door {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerSettings)) -> Self {
        Self::issuing(Vec::new(), change).await
    }

    /// Opens one that issues credentials of more than the local issuer.
    pub(crate) async fn issuing(
        more: Vec<Arc<dyn CredentialProvider>>,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clock = MockClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let public_url = url.clone();
        let app = site::open_issuing(folder.path(), Arc::new(clock.clone()), more, |settings| {
            settings.public_url = public_url;
            change(settings);
        })
        .await;
        let served = Arc::clone(&app);
        let serving = tokio::spawn(async move {
            audex_server::serve::serve(served, listener, None, std::future::pending()).await.unwrap();
        });
        Self { app, url, clock, serving, _folder: folder }
    }

    pub(crate) fn browser(&self) -> Browser {
        let client = Client::builder()
            .cookie_store(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Browser { client, url: self.url.clone() }
    }

    /// Sends a request of a program.
    pub(crate) async fn program(
        &self,
        method: Method,
        path: &str,
        bearer: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request =
            Client::builder().no_proxy().build().unwrap().request(method, format!("{}{path}", self.url));
        request = request.header("authorization", format!("Bearer {bearer}"));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Answer {
        self.program(Method::GET, path, bearer, None).await
    }

    /// Enrols the first administrator.
    pub(crate) async fn admin(&self) -> Enrolled {
        let link = self.app.access.first_admin("admin@example.com").await.unwrap().unwrap();
        self.enrol(&link.url, "admin@example.com").await
    }

    /// Has somebody invited, and enrols them.
    pub(crate) async fn invited(&self, admin: &Enrolled, email: &str, roles: &[&str]) -> Enrolled {
        let body = json!({ "email": email, "roles": roles });
        let added = admin.browser.post("/people", body).await;
        assert_eq!(added.status, 201, "{added:?}");
        self.enrol(added.body["enrolment"]["url"].as_str().unwrap(), email).await
    }

    /// Goes through an enrolment in a new browser.
    pub(crate) async fn enrol(&self, link: &str, email: &str) -> Enrolled {
        let browser = self.browser();
        let path = link.strip_prefix(&self.url).unwrap();
        let begun = browser.post(path, json!({ "password": PASSWORD })).await;
        assert_eq!((begun.status, &begun.body), (200, &json!({ "status": "totp_required" })), "{begun:?}");
        let (totp, recovery_codes) = self.enrol_totp(&browser).await;
        let me = browser.get("/me").await;
        assert_eq!((me.status, &me.body["identity"]), (200, &json!(email)), "{me:?}");
        let id = me.body["user_id"].as_str().unwrap().to_owned();
        Enrolled { browser, email: email.to_owned(), id, totp, recovery_codes }
    }

    pub(crate) async fn enrol_totp(&self, browser: &Browser) -> (TotpConfig, Vec<String>) {
        let shown = browser.post("/enrol/totp", json!({})).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        assert!(shown.body["qr_svg"].as_str().unwrap().starts_with("<svg "));
        let secret = shown.body["secret"].as_str().unwrap().replace(' ', "");
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let totp = TotpConfig::new(seed.into()).unwrap();
        let done = browser.post("/enrol/totp/code", json!({ "code": self.code(&totp) })).await;
        assert_eq!((done.status, &done.body["status"]), (200, &json!("signed_in")), "{done:?}");
        let codes = done.body["recovery_codes"].as_array().unwrap();
        assert!(codes.len() >= 8);
        (totp, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    /// What the authenticator app shows now.
    pub(crate) fn code(&self, totp: &TotpConfig) -> String {
        totp.code_at(self.clock.now()).unwrap().expose().to_owned()
    }

    /// Lets time pass until the authenticator shows another code.
    pub(crate) fn next_code(&self, totp: &TotpConfig) -> String {
        self.clock.jump(TimeDelta::seconds(30));
        self.code(totp)
    }

    /// Logs in from a new browser.
    pub(crate) async fn log_in(&self, who: &Enrolled) -> Browser {
        let browser = self.browser();
        let first = browser.post("/login", json!({ "email": who.email, "password": PASSWORD })).await;
        assert_eq!((first.status, &first.body), (200, &json!({ "status": "second_factor_required" })));
        let second = browser.post("/login/totp", json!({ "code": self.next_code(&who.totp) })).await;
        assert_eq!((second.status, &second.body), (200, &json!({ "status": "signed_in" })), "{second:?}");
        browser
    }

    /// Makes a token in somebody's browser.
    pub(crate) async fn token(&self, who: &Enrolled, scopes: &[&str]) -> (String, String) {
        let body = json!({ "name": "tests", "scopes": scopes });
        let made = who.browser.post("/tokens", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let text = |name: &str| made.body[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }
}

impl Browser {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Posts a form, as a page of ours does.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.client.post(format!("{}{path}", self.url)).header("sec-fetch-site", "same-origin");
        let request = request.header("accept", "text/html").form(fields);
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn is_signed_in(&self) -> bool {
        self.get("/me").await.status == StatusCode::OK.as_u16()
    }
}
