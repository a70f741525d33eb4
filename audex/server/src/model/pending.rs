use super::Ask;
use audex_core::{
    Requester, Ttl,
    approval::{Approval, ApprovalState},
    session::SessionId,
};
use axess::UserId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A request that waits for somebody else to agree, or did.
///
/// ```
/// fn who(pending: &audex_server::model::PendingRequest) -> String {
///     pending.requester.identity()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// The session it would be: its one name everywhere.
    pub session_id: SessionId,
    /// Who asks.
    pub requester: Requester,
    /// Whose account answers for it: of a token, who made it. A workload has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<UserId>,
    /// For what.
    pub ask: Ask,
    /// As whom, by the rules when it was asked. Older requests say it no more than their `ask` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// For how long, by the rules when it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
    /// The rules that ask for approval.
    pub rules: Vec<String>,
    /// The policy document as the provider would be told, for people to read.
    pub document: String,
    /// Where the approval stands.
    pub approval: Approval,
    /// Where to tell the requester of the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
}

/// Where a request stands, as its requester sees it.
///
/// ```
/// use audex_server::model::RequestState;
/// assert_eq!(RequestState::PendingApproval.name(), "pending_approval");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// It waits for votes.
    PendingApproval,
    /// Enough agreed: it can be picked up.
    Approved,
    /// Somebody said no.
    Denied,
    /// Nobody decided, or nobody picked it up, in time.
    Expired,
    /// It was picked up: there is a session.
    Issued,
    /// Whoever asked took it back.
    Withdrawn,
}

impl RequestState {
    /// Returns its name, as in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Issued => "issued",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl PendingRequest {
    /// Returns as whom: the role, service account or audience.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref().or(self.ask.target.as_deref())
    }

    /// Returns for how long, as in `15m`.
    pub fn lifetime(&self) -> Option<String> {
        self.ttl.map(|ttl| ttl.to_string()).or_else(|| self.ask.ttl.clone())
    }

    /// Returns where it stands.
    pub fn state(&self, now: DateTime<Utc>) -> RequestState {
        match self.approval.state() {
            ApprovalState::Consumed => RequestState::Issued,
            ApprovalState::Denied => RequestState::Denied,
            ApprovalState::Withdrawn => RequestState::Withdrawn,
            _ if self.approval.is_expired(now) => RequestState::Expired,
            ApprovalState::Approved => RequestState::Approved,
            ApprovalState::Pending => RequestState::PendingApproval,
        }
    }
}
