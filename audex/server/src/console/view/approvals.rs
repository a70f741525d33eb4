//! What waits for a decision.

use super::{
    frame::Frame,
    parts::{Pill, Until, When},
};
use crate::model::PendingRequest;
use askama::Template;
use chrono::{DateTime, Utc};

/// The page of what waits for a decision.
///
/// ```
/// use audex_server::console::view::{approvals::ApprovalsPage, frame::{Frame, Here}};
/// use askama::Template;
/// let page = ApprovalsPage { frame: Frame::new("Approvals", Here::Approvals), rows: vec![], next: None };
/// assert!(page.render().unwrap().contains("Nothing waits"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "approvals.html")]
pub struct ApprovalsPage {
    /// What all pages have.
    pub frame: Frame,
    /// The requests, newest first.
    pub rows: Vec<RequestRow>,
    /// The address of the next page.
    pub next: Option<String>,
}

/// A request in a list.
///
/// ```
/// fn link(row: &audex_server::console::view::approvals::RequestRow) -> String {
///     format!("/console/requests/{}", row.id)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Which one.
    pub id: String,
    /// Who asks.
    pub requester: String,
    /// Of whom.
    pub provider: String,
    /// What for.
    pub allow: String,
    /// For how long, where they said.
    pub ttl: Option<String>,
    /// Why, as they said.
    pub reason: Option<String>,
    /// How far it is.
    pub pill: Pill,
    /// How many agreed.
    pub agreed: usize,
    /// How many have to.
    pub required: u8,
    /// When it was asked.
    pub asked: When,
    /// How long it waits.
    pub expires: Until,
}

impl RequestRow {
    /// Describes a request.
    pub fn new(pending: &PendingRequest, now: DateTime<Utc>) -> Self {
        Self {
            id: pending.session_id.to_string(),
            requester: pending.requester.to_string(),
            provider: pending.ask.provider.to_string(),
            allow: pending.ask.allow.clone(),
            ttl: pending.lifetime(),
            reason: pending.ask.reason.clone().filter(|reason| !reason.trim().is_empty()),
            pill: Pill::of_request(pending.state(now)),
            agreed: pending.approval.votes().iter().filter(|vote| vote.approve).count(),
            required: pending.approval.required(),
            asked: When::new(pending.created_at),
            expires: Until::new(pending.approval.expires_at(), now),
        }
    }
}
