//! A client with cookies that says which site its requests come from, as browsers do.

use crate::site::Site;
use reqwest::{Client, Method, Response, cookie::Jar, header};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Clone)]
pub(crate) struct Browser {
    base: String,
    jar: Arc<Jar>,
    client: Client,
}

/// What came back: status and body, as JSON where it is.
pub(crate) type Answer = (u16, Value);

impl Browser {
    pub(crate) fn at(site: &Site) -> Self {
        Self::with(site.url(""), Arc::default())
    }

    /// Returns another browser at the same site.
    pub(crate) fn another(&self) -> Self {
        Self::with(self.base.clone(), Arc::default())
    }

    /// Returns this browser, with its cookies, at the site after a restart.
    pub(crate) fn again(&self, site: &Site) -> Self {
        Self::with(site.url(""), Arc::clone(&self.jar))
    }

    fn with(base: String, jar: Arc<Jar>) -> Self {
        let headers = header::HeaderMap::from_iter([(header::ORIGIN, base.parse().unwrap())]);
        let client = Client::builder().no_proxy().cookie_provider(Arc::clone(&jar)).default_headers(headers);
        Self { base, jar, client: client.build().unwrap() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.base));
        body.into_iter().fold(request, |request, body| request.json(&body)).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.send(Method::GET, path, None).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.send(Method::POST, path, Some(body)).await).await
    }

    /// Posts to a site that may be gone; returns the status of a whole answer.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> Option<u16> {
        let sent = self.client.post(format!("{}{path}", self.base)).json(&body).send().await.ok()?;
        let status = sent.status().as_u16();
        sent.bytes().await.is_ok().then_some(status)
    }

    pub(crate) async fn code(&self, path: &str, code: &str) -> Answer {
        self.post(path, json!({"code": code})).await
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Answer {
        self.post("/login", json!({"username": username, "password": password})).await
    }

    pub(crate) async fn log_in_as_alice(&self) {
        assert_eq!(self.log_in("alice", "purple otters juggle at noon").await, said("authenticated"));
    }

    /// Tells whether somebody is logged in.
    pub(crate) async fn is_in(&self) -> bool {
        match self.get("/account").await.0 {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    /// Signs up and confirms the mailed code.
    pub(crate) async fn sign_up(&self, site: &mut Site, email: &str, password: &str) {
        let form = json!({"email": email, "password": password});
        assert_eq!(self.post("/signup", form).await, said("code_sent"));
        assert_eq!(self.code("/signup/code", &site.code_to(email)).await, said("account_created"));
    }
}

pub(crate) async fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn said(status: &str) -> Answer {
    (200, json!({"status": status}))
}

pub(crate) fn refused() -> Answer {
    (401, json!({"status": "refused"}))
}

pub(crate) fn second_factor_required() -> Answer {
    (200, json!({"status": "second_factor_required", "choices": ["totp", "recovery_code"]}))
}
