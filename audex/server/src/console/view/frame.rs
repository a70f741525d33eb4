//! What all pages have in common.

use crate::console::assets;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// What all pages have in common.
///
/// ```
/// use audex_server::console::view::frame::{Frame, Here};
/// let frame = Frame::new("Sessions", Here::Sessions);
/// assert!(frame.css().starts_with("/assets/console-"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The page's name.
    pub title: String,
    /// Which part of the console it is.
    pub here: Here,
    /// Who is signed in, if anybody.
    pub who: Option<Who>,
    /// The token that its forms send along.
    pub csrf: String,
    /// What just happened.
    pub notice: Option<&'static str>,
}

/// Who is signed in, and which parts of the console they may see.
///
/// ```
/// use audex_server::console::view::frame::Who;
/// let who = Who { name: "Alice".into(), identity: "alice@example.com".into(), sees_audit: false, sees_people: false };
/// assert_eq!(who.label(), "Alice");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// What they are called.
    pub name: String,
    /// The name that requests are made under.
    pub identity: String,
    /// Whether they may search the evidence.
    pub sees_audit: bool,
    /// Whether they administer people.
    pub sees_people: bool,
}

/// The parts of the console.
///
/// ```
/// use audex_server::console::view::frame::Here;
/// assert_ne!(Here::Home, Here::Elsewhere);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// What waits for me.
    Home,
    /// The form for a request.
    Ask,
    /// What waits for a decision.
    Approvals,
    /// What was given.
    Sessions,
    /// The evidence.
    Audit,
    /// What is allowed.
    Policies,
    /// Who is known.
    People,
    /// My tokens and keys.
    Me,
    /// None of them.
    Elsewhere,
}

impl Who {
    /// Returns what they are called in the corner of the page.
    pub fn label(&self) -> &str {
        if self.name.trim().is_empty() { &self.identity } else { &self.name }
    }
}

impl Frame {
    /// Makes the frame of a page that nobody has to be signed in for.
    pub fn new(title: impl Into<String>, here: Here) -> Self {
        Self { title: title.into(), here, who: None, csrf: String::new(), notice: None }
    }

    /// Returns the path of the style sheet.
    pub fn css(&self) -> String {
        assets::path("console.css")
    }

    /// Returns the path of the script of every page.
    pub fn js(&self) -> String {
        assets::path("console.js")
    }

    /// Returns the path of the script that signs.
    pub fn keys_js(&self) -> String {
        assets::path("keys.js")
    }

    /// Returns the path of the icon.
    pub fn icon(&self) -> String {
        assets::path("icon.svg")
    }

    /// Tells whether this is the current part.
    pub fn is(&self, name: &str) -> bool {
        matches!(
            (self.here, name),
            (Here::Home, "home")
                | (Here::Ask, "ask")
                | (Here::Approvals, "approvals")
                | (Here::Sessions, "sessions")
                | (Here::Audit, "audit")
                | (Here::Policies, "policies")
                | (Here::People, "people")
                | (Here::Me, "me")
        )
    }
}

/// Makes the answer of a page: never cached.
pub fn answer(status: StatusCode, page: &impl Template) -> Response {
    let body = match page.render() {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}
