//! How a question gets there, and what may come back: bounded in size and time, and never more of it repeated than it says.

use super::{Remote, RemoteError};
use http::{Method, StatusCode, header};
use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take, beside what the server is asked to wait.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// How often a request that may not have arrived is sent, and how long is waited before the second time.
const TRIES: (u32, Duration) = (4, Duration::from_millis(500));

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<&'a Value>,
    pub(super) key: Option<&'a str>,
    pub(super) timeout: Duration,
}

impl Remote {
    pub(super) async fn ask_once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, RemoteError> {
        let (_, answer) = self.once(&Question { body, ..Question::new(method, path) }).await?;
        self.read(answer)
    }

    /// Asks again where the question or its answer may have been lost. Only for what may be asked twice.
    pub(super) async fn again(&self, question: Question<'_>) -> Result<(StatusCode, Value), RemoteError> {
        let (mut left, mut pause) = TRIES;
        loop {
            left -= 1;
            match self.once(&question).await {
                Err(error) if left > 0 && (error.may_pass() || error.is("in_progress")) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                answered => return answered,
            }
        }
    }

    pub(super) async fn once(&self, question: &Question<'_>) -> Result<(StatusCode, Value), RemoteError> {
        let unreachable = |source: reqwest::Error| RemoteError::Unreachable {
            address: self.address.clone(),
            source: source.without_url(),
        };
        let url = self.address.of(question.path);
        let mut request = self.client.request(question.method.clone(), url).timeout(question.timeout);
        request = request.header(header::ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(key) = question.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = question.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let (status, retry) = (response.status(), retry_after(&response));
        let bytes = self.bounded(response).await?;
        if status.is_success() {
            if bytes.is_empty() {
                return Ok((status, Value::Null));
            }
            let answer = serde_json::from_slice(&bytes).map_err(|_| self.unreadable("it is not JSON"))?;
            return Ok((status, answer));
        }
        Err(self.refusal(status, retry, &bytes))
    }

    async fn bounded(&self, mut response: Response) -> Result<Vec<u8>, RemoteError> {
        let mut bytes = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|source| RemoteError::Unreachable {
                address: self.address.clone(),
                source: source.without_url(),
            })?;
            let Some(chunk) = chunk else { return Ok(bytes) };
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(self.unreadable(&format!("it has more than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    /// Reads a problem (RFC 9457), or an error of OAuth (RFC 6749 §5.2).
    fn refusal(&self, status: StatusCode, retry: Option<u64>, bytes: &[u8]) -> RemoteError {
        let Ok(Value::Object(problem)) = serde_json::from_slice(bytes) else {
            return match status.is_server_error() {
                // A proxy speaks for a server that is away.
                true => self.refused(status, "unavailable", &format!("the server answers {status}"), retry),
                false => self.unreadable(&format!("it answers {status}, and does not say why")),
            };
        };
        let text = |name: &str| problem.get(name).and_then(Value::as_str);
        let code = text("code").or_else(|| text("error")).unwrap_or("unknown");
        if status == StatusCode::UNAUTHORIZED && self.token.is_some() && code == "unauthenticated" {
            return RemoteError::NotLoggedIn(self.address.clone());
        }
        let detail = text("detail").or_else(|| text("error_description")).or_else(|| text("title"));
        let retry = problem.get("retry_after").and_then(Value::as_u64).or(retry);
        let mut refused = self.refused(status, code, detail.unwrap_or(code), retry);
        if let (RemoteError::Refused { instead, .. }, Some(Value::Array(list))) =
            (&mut refused, problem.get("instead"))
        {
            instead.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        refused
    }

    fn refused(&self, status: StatusCode, code: &str, detail: &str, retry_after: Option<u64>) -> RemoteError {
        let detail = detail.chars().filter(|c| !c.is_control()).take(2_000).collect();
        RemoteError::Refused { status, code: code.to_owned(), detail, instead: Vec::new(), retry_after }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, answer: Value) -> Result<T, RemoteError> {
        // What serde says may hold the value that it could not read.
        serde_json::from_value(answer).map_err(|_| self.unreadable("its members are others than expected"))
    }

    pub(super) fn unreadable(&self, what: &str) -> RemoteError {
        RemoteError::Unreadable { address: self.address.clone(), what: what.to_owned() }
    }
}

impl<'a> Question<'a> {
    pub(super) const fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, key: None, timeout: TIMEOUT }
    }
}

fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
