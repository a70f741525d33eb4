use super::{approval::VoteShape, console_url, hex, snake, stamp};
use crate::{access::Caller, app::App, handover::Handover, model::PendingRequest, settings::ServerSettings};
use audex_core::session::SessionRecord;
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;

/// A credential, handed over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Issued<'a> {
    /// The session.
    #[schema(value_type = String, format = Uuid)]
    session_id: String,
    /// Whose credential it is.
    #[schema(example = "aws")]
    provider: &'static str,
    /// The secrets, by the names of their environment variables in lower case.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"audex_token": "eyJ..."}))]
    credentials: Parts<'a>,
    /// When the provider stops accepting it.
    #[schema(format = DateTime, example = "2024-01-01T12:15:00Z")]
    expires_at: String,
}

/// The secrets of a credential. They are written from where they are kept, without a copy.
#[derive(Debug)]
pub(super) struct Parts<'a>(&'a Handover);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, secret) in self.0.parts() {
            map.serialize_entry(&name.to_ascii_lowercase(), secret.expose())?;
        }
        map.end()
    }
}

impl<'a> Issued<'a> {
    pub(in crate::api) fn new(handover: &'a Handover) -> Self {
        Self {
            session_id: handover.session_id.to_string(),
            provider: handover.provider.name(),
            credentials: Parts(handover),
            expires_at: stamp(handover.expires_at),
        }
    }
}

/// Who has to agree, and until when.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Needed {
    /// How many have to agree, each in another role when it is more than one.
    #[schema(minimum = 1)]
    required: u8,
    /// In which roles.
    #[schema(example = json!(["security"]))]
    roles: Vec<String>,
    /// The rules that ask for it.
    #[schema(example = json!(["iam:*"]))]
    rules: Vec<String>,
    /// Until when it can be decided and picked up.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The page of the request. It opens nothing: one has to sign in there.
    #[schema(format = "uri")]
    url: String,
}

/// A request that waits for somebody else to agree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// The session it would be: ask for it at `/credentials/{id}`.
    #[schema(value_type = String, format = Uuid)]
    session_id: String,
    /// `pending_approval`, or `approved` where it can be picked up. To a request that is sent again under its key: where
    /// the first one stands, as `denied`, `expired`, `withdrawn` or `issued`.
    #[schema(example = "pending_approval")]
    status: &'static str,
    /// Who has to agree.
    approval: Needed,
    /// What an approver agrees to: SHA-256 of the request, in hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    digest: String,
    /// The key (HMAC-SHA-256) of the signature that the callback comes with, for whoever asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_key: Option<String>,
}

impl Waiting {
    pub(in crate::api) fn new(pending: &PendingRequest, app: &App, caller: &Caller) -> Self {
        let is_own = caller.identity() == pending.requester.identity();
        let has_callback = is_own && pending.callback.is_some();
        Self {
            session_id: pending.session_id.to_string(),
            status: pending.state(app.clock.now()).name(),
            approval: needed(pending, &app.settings),
            digest: hex(pending.approval.digest()),
            callback_key: has_callback.then(|| app.notifier.callback_key(pending.session_id)),
        }
    }
}

pub(super) fn needed(pending: &PendingRequest, settings: &ServerSettings) -> Needed {
    Needed {
        required: pending.approval.required(),
        roles: pending.approval.roles().to_vec(),
        rules: pending.rules.clone(),
        expires_at: stamp(pending.approval.expires_at()),
        url: console_url(&settings.public_url, pending),
    }
}

/// Where a request or its session stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// The session.
    #[schema(value_type = String, format = Uuid)]
    session_id: String,
    /// `denied`, `expired` or `withdrawn` for a request, the session's own status (as `active`) once it was issued.
    #[schema(example = "denied")]
    status: String,
    /// Whose credential it is.
    provider: &'static str,
    /// What the approvers said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    votes: Vec<VoteShape>,
    /// Why nothing was issued: `provider_failed`, `unavailable` (it could not be recorded) or `abandoned` (the server was
    /// gone before it was known whether something was minted).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "provider_failed")]
    code: Option<String>,
    /// The same, or why it ended, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Standing {
    pub(in crate::api) fn of_request(pending: &PendingRequest, now: DateTime<Utc>) -> Self {
        Self {
            session_id: pending.session_id.to_string(),
            status: pending.state(now).name().to_owned(),
            provider: pending.ask.provider.name(),
            votes: pending.approval.votes().iter().map(VoteShape::new).collect(),
            code: None,
            reason: None,
        }
    }

    pub(in crate::api) fn of_session(record: &SessionRecord) -> Self {
        Self {
            session_id: record.session_id.to_string(),
            status: snake(record.status.name()),
            provider: record.provider.name(),
            votes: Vec::new(),
            code: record.ending.as_ref().and_then(|ending| ending.code.clone()),
            reason: record.ending.as_ref().and_then(|ending| ending.reason.clone()),
        }
    }
}
