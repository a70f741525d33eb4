//! One thing to time: a router, a request, and the answer it must give.

use crate::{Fault, browser::Template};
use axum::{Router, body::to_bytes, http::StatusCode, response::Response};
use std::convert::Infallible;
use tower::{Service, ServiceExt};

/// The longest body an answer may have, in bytes.
const MAX_BODY: usize = 1_024;

/// A request and its expected answer on one site.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) site: Router,
    pub(crate) template: Template,
    pub(crate) status: StatusCode,
    pub(crate) body: &'static str,
}

impl Case {
    /// A case that is answered with 200 and `body`.
    pub(crate) fn ok(name: &'static str, site: &Router, template: Template, body: &'static str) -> Self {
        Self { name, site: site.clone(), template, status: StatusCode::OK, body }
    }

    /// A case that is refused with 401: checked, never timed.
    pub(crate) fn refused(name: &'static str, site: &Router, template: Template) -> Self {
        Self { name, site: site.clone(), template, status: StatusCode::UNAUTHORIZED, body: "" }
    }

    /// Sends the request once and compares the answer. The body of a refusal is the site's own business.
    pub(crate) async fn check(&mut self) -> Result<(), Fault> {
        let response = send(&mut self.site, self.template.request()).await?;
        let status = response.status();
        let body = to_bytes(response.into_body(), MAX_BODY).await?;
        if status != self.status || (status == StatusCode::OK && body != self.body) {
            let body = String::from_utf8_lossy(&body);
            return Err(format!(
                "{}: expected {} {:?}, got {status} {body:?}",
                self.name, self.status, self.body
            )
            .into());
        }
        Ok(())
    }
}

/// Drives a router as a server does: ready, then called.
pub(crate) async fn send(site: &mut Router, request: axum::extract::Request) -> Result<Response, Infallible> {
    ServiceExt::<axum::extract::Request>::ready(site).await?.call(request).await
}
