//! What a server answers. Members that are not known here are let be: the server may be newer.

use audex_core::{
    Credential, CredentialSecret, Fate, Proposal, Requester, Revocation, Ttl, session::SessionId,
};
use audex_policy::Provider;
use audex_providers::{aws, local};
use audex_server::model::Ask;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The variables that credentials are delivered in; what a server hands over has their names in lower case.
const VARIABLES: [&str; 5] =
    [aws::ACCESS_KEY_ID, aws::SECRET_ACCESS_KEY, aws::SESSION_TOKEN, aws::REGION, local::TOKEN_VARIABLE];

/// A credential that was handed over.
///
/// ```
/// use audex_cli::remote::Granted;
/// let json = r#"{"session_id":"a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6","provider":"local",
///     "credentials":{"audex_token":"eyJ"},"expires_at":"2026-01-01T00:15:00Z"}"#;
/// let granted: Granted = serde_json::from_str(json)?;
/// let credential = granted.credential("jti-1").unwrap();
/// assert_eq!(credential.part("AUDEX_TOKEN").unwrap().expose(), "eyJ");
/// assert!(!format!("{granted:?}").contains("eyJ"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct Granted {
    /// The session.
    pub session_id: SessionId,
    /// Who minted it.
    pub provider: Provider,
    credentials: BTreeMap<String, Part>,
    /// When the provider stops accepting it.
    pub expires_at: DateTime<Utc>,
}

/// A part of a credential.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
struct Part(CredentialSecret);

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Granted {
    /// Returns the credential, with this public id; nothing where it has a part that is not known here.
    pub fn credential(&self, id: &str) -> Option<Credential> {
        let none = Credential::new(self.provider, id, self.expires_at);
        self.credentials.iter().try_fold(none, |credential, (name, part)| {
            let variable = VARIABLES.into_iter().find(|variable| variable.eq_ignore_ascii_case(name))?;
            Some(credential.with_part(variable, part.0.clone()))
        })
    }
}

/// Who has to agree to a request.
///
/// ```
/// use audex_cli::remote::PendingApproval;
/// let json = r#"{"required":2,"roles":["security"],"rules":["iam:*"],"expires_at":"2026-01-01T00:00:00Z","url":"https://a/x"}"#;
/// let approval: PendingApproval = serde_json::from_str(json)?;
/// assert_eq!(approval.to_string(), "2 approvals by security (iam:*)");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct PendingApproval {
    /// How many.
    pub required: u8,
    /// In which roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The rules that ask for it.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Where people decide.
    #[serde(default)]
    pub url: Option<String>,
}

impl std::fmt::Display for PendingApproval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.required == 1 { "approval" } else { "approvals" };
        write!(f, "{} {plural} by {} ({})", self.required, self.roles.join(", "), self.rules.join(", "))
    }
}

/// A request that waits.
///
/// ```
/// fn link(standing: &audex_cli::remote::Standing) -> Option<&str> {
///     standing.approval.as_ref()?.url.as_deref()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Standing {
    /// The session it would be.
    pub session_id: SessionId,
    /// Where it stands, as in `pending_approval`.
    pub status: String,
    /// Who has to agree.
    #[serde(default)]
    pub approval: Option<PendingApproval>,
    /// What an approval is about, in hexadecimal digits.
    #[serde(default)]
    pub digest: Option<String>,
    /// What the approvers said.
    #[serde(default)]
    pub votes: Vec<Said>,
}

impl Standing {
    /// Names a request of which nothing else is known yet.
    pub fn of(session_id: SessionId) -> Self {
        Self {
            session_id,
            status: "pending_approval".to_owned(),
            approval: None,
            digest: None,
            votes: Vec::new(),
        }
    }
}

/// What came of asking.
///
/// ```
/// fn is_there(asked: &audex_cli::remote::Asked) -> bool {
///     matches!(asked, audex_cli::remote::Asked::Granted(_))
/// }
/// ```
#[derive(Debug, Clone)]
pub enum Asked {
    /// The credential.
    Granted(Granted),
    /// Somebody else has to agree first.
    Waits(Standing),
}

/// What came of waiting.
///
/// ```
/// fn goes_on(polled: &audex_cli::remote::Polled) -> bool {
///     matches!(polled, audex_cli::remote::Polled::Waits(_))
/// }
/// ```
#[derive(Debug, Clone)]
pub enum Polled {
    /// The credential.
    Granted(Granted),
    /// Nobody decided yet.
    Waits(Standing),
    /// It is decided, and there will be no credential for us.
    Over(Standing),
}

/// A request as whoever decides on it sees it.
///
/// ```
/// use audex_cli::remote::Decision;
/// let json = r#"{"session_id":"a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6","status":"pending_approval","requester":"a@example.com",
///     "provider":"local","allow":"orders:Read","digest":"00","policy":"{}","approval":{"required":1,"expires_at":"2026-01-01T00:00:00Z"}}"#;
/// let decision: Decision = serde_json::from_str(json)?;
/// assert!(!decision.is_sound(), "the digest is that of another request");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Decision {
    /// The session it would be.
    pub session_id: SessionId,
    /// Where it stands.
    pub status: String,
    /// Who asks.
    pub requester: String,
    /// Of which provider.
    pub provider: Provider,
    /// The actions.
    pub allow: String,
    /// The resources of actions that name none.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The role, service account or audience that the credential would be of.
    #[serde(default)]
    pub target: Option<String>,
    /// The lifetime that the credential would have.
    #[serde(default)]
    pub ttl: Option<String>,
    /// What may be spent.
    #[serde(default)]
    pub budget: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the provider would be told.
    #[serde(default)]
    pub policy: String,
    /// What an approval is about, in hexadecimal digits.
    pub digest: String,
    /// Who has to agree.
    pub approval: PendingApproval,
    /// Who said what.
    #[serde(default)]
    pub votes: Vec<Said>,
    /// When it was asked.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
}

/// What one approver said.
///
/// ```
/// let json = r#"{"approver":"b@example.com","role":"security","approve":false,"comment":"too long"}"#;
/// let said: audex_cli::remote::Said = serde_json::from_str(json)?;
/// assert_eq!(said.to_string(), "b@example.com (security) denied: too long");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Said {
    /// Who.
    pub approver: String,
    /// In which of their roles.
    pub role: String,
    /// Whether they agree.
    pub approve: bool,
    /// Why.
    pub comment: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = if self.approve { "agreed" } else { "denied" };
        write!(f, "{} ({}) {said}: {}", self.approver, self.role, self.comment)
    }
}

impl Decision {
    /// Tells whether the digest is that of what is shown: who asks for what, as whom, for how long, with which policy, and why.
    ///
    /// Whoever signs it signs what they saw, and not what somebody else put in its place.
    pub fn is_sound(&self) -> bool {
        let ask = Ask {
            allow: self.allow.clone(),
            resources: self.resources.clone(),
            budget: self.budget.clone(),
            reason: self.reason.clone(),
            ..Ask::new(self.provider)
        };
        // Of who asks, the digest has the one name that is shown.
        let requester = Requester::Principal { email: self.requester.clone(), groups: Vec::new() };
        let Some(ttl) = self.ttl.as_deref().and_then(|ttl| ttl.parse::<Ttl>().ok()) else { return false };
        let digest = |request: audex_core::IssueRequest| {
            let (session_id, target) = (self.session_id, self.target.as_deref());
            let proposal = Proposal { session_id, request: &request, target, ttl, document: &self.policy };
            proposal.digest().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        ask.request(requester).is_ok_and(|request| digest(request) == self.digest)
    }
}

/// A session, as the server has it.
///
/// ```
/// fn is_over(session: &audex_cli::remote::RemoteSession) -> bool {
///     session.status != "active"
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RemoteSession {
    /// Where it is in its life.
    pub status: String,
    /// What was granted.
    #[serde(default)]
    pub actions: Vec<String>,
    /// What of that is denied.
    #[serde(default)]
    pub denied: Vec<String>,
    /// When it ends at the latest.
    pub deadline: DateTime<Utc>,
    /// What was minted.
    #[serde(default)]
    pub(super) credentials: Vec<RemoteCredential>,
}

/// What is known of a credential.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RemoteCredential {
    pub(super) id: String,
    #[serde(default)]
    pub(super) fate: Option<RemoteFate>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum RemoteFate {
    Dead,
    Denied { by: String },
    Alive { until: DateTime<Utc>, why: String },
}

impl RemoteSession {
    /// Returns the public id of the newest credential.
    pub fn credential_id(&self) -> Option<&str> {
        self.credentials.last().map(|credential| credential.id.as_str())
    }

    /// Returns what became of the credentials that were ended.
    pub(super) fn revocation(self) -> Revocation {
        let fates = self.credentials.into_iter().filter_map(|credential| {
            let fate = match credential.fate? {
                RemoteFate::Dead => Fate::Dead,
                RemoteFate::Denied { by } => Fate::Denied { by },
                RemoteFate::Alive { until, why } => Fate::AliveUntil { until, why },
            };
            Some((credential.id, fate))
        });
        Revocation { fates: fates.collect() }
    }
}

/// What the end of a session did.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Revoked {
    pub(super) session: RemoteSession,
}

/// Who we are to a server.
///
/// ```
/// let me: audex_cli::remote::Me = serde_json::from_str(r#"{"identity":"a@example.com","roles":["admin"]}"#)?;
/// assert_eq!(me.identity, "a@example.com");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// The e-mail address, or the name of a service or workload.
    pub identity: String,
    /// In which roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The token that says so, where it is one of the server's.
    #[serde(default)]
    pub token_id: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_is_shown() {
        let mut decision: Decision = serde_json::from_value(serde_json::json!({
            "session_id": "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6", "status": "pending_approval",
            "requester": "a@example.com", "provider": "aws", "allow": "s3:GetObject", "target": "role/DataEngineer",
            "ttl": "15m", "reason": "the audit", "digest": "", "policy": "{}",
            "approval": { "required": 1, "expires_at": "2026-01-01T00:00:00Z" },
        }))
        .unwrap();
        let requester = Requester::Principal { email: "a@example.com".to_owned(), groups: Vec::new() };
        let ask = Ask {
            allow: "s3:GetObject".to_owned(),
            reason: Some("the audit".to_owned()),
            ..Ask::new(Provider::Aws)
        };
        let request = ask.request(requester).unwrap();
        let (session_id, target) = (decision.session_id, Some("role/DataEngineer"));
        let proposal = Proposal { session_id, request: &request, target, ttl: Ttl::DEFAULT, document: "{}" };
        decision.digest = proposal.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(decision.is_sound());
        let other = |text: &str| Some(text.to_owned());
        for changed in [
            Decision { target: other("role/Admin"), ..decision.clone() },
            Decision { target: None, ..decision.clone() },
            Decision { ttl: other("1h"), ..decision.clone() },
            Decision { ttl: None, ..decision.clone() },
            Decision { reason: other("fun"), ..decision.clone() },
            Decision { policy: "{\"a\":1}".to_owned(), ..decision.clone() },
            Decision { requester: "b@example.com".to_owned(), ..decision.clone() },
        ] {
            assert!(!changed.is_sound(), "{changed:?}");
        }
    }
}
