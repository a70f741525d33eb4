//! What waits for whom.

use super::{approvals::RequestRow, frame::Frame, sessions::SessionRow};
use askama::Template;

/// The first page: what waits for whom, and what is there.
///
/// ```
/// use audex_server::console::view::{frame::{Frame, Here}, home::HomePage};
/// use askama::Template;
/// let page = HomePage { frame: Frame::new("Home", Here::Home), name: "Alice".into(), for_me: vec![], mine: vec![], sessions: vec![] };
/// assert!(page.render().unwrap().contains("Alice"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// What all pages have.
    pub frame: Frame,
    /// What they are called.
    pub name: String,
    /// Others' requests that wait for their decision.
    pub for_me: Vec<RequestRow>,
    /// Their own requests that are not over.
    pub mine: Vec<RequestRow>,
    /// Their own newest sessions.
    pub sessions: Vec<SessionRow>,
}
