//! The keyboard shortcuts.

use super::frame::Frame;
use askama::Template;

/// The page that lists the keyboard shortcuts.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, help::HelpPage};
/// use askama::Template;
/// let page = HelpPage { frame: Frame::new("Keyboard shortcuts", Here::Elsewhere) };
/// assert!(page.render().unwrap().contains("<kbd>?</kbd>"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "help.html")]
pub struct HelpPage {
    /// What all pages have.
    pub frame: Frame,
}
