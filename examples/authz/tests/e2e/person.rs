//! Somebody at a browser, logged in, at some address.

use crate::site::Site;
use reqwest::{Client, Method, Response, header};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) const PASSWORD: &str = "purple otters juggle at noon";
pub(crate) const OFFICE: &str = "192.0.2.10";
pub(crate) const ELSEWHERE: &str = "198.51.100.7";

/// Everybody, with their tenant.
pub(crate) const PEOPLE: [(&str, &str); 6] =
    [("acme", "ada"), ("acme", "ed"), ("acme", "vic"), ("acme", "olga"), ("acme", "gus"), ("globex", "gina")];
pub(crate) const DOCUMENTS: [&str; 9] =
    ["handbook", "budget", "merger", "sketch", "roadmap", "plan", "vault", "ledger", "misfiled"];

pub(crate) struct Person {
    base: String,
    client: Client,
}

/// Everything a caller sees that is not about the moment.
pub(crate) type Seen = (u16, Vec<String>, Value);

impl Person {
    pub(crate) async fn log_in(site: &Site, name: &str, address: &str) -> Self {
        let (tenant, _) = PEOPLE.into_iter().find(|(_, known)| *known == name).unwrap();
        let headers = header::HeaderMap::from_iter([
            (header::ORIGIN, site.base().parse().unwrap()),
            (header::HeaderName::from_static("x-forwarded-for"), address.parse().unwrap()),
            (
                header::USER_AGENT,
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".parse().unwrap(),
            ),
        ]);
        let client =
            Client::builder().no_proxy().cookie_store(true).default_headers(headers).build().unwrap();
        let person = Self { base: site.base().to_owned(), client };
        let form = json!({"tenant": tenant, "username": name, "password": PASSWORD});
        assert_eq!(person.post("/login", form).await, 204, "{name}");
        person
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.base));
        body.into_iter().fold(request, |request, body| request.json(&body)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> u16 {
        self.send(Method::POST, path, Some(body)).await.status().as_u16()
    }

    pub(crate) async fn read(&self, id: &str) -> u16 {
        self.send(Method::GET, &format!("/documents/{id}"), None).await.status().as_u16()
    }

    pub(crate) async fn edit(&self, id: &str) -> u16 {
        let body = Some(json!({"body": "Something else."}));
        self.send(Method::PUT, &format!("/documents/{id}"), body).await.status().as_u16()
    }

    pub(crate) async fn delete(&self, id: &str) -> u16 {
        self.send(Method::DELETE, &format!("/documents/{id}"), None).await.status().as_u16()
    }

    /// Returns the ids of the list.
    pub(crate) async fn list(&self) -> BTreeSet<String> {
        let response = self.send(Method::GET, "/documents", None).await;
        assert_eq!(response.status(), 200);
        let rows: Vec<Value> = response.json().await.unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the ids of what can be read, one by one.
    pub(crate) async fn readable(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for id in DOCUMENTS {
            match self.read(id).await {
                200 => assert!(ids.insert(id.to_owned())),
                404 => {}
                other => panic!("{id}: {other}"),
            }
        }
        ids
    }

    pub(crate) async fn seen(&self, method: Method, path: &str, body: Option<Value>) -> Seen {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        let mut headers: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
        headers.sort();
        let text = response.text().await.unwrap();
        (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

pub(crate) fn ids<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}
