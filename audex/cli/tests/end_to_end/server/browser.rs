//! What a browser does: cookies, where a request comes from, and an authenticator beside it.

use axess_clock::{Clock, SystemClock};
use data_encoding::BASE32_NOPAD;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

const PASSWORD: &str = "correct horse battery staple 7";

/// A browser with an authenticator.
pub(super) struct Browser {
    client: Client,
    url: String,
    secret: RefCell<Vec<u8>>,
    /// The step of the last code: each works once.
    used: Cell<u64>,
    runtime: tokio::runtime::Runtime,
}

impl Browser {
    pub(super) fn new(url: &str) -> Self {
        let client = Client::builder()
            .cookie_store(true)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(60));
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { client, url: url.to_owned(), secret: RefCell::default(), used: Cell::new(0), runtime }
    }

    /// Makes an account one's own: a password, and an authenticator.
    pub(super) fn enrol(&mut self, link: &str) {
        self.enrol_with(link, PASSWORD);
    }

    /// The same, with this password.
    pub(super) fn enrol_with(&mut self, link: &str, password: &str) {
        let path = link.strip_prefix(&self.url).unwrap();
        self.get_page(path);
        let answer = self.post(path, &json!({ "password": password }));
        assert_eq!(answer["status"], "totp_required", "{answer}");
        let new = self.post("/enrol/totp", &json!({}));
        let secret = new["secret"].as_str().unwrap_or_else(|| panic!("{new}"));
        *self.secret.borrow_mut() = BASE32_NOPAD.decode(secret.trim_end_matches('=').as_bytes()).unwrap();
        let done = self.post("/enrol/totp/code", &json!({ "code": self.code() }));
        assert_eq!(done["status"], "signed_in", "{done}");
    }

    /// Confirms the login of a program that shows this code.
    pub(super) fn confirm(&self, code: &str) {
        let looked = self.post("/login/device/look", &json!({ "user_code": code }));
        assert_eq!(looked["user_code"], code, "{looked}");
        self.post("/login/device/confirm", &json!({ "user_code": code, "allow": true }));
    }

    /// Opens the page that a program on this machine asks for, answers it, and goes where it leads: to the program.
    pub(super) fn answer_program(&self, page: &str, decision: &str) -> String {
        let field = |page: &str, name: &str| {
            let (_, rest) = page
                .split_once(&format!("name=\"{name}\" value=\""))
                .unwrap_or_else(|| panic!("{name}: {page}"));
            rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&#38;", "&")
        };
        self.runtime.block_on(async {
            let shown = self.client.get(page).header("accept", "text/html").send().await.unwrap();
            let text = shown.text().await.unwrap();
            let names = ["csrf", "redirect_uri", "state", "code_challenge", "client", "scope", "jwk"];
            let mut fields: Vec<(&str, String)> =
                names.iter().map(|name| (*name, field(&text, name))).collect();
            fields.push(("decision", decision.to_owned()));
            let request = self.client.post(format!("{}/console/program", self.url)).form(&fields);
            let answer = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
            let there = answer.headers()["location"].to_str().unwrap().to_owned();
            assert!(there.starts_with("http://127.0.0.1:"), "{there}");
            self.client.get(there).send().await.unwrap().text().await.unwrap()
        })
    }

    pub(super) fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, Some(body))
    }

    fn get_page(&self, path: &str) {
        let request = self.client.get(format!("{}{path}", self.url)).header("accept", "text/html");
        let status = self.runtime.block_on(async { request.send().await.unwrap().status() });
        assert!(status.is_success(), "{path}: {status}");
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.try_send(method, path, body);
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub(super) fn try_send(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        request = request.header("sec-fetch-site", "same-origin").header("origin", &self.url);
        request = request.header("accept", "application/json");
        if let Some(body) = body {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status();
            let text = response.text().await.unwrap();
            (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
        })
    }

    /// The code of the authenticator (RFC 6238); one that was used already is waited out.
    fn code(&self) -> String {
        let step = loop {
            let now = u64::try_from(SystemClock.now().timestamp()).unwrap();
            if now / 30 > self.used.get() {
                break now / 30;
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        self.used.set(step);
        let key =
            aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret.borrow());
        let tag = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let number = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}
