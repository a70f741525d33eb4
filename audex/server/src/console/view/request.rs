//! One request.

use super::{
    ask::Preview,
    frame::Frame,
    parts::{Pill, Until, Usual, When, hex, pretty},
};
use crate::model::{PendingRequest, RequestState};
use askama::Template;
use chrono::{DateTime, Utc};

/// The page of one request: who, what exactly, how it differs from the usual, who agreed, and what can be done.
///
/// ```
/// fn title(page: &audex_server::console::view::request::RequestPage) -> &str {
///     &page.frame.title
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "request.html")]
pub struct RequestPage {
    /// What all pages have.
    pub frame: Frame,
    /// What was asked.
    pub asked: Asked,
    /// What would be issued now; nothing when the rules refuse it meanwhile.
    pub preview: Option<Preview>,
    /// Why the rules refuse it meanwhile.
    pub refusal: Option<String>,
    /// How it differs from what they were granted before.
    pub usual: Usual,
    /// What the one who looks at it may do.
    pub own: Own,
    /// What was wrong with what they did.
    pub fault: Option<String>,
    /// What they had written.
    pub comment: String,
}

/// A request as it was made, and where it stands.
///
/// ```
/// fn is_open(asked: &audex_server::console::view::request::Asked) -> bool {
///     asked.is_waiting
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which one.
    pub id: String,
    /// Who asks.
    pub requester: String,
    /// In which groups.
    pub groups: Vec<String>,
    /// Of whom.
    pub provider: String,
    /// What for.
    pub allow: String,
    /// The resources.
    pub resources: Vec<String>,
    /// The role, service account or audience that the rules gave.
    pub target: Option<String>,
    /// The lifetime that the rules gave.
    pub ttl: Option<String>,
    /// The budget.
    pub budget: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The document that was shown when it was asked.
    pub document: String,
    /// What everybody agrees to, in hexadecimal digits.
    pub digest: String,
    /// How far it is.
    pub pill: Pill,
    /// Whether votes count.
    pub is_waiting: bool,
    /// Whether it can be picked up.
    pub is_approved: bool,
    /// Whether there is a session.
    pub is_issued: bool,
    /// The rules that ask for approval.
    pub rules: Vec<String>,
    /// How many have to agree.
    pub required: u8,
    /// How many agreed.
    pub agreed: usize,
    /// In which roles.
    pub roles: Vec<String>,
    /// Who said what.
    pub votes: Vec<VoteLine>,
    /// When it was asked.
    pub asked_at: When,
    /// How long it waits.
    pub expires: Until,
}

/// What one person said.
///
/// ```
/// fn agrees(vote: &audex_server::console::view::request::VoteLine) -> bool {
///     vote.approve
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteLine {
    /// Who.
    pub approver: String,
    /// In which role.
    pub role: String,
    /// Whether they agree.
    pub approve: bool,
    /// Why.
    pub comment: String,
    /// When.
    pub at: When,
    /// Whether they signed it.
    pub is_signed: bool,
}

/// What the one who looks at a request may do with it.
///
/// ```
/// use audex_server::console::view::request::Own;
/// assert!(!Own::default().may_vote);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// Whether it is theirs.
    pub is_requester: bool,
    /// Whether they may decide.
    pub may_vote: bool,
    /// In which roles.
    pub roles: Vec<String>,
    /// The ids of their keys.
    pub keys: Vec<String>,
    /// Whether a vote without a signature counts.
    pub needs_signature: bool,
    /// The name they sign with.
    pub identity: String,
}

impl Asked {
    /// Describes a request.
    pub fn new(pending: &PendingRequest, now: DateTime<Utc>) -> Self {
        let (approval, ask) = (&pending.approval, &pending.ask);
        let vote = |vote: &audex_core::approval::Vote| VoteLine {
            approver: vote.approver.clone(),
            role: vote.role.clone(),
            approve: vote.approve,
            comment: vote.comment.clone(),
            at: When::new(vote.at),
            is_signed: vote.signature.is_some(),
        };
        let state = pending.state(now);
        Self {
            id: pending.session_id.to_string(),
            requester: pending.requester.to_string(),
            groups: pending.requester.groups().to_vec(),
            provider: ask.provider.to_string(),
            allow: ask.allow.clone(),
            resources: ask.resources.clone(),
            target: pending.target().map(str::to_owned),
            ttl: pending.lifetime(),
            budget: ask.budget.clone(),
            reason: ask.reason.clone().filter(|reason| !reason.trim().is_empty()),
            document: pretty(&pending.document),
            digest: hex(approval.digest()),
            pill: Pill::of_request(state),
            is_waiting: state == RequestState::PendingApproval,
            is_approved: state == RequestState::Approved,
            is_issued: state == RequestState::Issued,
            rules: pending.rules.clone(),
            required: approval.required(),
            agreed: approval.votes().iter().filter(|vote| vote.approve).count(),
            roles: approval.roles().to_vec(),
            votes: approval.votes().iter().map(vote).collect(),
            asked_at: When::new(pending.created_at),
            expires: Until::new(approval.expires_at(), now),
        }
    }

    /// Tells whether something can still come of it.
    pub const fn is_open(&self) -> bool {
        self.is_waiting || self.is_approved
    }
}

impl RequestPage {
    /// Tells whether what would be issued now is something else than what was shown when it was asked.
    pub fn has_changed(&self) -> bool {
        let asked = &self.asked;
        self.preview.as_ref().is_some_and(|preview| {
            preview.document != asked.document
                || preview.target != asked.target
                || asked.ttl.as_ref() != Some(&preview.ttl)
        })
    }
}
