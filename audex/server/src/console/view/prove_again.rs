//! Another proof, at the identity provider.

use super::frame::Frame;
use askama::Template;

/// The page that leads to the identity provider for another proof.
///
/// It is no redirect: what began with a form may not be sent to another site, as browsers read `form-action`.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, prove_again::ProveAgainPage};
/// use askama::Template;
/// let page = ProveAgainPage { frame: Frame::new("Confirm", Here::Elsewhere), next_encoded: "/device".into() };
/// assert!(page.render().unwrap().contains("url=/login/sso?next=/device"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "prove_again.html")]
pub struct ProveAgainPage {
    /// What all pages have.
    pub frame: Frame,
    /// Where to go afterwards, as the value of a query.
    pub next_encoded: String,
}
