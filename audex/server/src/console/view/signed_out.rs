//! The end of a login that began at the identity provider.

use super::frame::Frame;
use askama::Template;

/// The page after a logout: there is another one to make, at the provider.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, signed_out::SignedOutPage};
/// use askama::Template;
/// let frame = Frame::new("Signed out", Here::Elsewhere);
/// let page = SignedOutPage { frame, provider: "https://auth.example.com/end?a=b".into() };
/// assert!(page.render().unwrap().contains("Sign out there too"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// What all pages have.
    pub frame: Frame,
    /// Where one is signed out there.
    pub provider: String,
}
