//! The confirmation of the login of a program on the same machine.

use super::frame::Frame;
use crate::access::{keys::KeyFate, program::ProgramAsk};
use askama::Template;

/// The page on which somebody confirms that a program on their machine may act for them.
///
/// ```
/// use audex_server::{access::{keys::KeyFate, program::ProgramAsk}, console::view::{frame::{Frame, Here}, program::ProgramPage}};
/// use askama::Template;
/// let page = ProgramPage {
///     frame: Frame::new("Sign in a program", Here::Elsewhere),
///     ask: ProgramAsk { client: "<b>".into(), ..ProgramAsk::default() },
///     client: "<b>".into(),
///     identity: "alice@example.com".into(),
///     scopes: "read".into(),
///     origin: "http://127.0.0.1:49152".into(),
///     key: KeyFate::None,
/// };
/// assert!(!page.render().unwrap().contains("<b>"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "program.html")]
pub struct ProgramPage {
    /// What all pages have.
    pub frame: Frame,
    /// What the program asks for: the form sends it back.
    pub ask: ProgramAsk,
    /// What it calls itself; nothing vouches for it.
    pub client: String,
    /// As whom it will act.
    pub identity: String,
    /// What it may do then, in words.
    pub scopes: String,
    /// Where it listens.
    pub origin: String,
    /// What becomes of its key.
    pub key: KeyFate,
}
