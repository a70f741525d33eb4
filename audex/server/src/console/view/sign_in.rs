//! The steps of the login.

use super::frame::Frame;
use crate::access::sso::Offer;
use askama::Template;

/// The page of one step of the login.
///
/// ```
/// use audex_server::{access::sso::Offer, console::view::{frame::{Frame, Here}, sign_in::{SignInPage, SignInStep}}};
/// use askama::Template;
/// let page = SignInPage {
///     frame: Frame::new("Sign in", Here::Elsewhere),
///     step: SignInStep::Password,
///     next: "/\"><script>".into(),
///     next_encoded: "/".into(),
///     has_failed: true,
///     offer: Offer { sso: true, local: true },
/// };
/// assert!(!page.render().unwrap().contains("<script>"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What all pages have.
    pub frame: Frame,
    /// What is asked for.
    pub step: SignInStep,
    /// Where to go afterwards: a path here.
    pub next: String,
    /// The same as the value of a query.
    pub next_encoded: String,
    /// Whether the try before did not work.
    pub has_failed: bool,
    /// In which ways people may sign in.
    pub offer: Offer,
}

/// What a login asks for.
///
/// ```
/// use audex_server::console::view::sign_in::SignInStep;
/// assert_eq!(SignInStep::Code.action(), "/login/totp");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInStep {
    /// Address and password.
    Password,
    /// The code of the authenticator.
    Code,
    /// A recovery code in its place.
    Recovery,
}

impl SignInStep {
    /// Tells whether a login begins with it.
    pub const fn is_first(self) -> bool {
        matches!(self, Self::Password)
    }

    /// Returns where the form is posted to.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Password => "/login",
            Self::Code => "/login/totp",
            Self::Recovery => "/login/recovery",
        }
    }
}
