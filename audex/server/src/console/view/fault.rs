//! What went wrong, and a way on.

use super::frame::Frame;
use askama::Template;

/// The page of an error: what happened, and a way on.
///
/// ```
/// use audex_server::console::view::{fault::FaultPage, frame::{Frame, Here}};
/// use askama::Template;
/// let frame = Frame::new("Not found", Here::Elsewhere);
/// let page = FaultPage { frame, status: 404, code: "not_found".into(), detail: None, instead: vec![], retry_after: None, request: None };
/// assert!(page.render().unwrap().contains("<h1>Not found</h1>"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "fault.html")]
pub struct FaultPage {
    /// What all pages have.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What happened, in a sentence.
    pub detail: Option<String>,
    /// What would work.
    pub instead: Vec<String>,
    /// After how many seconds to try again.
    pub retry_after: Option<String>,
    /// What the request is called in the logs.
    pub request: Option<String>,
}
