use super::destination::PublicOnly;
use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, ClientBuilder, Url, redirect};
use std::{sync::Arc, time::Duration};

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the whole of an attempt may take.
const WHOLE: Duration = Duration::from_secs(10);
/// The longest wait that a receiver may ask for.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// Why an attempt failed: without the address, which may be a secret.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: String,
    /// Whether another attempt may do better.
    pub(super) may_pass: bool,
    /// What the receiver asks for.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn permanent(what: impl Into<String>) -> Self {
        Self { what: what.into(), may_pass: false, wait: None }
    }

    pub(super) fn slow() -> Self {
        Self { what: "no answer in time".to_owned(), may_pass: true, wait: None }
    }
}

/// Makes the client for addresses that the operator configured.
pub(super) fn trusting() -> reqwest::Result<Client> {
    builder().build()
}

/// Makes the client for addresses of requesters: public ones alone, and no way round by a proxy.
pub(super) fn guarded(is_dev: bool) -> reqwest::Result<Client> {
    builder().no_proxy().dns_resolver(Arc::new(PublicOnly { is_dev })).build()
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("audex/", env!("CARGO_PKG_VERSION")))
}

/// Posts JSON once. What is answered counts by its status alone, and is not read.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    headers: HeaderMap,
    json: String,
) -> Result<(), Failure> {
    let request = client.post(url.clone()).headers(headers).header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(json).send().await.map_err(|error| Failure {
        what: unreached(&error).to_owned(),
        may_pass: true,
        wait: None,
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let is_busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let seconds =
        answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Failure {
        what: format!("the answer was {}", status.as_u16()),
        may_pass: is_busy || status.is_server_error(),
        wait: seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT)),
    })
}

/// Names a fault; reqwest's own words have the address in them.
fn unreached(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection, or none to trust or to a public address"
    } else {
        "the connection ended early"
    }
}
