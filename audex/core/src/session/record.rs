use super::{SessionId, SessionStatus};
use crate::{Fate, Requester, Revocation, Ttl, budget::Dollars};
use audex_policy::{Grant, Provider};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The version of what is written.
///
/// A reader takes this one and those before it.
pub const SCHEMA_VERSION: u32 = 1;

/// How a credential reaches whoever uses it.
///
/// ```
/// use audex_core::session::Delivery;
/// assert_eq!("endpoint".parse(), Ok(Delivery::Endpoint));
/// assert_eq!(Delivery::default(), Delivery::Env);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Environment variables of the command.
    #[default]
    Env,
    /// A server on loopback that the command's SDK asks.
    Endpoint,
    /// A document on standard output.
    Process,
    /// A file in a private folder.
    File,
    /// In the answer of a team server.
    Response,
}

impl Delivery {
    /// Lists every delivery.
    pub const ALL: [Self; 4] = [Self::Env, Self::Endpoint, Self::Process, Self::File];

    /// Returns the name used in flags and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Endpoint => "endpoint",
            Self::Process => "process",
            Self::File => "file",
            Self::Response => "response",
        }
    }
}

impl std::str::FromStr for Delivery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|delivery| delivery.name() == text);
        known.ok_or_else(|| "no such delivery (one of env, endpoint, process, file)".to_owned())
    }
}

/// Through which way in a request came.
///
/// ```
/// use audex_core::session::EntryPoint;
/// assert_eq!(serde_json::to_string(&EntryPoint::Run).unwrap(), r#""run""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryPoint {
    /// `tryaudex run`.
    Run,
    /// A step of `tryaudex chain`.
    Chain,
    /// `tryaudex export`, and `run --deliver process`.
    Export,
    /// A team server: whoever asked has the credential.
    Server,
}

impl EntryPoint {
    /// Returns its name, as in records and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Chain => "chain",
            Self::Export => "export",
            Self::Server => "server",
        }
    }

    /// Tells whether the credential is held by somebody else.
    ///
    /// The session has no process of ours then, and lasts until its deadline.
    pub const fn is_detached(self) -> bool {
        matches!(self, Self::Export | Self::Server)
    }
}

/// What is kept of a credential: never a secret.
///
/// ```
/// let json = r#"{"id":"ASIA1","issued_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T00:15:00Z"}"#;
/// let credential: audex_core::session::CredentialRecord = serde_json::from_str(json)?;
/// assert!(credential.fate.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// Its public id.
    pub id: String,
    /// When it was minted.
    pub issued_at: DateTime<Utc>,
    /// When the provider stops accepting it.
    pub expires_at: DateTime<Utc>,
    /// What a revocation did to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
}

/// How a session ended.
///
/// ```
/// let ending = audex_core::session::Ending { exit_code: Some(3), ..Default::default() };
/// assert_eq!(ending.exit_code, Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ending {
    /// The command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why, where that is not the command's own end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why nothing was issued, in a word that never changes its meaning, as `provider_failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What is kept of a session, as JSON in a file of its own.
///
/// ```
/// use audex_core::session::SessionRecord;
/// fn still_works_at_the_provider(record: &SessionRecord, now: chrono::DateTime<chrono::Utc>) -> bool {
///     record.credentials.iter().any(|credential| now < credential.expires_at)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// [`SCHEMA_VERSION`] of whoever wrote it.
    pub schema_version: u32,
    /// Which session it is.
    pub session_id: SessionId,
    /// Where it is in its life.
    pub status: SessionStatus,
    /// Who asked.
    pub requester: Requester,
    /// Which way in was taken.
    pub entry_point: EntryPoint,
    /// Who mints.
    pub provider: Provider,
    /// The role, service account or audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was asked for, in the language of `--allow`.
    pub asked: String,
    /// What was granted.
    pub grant: Grant,
    /// The command with its arguments, what looks like a secret replaced; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// How the credential is delivered.
    pub delivery: Delivery,
    /// The lifetime that was granted.
    pub ttl: Ttl,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// Our deadline: when the command is ended and delivery stops.
    pub deadline: DateTime<Utc>,
    /// The budget in US dollars, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<Dollars>,
    /// What was minted, oldest first, at most [`SessionRecord::MAX_CREDENTIALS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialRecord>,
    /// The process that keeps the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper_pid: Option<u32>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

impl SessionRecord {
    /// How many credentials are kept; of more, those are dropped that have expired.
    pub const MAX_CREDENTIALS: usize = 64;

    /// Returns when the last credential stops working at the provider, if one was minted.
    pub fn provider_expiry(&self) -> Option<DateTime<Utc>> {
        self.credentials.iter().map(|credential| credential.expires_at).max()
    }

    /// Takes over what became of its credentials.
    pub fn take_fates(&mut self, revocation: &Revocation) {
        for credential in &mut self.credentials {
            if let Some((_, fate)) = revocation.fates.iter().find(|(id, _)| *id == credential.id) {
                credential.fate = Some(fate.clone());
            }
        }
    }

    /// Adds a credential.
    ///
    /// One that still works is never dropped for it: see [`check_room`](Self::check_room).
    pub fn add_credential(&mut self, credential: CredentialRecord, now: DateTime<Utc>) {
        if self.credentials.len() >= Self::MAX_CREDENTIALS
            && let Some(expired) = self.credentials.iter().position(|old| old.expires_at <= now)
        {
            self.credentials.remove(expired);
        }
        self.credentials.push(credential);
    }
}
