//! Alice: a client with cookies that says which application it is a part of, and the app on her phone.

use crate::program::{Program, client};
use axess::{
    clock::{Clock, SystemClock},
    factors::TotpConfig,
};
use reqwest::{Client, Method, Response, header};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) struct Alice<'p> {
    program: &'p Program,
    client: Client,
}

/// What an authenticator keeps.
pub(crate) struct Phone(TotpConfig);

impl<'p> Alice<'p> {
    pub(crate) fn at(program: &'p Program) -> Self {
        let origin = header::HeaderValue::from_str(&program.url("")).unwrap();
        let headers = header::HeaderMap::from_iter([(header::ORIGIN, origin)]);
        Self { program, client: client().cookie_store(true).default_headers(headers).build().unwrap() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, self.program.url(path));
        body.into_iter().fold(request, |request, body| request.json(&body)).send().await.unwrap()
    }

    /// Returns the status and the body of a page.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        outcome(self.send(Method::GET, path, None).await).await
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, Value) {
        outcome(self.send(Method::POST, path, None).await).await
    }

    pub(crate) async fn post_code(&self, path: &str, code: &str) -> (u16, Value) {
        outcome(self.send(Method::POST, path, Some(json!({"code": code}))).await).await
    }

    pub(crate) async fn password(&self, username: &str, password: &str) -> Response {
        self.send(Method::POST, "/login", Some(json!({"username": username, "password": password}))).await
    }

    /// Logs in with the password, the first step or all of it.
    pub(crate) async fn log_in(&self) -> (u16, Value) {
        outcome(self.password("alice", "Gnomes2+").await).await
    }

    /// Enrols a phone with its code of now and returns it with the recovery codes.
    pub(crate) async fn enrol(&self) -> (Phone, Vec<String>) {
        let (status, shown) = self.post("/enrol/totp").await;
        assert_eq!(status, 200, "{shown}");
        let phone = Phone::new(shown["secret"].as_str().unwrap());
        let (status, enrolled) = self.post_code("/enrol/totp/confirm", &phone.code()).await;
        assert_eq!((status, &enrolled["status"]), (200, &json!("enrolled")));
        (phone, serde_json::from_value(enrolled["recovery_codes"].clone()).unwrap())
    }
}

impl Phone {
    pub(crate) fn new(secret: &str) -> Self {
        Self(TotpConfig::new(data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap().into()).unwrap())
    }

    pub(crate) fn code(&self) -> String {
        self.0.code_at(SystemClock.now()).unwrap().expose().to_owned()
    }

    /// Returns the code of half a minute from now. A server forgives a phone that is one step ahead, and a test does not
    /// have to wait.
    pub(crate) fn next_code(&self) -> String {
        self.0.code_at(SystemClock.now() + Duration::from_secs(30)).unwrap().expose().to_owned()
    }

    /// Returns a code that is not accepted anywhere near now.
    pub(crate) fn wrong_code(&self) -> String {
        let far = SystemClock.now() + Duration::from_secs(86_400);
        self.0.code_at(far).unwrap().expose().to_owned()
    }
}

pub(crate) async fn outcome(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn authenticated() -> (u16, Value) {
    (200, json!({"status": "authenticated"}))
}

pub(crate) fn refused() -> (u16, Value) {
    (401, json!({"status": "refused"}))
}

pub(crate) fn second_factor_required() -> (u16, Value) {
    (200, json!({"status": "second_factor_required", "choices": ["totp", "recovery_code"]}))
}
