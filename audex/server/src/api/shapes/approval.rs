use super::{
    hex,
    issued::{Needed, needed},
    stamp,
};
use crate::{
    model::{PendingRequest, RequestState},
    settings::ServerSettings,
};
use audex_core::approval::Vote;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// What one approver said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoteShape {
    /// Who.
    approver: String,
    /// In which of their roles.
    role: String,
    /// Whether they agree.
    approve: bool,
    /// Why.
    comment: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Whether they signed it.
    signed: bool,
}

impl VoteShape {
    pub(super) fn new(vote: &Vote) -> Self {
        Self {
            approver: vote.approver.clone(),
            role: vote.role.clone(),
            approve: vote.approve,
            comment: vote.comment.clone(),
            at: stamp(vote.at),
            signed: vote.signature.is_some(),
        }
    }
}

/// A request, as its approvers see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalShape {
    /// The session it would be.
    #[schema(value_type = String, format = Uuid)]
    session_id: String,
    /// Where it stands.
    #[schema(value_type = RequestStateShape)]
    status: RequestState,
    /// Who asks.
    #[schema(example = "alice@example.com")]
    requester: String,
    /// Of which provider.
    provider: &'static str,
    /// The actions, as they were asked for.
    #[schema(example = "s3:GetObject")]
    allow: String,
    /// The resources of actions that name none.
    resources: Vec<String>,
    /// The role, service account or audience that the credential will be of.
    target: Option<String>,
    /// The lifetime that the credential will have.
    #[schema(example = "15m")]
    ttl: Option<String>,
    /// What may be spent, in dollars; advisory.
    budget: Option<String>,
    /// What it is for.
    reason: Option<String>,
    /// The policy document, exactly as the provider would be told.
    policy: String,
    /// What an approver agrees to: SHA-256 of who asks, the session, what for, as whom, for how long, the policy and the reason,
    /// in hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    digest: String,
    /// Who has to agree.
    approval: Needed,
    /// Who said what.
    votes: Vec<VoteShape>,
    /// When it was asked.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Where a request stands.
#[derive(ToSchema)]
#[schema(as = RequestState, rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the model's type, which knows no OpenAPI")]
pub(crate) enum RequestStateShape {
    PendingApproval,
    Approved,
    Denied,
    Expired,
    Issued,
    Withdrawn,
}

impl ApprovalShape {
    pub(in crate::api) fn new(
        pending: &PendingRequest,
        settings: &ServerSettings,
        now: DateTime<Utc>,
    ) -> Self {
        let ask = &pending.ask;
        Self {
            session_id: pending.session_id.to_string(),
            status: pending.state(now),
            requester: pending.requester.identity(),
            provider: ask.provider.name(),
            allow: ask.allow.clone(),
            resources: ask.resources.clone(),
            target: pending.target().map(str::to_owned),
            ttl: pending.lifetime(),
            budget: ask.budget.clone(),
            reason: ask.reason.clone(),
            policy: pending.document.clone(),
            digest: hex(pending.approval.digest()),
            approval: needed(pending, settings),
            votes: pending.approval.votes().iter().map(VoteShape::new).collect(),
            created_at: stamp(pending.created_at),
        }
    }
}
