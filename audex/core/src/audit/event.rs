use crate::{
    Fate, IssueRequest, NeededApproval, Ttl,
    approval::ApprovalState,
    budget::Dollars,
    session::{Delivery, EntryPoint, SessionId, SessionStatus},
};
use audex_policy::Provider;
use axess_events::AuditPayload;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What happened to a session.
///
/// No event holds a secret.
///
/// In JSON each is an object with `event_type` and the fields of its variant, beside those of the envelope.
///
/// ```
/// use audex_core::{audit::BrokerEvent, session::{SessionId, SessionStatus}};
/// use axess_events::AuditPayload;
/// let event = BrokerEvent::SessionEnded {
///     session_id: SessionId::generate(&axess_rng::MockRng::new(1)),
///     status: SessionStatus::Completed,
///     duration_ms: 1_200,
///     exit_code: Some(0),
///     signal: None,
///     reason: None,
/// };
/// assert_eq!(event.event_type(), "SessionEnded");
/// assert_eq!(serde_json::to_value(&event).unwrap()["event_type"], "SessionEnded");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event_type")]
pub enum BrokerEvent {
    /// A session begins: everything was decided, and nothing is minted yet.
    SessionCreated {
        /// The session.
        session_id: SessionId,
        /// The way in.
        entry_point: EntryPoint,
        /// Who will mint.
        provider: Provider,
        /// The role, service account or audience.
        #[serde(skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// The lifetime in seconds.
        ttl_seconds: u32,
        /// What was asked for.
        asked: String,
        /// What is allowed, in the language of `--allow`.
        actions: Vec<String>,
        /// What is denied.
        denied: Vec<String>,
        /// The command, what looks like a secret replaced.
        command: Vec<String>,
        /// How the credential will be delivered.
        delivery: Delivery,
        /// The deadline.
        deadline: DateTime<Utc>,
        /// What the provider is told.
        policy: String,
        /// The budget.
        #[serde(skip_serializing_if = "Option::is_none")]
        budget_usd: Option<Dollars>,
        /// Who agreed, where that was needed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvers: Vec<String>,
    },
    /// A successor of a credential is asked for: it is not minted yet.
    CredentialsRequested {
        /// The session.
        session_id: SessionId,
        /// The lifetime that is asked for, in seconds.
        lifetime_seconds: i64,
    },
    /// The provider answered, and the answer was what was ordered.
    CredentialsIssued {
        /// The session.
        session_id: SessionId,
        /// The public id: an access key id, a token's `jti`.
        access_key_id: String,
        /// When the provider stops accepting it.
        expires_at: DateTime<Utc>,
        /// The account it is of.
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// The identity it acts as.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// Whether it follows an earlier one of the same session.
        refreshed: bool,
    },
    /// Nothing was handed over, or no more: the provider failed or answered something else.
    CredentialsFailed {
        /// The session.
        session_id: SessionId,
        /// The public id of what was minted all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_key_id: Option<String>,
        /// What happened.
        reason: String,
    },
    /// The rules say no.
    RequestDenied {
        /// The session that would have been.
        session_id: SessionId,
        /// The way in.
        entry_point: EntryPoint,
        /// Who would have minted.
        provider: Provider,
        /// What was asked for.
        asked: String,
        /// Which rule says no, and to what.
        reason: String,
    },
    /// Somebody else has to agree first.
    ApprovalRequired {
        /// The session that would be.
        session_id: SessionId,
        /// The way in.
        entry_point: EntryPoint,
        /// Who would mint.
        provider: Provider,
        /// What was asked for.
        asked: String,
        /// The rules that ask for it.
        rules: Vec<String>,
        /// How many have to agree.
        required: u8,
        /// The lifetime that was asked for, or would be given, in seconds; nothing where it is not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_seconds: Option<u32>,
    },
    /// Somebody agreed to a request, or refused it.
    ApprovalVoted {
        /// The session that would be.
        session_id: SessionId,
        /// Who asked.
        requester: String,
        /// In which role they voted.
        role: String,
        /// Whether they agree.
        approve: bool,
        /// Why.
        comment: String,
        /// The digest of the request, in hexadecimal digits.
        digest: String,
        /// What the approver signed, where they have a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// Where the approval stands now.
        state: ApprovalState,
    },
    /// Nobody decided in time, or nobody picked it up.
    ApprovalLapsed {
        /// The session that would have been.
        session_id: SessionId,
        /// Why.
        reason: String,
    },
    /// It was approved by as many as were needed then, and waits again: today's rules need more, or others.
    ApprovalReopened {
        /// The session that would be.
        session_id: SessionId,
        /// How many have to agree.
        required: u8,
        /// In which roles.
        roles: Vec<String>,
    },
    /// Whoever asked took the request back, or it was taken back for them.
    ApprovalWithdrawn {
        /// The session that would have been.
        session_id: SessionId,
        /// Why, where it is not the requester's own decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody with the right to administer changed something.
    Administered {
        /// What was done, as in `person.invited` or `token.revoked`.
        action: String,
        /// To what or whom.
        subject: String,
        /// What a reader should know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The command ended, or its session did.
    SessionEnded {
        /// The session.
        session_id: SessionId,
        /// How it ended.
        status: SessionStatus,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// The command's exit code.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// The signal that ended the command.
        #[serde(skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
        /// Why, where that is not the command's own end.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody ended it early.
    SessionRevoked {
        /// The session.
        session_id: SessionId,
        /// Why, as they said.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What became of each credential, where it is known already: see [`RevocationAnswered`](Self::RevocationAnswered).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fates: Vec<(String, Fate)>,
    },
    /// The provider was asked to end the credentials of a session.
    RevocationAnswered {
        /// The session.
        session_id: SessionId,
        /// Why, as whoever revoked it said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What became of each credential.
        fates: Vec<(String, Fate)>,
    },
    /// The spend is over 80 per cent of the budget.
    BudgetWarning {
        /// The session.
        session_id: SessionId,
        /// What was spent.
        spent_usd: Dollars,
        /// The budget.
        limit_usd: Dollars,
    },
    /// The spend is over the budget.
    BudgetExceeded {
        /// The session.
        session_id: SessionId,
        /// What was spent.
        spent_usd: Dollars,
        /// The budget.
        limit_usd: Dollars,
    },
}

impl BrokerEvent {
    /// Says that somebody has to agree to a request.
    pub fn approval_required(
        session_id: SessionId,
        request: &IssueRequest,
        needed: &NeededApproval,
        ttl: Ttl,
    ) -> Self {
        Self::ApprovalRequired {
            session_id,
            entry_point: request.entry_point,
            provider: request.request.provider(),
            asked: request.request.to_string(),
            rules: needed.rules.clone(),
            required: needed.required,
            ttl_seconds: Some(ttl.seconds()),
        }
    }

    /// Returns the session it is about, if it is about one.
    pub const fn session_id(&self) -> Option<SessionId> {
        Some(match self {
            Self::Administered { .. } => return None,
            Self::SessionCreated { session_id, .. }
            | Self::CredentialsRequested { session_id, .. }
            | Self::CredentialsIssued { session_id, .. }
            | Self::CredentialsFailed { session_id, .. }
            | Self::RequestDenied { session_id, .. }
            | Self::ApprovalRequired { session_id, .. }
            | Self::ApprovalVoted { session_id, .. }
            | Self::ApprovalLapsed { session_id, .. }
            | Self::ApprovalReopened { session_id, .. }
            | Self::ApprovalWithdrawn { session_id, .. }
            | Self::SessionEnded { session_id, .. }
            | Self::SessionRevoked { session_id, .. }
            | Self::RevocationAnswered { session_id, .. }
            | Self::BudgetWarning { session_id, .. }
            | Self::BudgetExceeded { session_id, .. } => *session_id,
        })
    }
}

/// Names the events, all from one list.
macro_rules! names {
    ($($name:ident,)*) => {
        impl BrokerEvent {
            /// The names of all events.
            pub const ALL_NAMES: &[&str] = &[$(stringify!($name)),*];
        }

        impl AuditPayload for BrokerEvent {
            fn event_type(&self) -> Cow<'static, str> {
                match self {
                    $(Self::$name { .. } => stringify!($name),)*
                }
                .into()
            }
        }
    };
}

names! {
    SessionCreated,
    CredentialsRequested,
    CredentialsIssued,
    CredentialsFailed,
    RequestDenied,
    ApprovalRequired,
    ApprovalVoted,
    ApprovalLapsed,
    ApprovalReopened,
    ApprovalWithdrawn,
    Administered,
    SessionEnded,
    SessionRevoked,
    RevocationAnswered,
    BudgetWarning,
    BudgetExceeded,
}
