use super::{snake, stamp};
use audex_core::{
    Fate, Revocation,
    session::{CredentialRecord, SessionRecord},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionShape {
    /// Which one.
    #[schema(value_type = String, format = Uuid)]
    session_id: String,
    /// Where it is in its life: `active`, `completed`, `failed`, `expired`, `revoked` or `budget_exceeded`.
    #[schema(example = "active")]
    status: String,
    /// Who asked.
    requester: String,
    /// Of which provider.
    provider: &'static str,
    /// The role, service account or audience.
    target: Option<String>,
    /// What was asked for.
    asked: String,
    /// What was granted.
    actions: Vec<String>,
    /// What of that is denied.
    denied: Vec<String>,
    /// The lifetime.
    ttl: String,
    /// When it began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    deadline: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why it ended, where somebody said.
    reason: Option<String>,
    /// What was minted; never a secret.
    credentials: Vec<CredentialShape>,
}

/// What is known of a credential: never a secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialShape {
    /// Its public id.
    id: String,
    /// When it was minted.
    #[schema(format = DateTime)]
    issued_at: String,
    /// When the provider stops accepting it.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What a revocation did to it.
    fate: Option<FateShape>,
}

/// What became of a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum FateShape {
    /// The provider no longer accepts it.
    Dead,
    /// It is denied everything.
    Denied {
        /// Where the denial was written.
        by: String,
    },
    /// It still works.
    Alive {
        /// Until when.
        #[schema(format = DateTime)]
        until: String,
        /// Why nothing ended it, and what would.
        why: String,
    },
}

impl FateShape {
    fn new(fate: &Fate) -> Self {
        match fate {
            Fate::Dead => Self::Dead,
            Fate::Denied { by } => Self::Denied { by: by.clone() },
            Fate::AliveUntil { until, why } => Self::Alive { until: stamp(*until), why: why.clone() },
        }
    }
}

impl SessionShape {
    pub(in crate::api) fn new(record: &SessionRecord) -> Self {
        let texts = |set: &audex_policy::PermissionSet| set.iter().map(ToString::to_string).collect();
        let credential = |credential: &CredentialRecord| CredentialShape {
            id: credential.id.clone(),
            issued_at: stamp(credential.issued_at),
            expires_at: stamp(credential.expires_at),
            fate: credential.fate.as_ref().map(FateShape::new),
        };
        Self {
            session_id: record.session_id.to_string(),
            status: snake(record.status.name()),
            requester: record.requester.identity(),
            provider: record.provider.name(),
            target: record.target.clone(),
            asked: record.asked.clone(),
            actions: texts(record.grant.allow()),
            denied: texts(record.grant.deny()),
            ttl: record.ttl.to_string(),
            created_at: stamp(record.created_at),
            deadline: stamp(record.deadline),
            ended_at: record.ended_at.map(stamp),
            reason: record.ending.as_ref().and_then(|ending| ending.reason.clone()),
            credentials: record.credentials.iter().map(credential).collect(),
        }
    }
}

/// What a revocation did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Revoked {
    /// Whether nothing of the session still works.
    complete: bool,
    /// The session, with what became of each credential.
    session: SessionShape,
}

impl Revoked {
    pub(in crate::api) fn new(record: &SessionRecord, revocation: &Revocation) -> Self {
        Self { complete: revocation.is_complete(), session: SessionShape::new(record) }
    }
}
