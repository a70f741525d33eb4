//! Requests as a browser sends them, and the cookie it keeps from an answer.

use crate::Fault;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header},
    response::Response,
};

const HEADERS: [(HeaderName, &str); 8] = [
    (header::HOST, "app.example.com"),
    (header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (header::ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (header::ACCEPT_LANGUAGE, "de-CH,de;q=0.8,en-US;q=0.5,en;q=0.3"),
    (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
    (header::REFERER, "https://app.example.com/"),
    (header::DNT, "1"),
    (header::UPGRADE_INSECURE_REQUESTS, "1"),
];

/// A request that can be sent any number of times.
pub(crate) struct Template {
    method: Method,
    path: &'static str,
    headers: HeaderMap,
}

impl Template {
    pub(crate) fn get(path: &'static str) -> Self {
        let headers =
            HEADERS.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        Self { method: Method::GET, path, headers }
    }

    pub(crate) fn post(path: &'static str) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    pub(crate) fn with_cookie(mut self, pair: &str) -> Result<Self, Fault> {
        self.headers.insert(header::COOKIE, pair.parse()?);
        Ok(self)
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = axum::http::Uri::from_static(self.path);
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Returns the `name=value` of the cookie an answer sets.
pub(crate) fn cookie_of(response: &Response) -> Result<String, Fault> {
    let set = response.headers().get(header::SET_COOKIE).ok_or("the answer sets no cookie")?;
    Ok(set.to_str()?.split(';').next().unwrap_or_default().to_owned())
}

/// Returns the cookie with one character of its value changed, in the middle, where the signatures of both sides lie.
pub(crate) fn forged(pair: &str) -> String {
    let middle = pair.len() / 2;
    pair.char_indices()
        .map(|(at, c)| match (at == middle, c) {
            (true, 'A') => 'B',
            (true, _) => 'A',
            (false, c) => c,
        })
        .collect()
}
