//! What a caller is told when something is refused or fails: `application/problem+json` (RFC 9457) with a stable `code`.
//!
//! What an operator is told goes to the log, and is another text.

use audex_core::{Denial, IssueError};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// A refusal or a failure, in the caller's terms.
///
/// ```
/// use audex_server::problem::Problem;
/// use http::StatusCode;
/// let problem = Problem::new(StatusCode::CONFLICT, "already_decided").with_detail("the request is decided already");
/// assert_eq!(problem.json()["code"], "already_decided");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Said>);

/// Apart, so that a result with a problem is no larger than one without.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    members: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Problem {
    /// Makes a problem.
    ///
    /// The code is API: it never changes its meaning.
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Said { status, code, detail: None, members: Map::new(), retry_after: None }))
    }

    /// Adds what happened and what to do, in a sentence.
    ///
    /// Never a secret, never what was presented.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds after how many seconds to try again, as a header.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// 400: what was sent cannot be read; `field` says where.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request").with("field", field).with_detail(detail)
    }

    /// 401: nobody is logged in, or what was presented does not work.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated")
            .with_detail("log in, or send an API token as `Authorization: Bearer ...`")
    }

    /// 403: the policies do not allow it.
    pub fn forbidden(action: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden").with("action", action)
    }

    /// 404: it is not there, or not the caller's to see.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    /// 503: something the server needs does not answer.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            .with_detail("try again in a moment; with the same Idempotency-Key nothing happens twice")
            .with_retry_after(2)
    }

    /// 500: a bug of ours.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Returns the body.
    pub fn json(&self) -> Value {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert("title".to_owned(), json!(self.0.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".to_owned(), json!(self.0.status.as_u16()));
        body.insert("code".to_owned(), json!(self.0.code));
        if let Some(detail) = &self.0.detail {
            body.insert("detail".to_owned(), json!(detail));
        }
        body.extend(self.0.members.clone());
        Value::Object(body)
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        let detail = error.to_string();
        match &error {
            IssueError::Denied(denial) => {
                let code = match denial {
                    Denial::Ttl { .. } | Denial::Unendable { .. } => "ttl_not_allowed",
                    Denial::Role(_) => "role_not_mapped",
                    Denial::Refused(_) | Denial::TooIntricate(_) => "not_expressible",
                    Denial::Cut(_) => "denied",
                };
                Self::new(StatusCode::FORBIDDEN, code).with_detail(detail).with("instead", denial.instead())
            }
            IssueError::ApprovalNeeded(_) => {
                Self::new(StatusCode::FORBIDDEN, "approval_needed").with_detail(detail)
            }
            IssueError::OtherApproval => Self::new(StatusCode::CONFLICT, "plan_changed").with_detail(detail),
            IssueError::ApprovalUsed => Self::new(StatusCode::CONFLICT, "approval_used").with_detail(detail),
            IssueError::Limited(limited) => {
                // `error` and `retry_after` are the body that the specification gives.
                let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded")
                    .with("error", "rate_limit_exceeded")
                    .with_detail(detail);
                let seconds = limited
                    .retry_after
                    .map_or(30, |after| u64::try_from(after.num_seconds()).unwrap_or(0).max(1));
                problem.with("retry_after", seconds).with_retry_after(seconds)
            }
            IssueError::NoProvider(_) => {
                Self::new(StatusCode::BAD_REQUEST, "provider_not_configured").with_detail(detail)
            }
            IssueError::Provider(error) => {
                Self::new(StatusCode::BAD_GATEWAY, "provider_failed").with_detail(error.to_string())
            }
            IssueError::Mismatch(_) => Self::new(StatusCode::BAD_GATEWAY, "provider_failed").with_detail(
                "the provider answered something else than was ordered; nothing was handed over",
            ),
            IssueError::Over(_) => Self::new(StatusCode::CONFLICT, "session_over").with_detail(detail),
            IssueError::Store(source)
                if matches!(source.downcast_ref(), Some(crate::store::StoreFault::Conflict)) =>
            {
                crate::store::StoreFault::Conflict.into()
            }
            IssueError::Trail(_) | IssueError::Sessions(_) | IssueError::Ledger(_) | IssueError::Store(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                Self::unavailable()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
