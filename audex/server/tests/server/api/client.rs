use crate::site::{Site, Someone};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

/// A client with somebody's token.
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    bearer: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    pub(crate) fn of(site: &Site, who: &Someone) -> Self {
        Self::at(&site.url, &who.bearer)
    }

    pub(crate) fn at(url: &str, bearer: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url: url.to_owned(), bearer: bearer.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &[], Some(body.to_string())).await
    }

    /// Posts with a retry key.
    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, &[("idempotency-key", key)], Some(body.to_string())).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.bearer.is_empty() {
            request = request.bearer_auth(&self.bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects a status, and returns the body.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Expects a problem with a status and a code, and returns it.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{self:?}");
        problem
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What needs nobody's agreement.
pub(crate) fn get_order() -> Value {
    json!({"provider": "local", "allow": "orders:GetOrder", "ttl": "15m"})
}

/// What needs approval at a site with approvals.
pub(crate) fn delete_order() -> Value {
    json!({"provider": "local", "allow": "orders:DeleteOrder", "ttl": "15m", "reason": "a duplicate"})
}

/// Returns the id in an answer.
#[track_caller]
pub(crate) fn id_of(body: &Value) -> String {
    body["session_id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

/// Returns the names of the members of an object, in the order of the alphabet.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
