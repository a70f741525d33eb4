use crate::{
    api::{FromMembers, Members, extract::JsonBody},
    app::App,
    problem::Problem,
};
use axum::extract::{Form, FromRequest, Request};
use http::{HeaderMap, header};
use std::sync::Arc;

/// What was sent, as JSON or by a form.
pub(super) struct Sent<T> {
    pub(super) value: T,
    /// Whether to answer with a page to go to.
    pub(super) is_form: bool,
}

impl<T: FromMembers + Send> FromRequest<Arc<App>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        // A bearer may send JSON and call it a form: `curl -d` does.
        if !is_form(request.headers()) || request.headers().contains_key(header::AUTHORIZATION) {
            let JsonBody(value) = JsonBody::from_request(request, app).await?;
            return Ok(Self { value, is_form: false });
        }
        let unread = |_| Problem::invalid("", "the form cannot be read");
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, app).await.map_err(unread)?;
        Ok(Self { value: Members::of_pairs(pairs)?.read()?, is_form: true })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
