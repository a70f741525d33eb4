//! The steps of an enrolment.

use super::frame::Frame;
use askama::Template;
use std::fmt;

/// The page of one step of an enrolment.
///
/// ```
/// use audex_server::console::view::{enrol::{EnrolPage, EnrolStep}, frame::{Frame, Here}};
/// use askama::Template;
/// let step = EnrolStep::Password { action: "/enrol/abc".into(), email: "alice@example.com".into() };
/// let page = EnrolPage { frame: Frame::new("Welcome", Here::Elsewhere), fault: None, step };
/// assert!(page.render().unwrap().contains("new-password"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// What all pages have.
    pub frame: Frame,
    /// What was wrong the last time.
    pub fault: Option<String>,
    /// What is to be done.
    pub step: EnrolStep,
}

/// What an enrolment asks for, or shows.
///
/// It holds secrets.
///
/// ```
/// use audex_server::console::view::enrol::EnrolStep;
/// let step = EnrolStep::Recovery { codes: vec!["secret".into()] };
/// assert_eq!(format!("{step:?}"), "EnrolStep(3)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum EnrolStep {
    /// A password is chosen.
    Password {
        /// Where the form is posted to.
        action: String,
        /// Whose account it is.
        email: String,
    },
    /// The authenticator is set up.
    Authenticator {
        /// The QR code, an SVG element that our own code drew.
        qr: String,
        /// The same for typing.
        key: String,
    },
    /// The code did not fit; another is asked for.
    Again,
    /// The recovery codes are saved.
    Recovery {
        /// Each works once.
        codes: Vec<String>,
    },
}

impl EnrolStep {
    /// Returns which step it is, from 1.
    pub const fn number(&self) -> u8 {
        match self {
            Self::Password { .. } => 1,
            Self::Authenticator { .. } | Self::Again => 2,
            Self::Recovery { .. } => 3,
        }
    }
}

impl fmt::Debug for EnrolStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolStep({})", self.number())
    }
}
