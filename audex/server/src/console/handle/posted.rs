use super::visit::Passer;
use crate::{app::App, problem::Problem};
use axess::CsrfToken;
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use http::StatusCode;
use std::{collections::BTreeMap, fmt, sync::Arc};
use subtle::ConstantTimeEq;

/// A form of ours that somebody sent: its token is checked.
///
/// The CSRF layer has looked at where it came from; the token is the second lock, and tells a page that stood open too long.
pub(super) struct Posted(BTreeMap<String, String>);

impl Posted {
    /// Returns what stands in a field, without spaces around it and with plain line ends; nothing where there is no such field.
    pub(super) fn text(&self, name: &str) -> String {
        self.exact(name).replace("\r\n", "\n").trim().to_owned()
    }

    /// Returns what stands in a field as it was typed, as a password.
    pub(super) fn exact(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Returns what stands in a field, unless that is nothing.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Returns the entries of a list, with commas or one a line.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name);
        let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(str::to_owned).collect()
    }

    /// Tells whether a box is checked.
    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        // The same answer where the layer is missing.
        Passer::from_request_parts(&mut parts, app).await?;
        let token = CsrfToken::from_request_parts(&mut parts, app).await.map_err(|_| Problem::internal())?;
        let request = Request::from_parts(parts, body);
        let form = Form::<BTreeMap<String, String>>::from_request(request, app).await;
        let Form(form) = form.map_err(|refused| {
            Problem::new(refused.status(), "invalid_form")
                .with_detail("the form cannot be read: load the page again")
        })?;
        let sent = form.get("csrf").map_or("", String::as_str);
        if !bool::from(sent.as_bytes().ct_eq(token.token().as_bytes())) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "form_too_old").with_detail(
                "the page stood open for too long, or somebody signed in or out meanwhile: load it again",
            ));
        }
        Ok(Self(form))
    }
}

impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let field = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let form = Posted(
            [field("a", " x\r\ny "), field("b", " "), field("c", "1, 2\r\n,3"), field("d", "yes")].into(),
        );
        assert_eq!(
            (form.text("a").as_str(), form.exact("a"), form.text("z").as_str()),
            ("x\ny", " x\r\ny ", "")
        );
        assert_eq!((form.some("b"), form.some("d")), (None, Some("yes".to_owned())));
        assert_eq!(form.list("c"), ["1", "2", "3"]);
        assert!(form.is_checked("d") && !form.is_checked("e"));
        assert!(!format!("{form:?}").contains("yes"));
    }
}
