//! The port to whoever mints: shape, mint, check what came back, revoke.

use crate::{Credential, Requester, budget::Dollars, session::SessionId};
use audex_policy::{Grant, Provider, Refusal};
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use std::{error::Error, fmt, future::Future, pin::Pin};

/// What the verbs of a provider return.
pub type ProviderFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// Mints credentials of one provider.
pub trait CredentialProvider: Send + Sync + fmt::Debug {
    /// Returns which provider it is.
    fn provider(&self) -> Provider;

    /// Returns the target that is used when a request names none, as in the ARN of a role.
    fn default_target(&self) -> Option<&str>;

    /// Writes what the provider will be told, without talking to it.
    ///
    /// `sources` are the networks the credential may be used from; empty is any.
    ///
    /// # Errors
    ///
    /// A refusal that says what would work, when the provider cannot be told exactly this.
    fn shape(&self, grant: &Grant, target: Option<&str>, sources: &[IpNet]) -> Result<Shape, Refusal>;

    /// Mints.
    ///
    /// The caller checks the answer against the order.
    fn mint<'a>(&'a self, order: &'a MintOrder) -> ProviderFuture<'a, Minted>;

    /// Tells whether [`mint`](Self::mint) tells nobody.
    ///
    /// What it returns is then known to its caller alone, and is nothing until it is handed over.
    fn mints_offline(&self) -> bool {
        false
    }

    /// Ends what was minted for a session as far as the provider can.
    fn revoke<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation>;

    /// Ends what was minted for a session that is over, where that costs nothing; nothing unless a provider has such a way.
    fn retire<'a>(&'a self, order: &'a RevokeOrder) -> ProviderFuture<'a, Revocation> {
        let _ = order;
        Box::pin(std::future::ready(Ok(Revocation::default())))
    }

    /// Tells whether minting would work, and as whom.
    fn check(&self) -> ProviderFuture<'_, Health>;

    /// Returns what the provider's accounting knows to be spent since a time, where there is such a thing.
    ///
    /// It is late.
    fn spend(&self, since: DateTime<Utc>) -> ProviderFuture<'_, Option<Dollars>> {
        let _ = since;
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// What a provider will be told.
///
/// ```
/// use audex_core::Shape;
/// use chrono::TimeDelta;
/// let shape = Shape {
///     document: "{}".to_owned(),
///     target: None,
///     lifetimes: TimeDelta::minutes(15)..=TimeDelta::hours(12),
///     notes: vec![],
/// };
/// assert_eq!(shape.lifetime(TimeDelta::minutes(5)), TimeDelta::minutes(15));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The policy document, exactly as it is sent; for a person to read and for the trail.
    pub document: String,
    /// The role, service account or audience.
    pub target: Option<String>,
    /// The shortest and the longest lifetime the provider gives.
    pub lifetimes: std::ops::RangeInclusive<TimeDelta>,
    /// What a person should know about it, each a sentence without its full stop.
    pub notes: Vec<String>,
}

impl Shape {
    /// Returns the lifetime to ask for so that a credential lives at least as long as wanted, where the provider gives that.
    pub fn lifetime(&self, wanted: TimeDelta) -> TimeDelta {
        wanted.clamp(*self.lifetimes.start(), *self.lifetimes.end())
    }
}

/// Orders a credential.
///
/// ```
/// use audex_core::MintOrder;
/// fn session_name(order: &MintOrder) -> String {
///     format!("audex-{}", order.session_id)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct MintOrder {
    /// The session it is for.
    pub session_id: SessionId,
    /// Who asked.
    pub requester: Requester,
    /// What is granted.
    pub grant: Grant,
    /// What [`CredentialProvider::shape`] wrote.
    pub shape: Shape,
    /// The lifetime to ask for, within the shape's.
    pub lifetime: TimeDelta,
}

/// What a provider minted.
///
/// ```
/// use audex_core::{Credential, Minted};
/// use audex_policy::Provider;
/// let credential = Credential::new(Provider::Local, "jti-1", chrono::DateTime::UNIX_EPOCH);
/// let minted = Minted { credential, account: None, subject: None };
/// assert_eq!(minted.credential.id(), "jti-1");
/// ```
#[derive(Debug, Clone)]
pub struct Minted {
    /// The credential.
    pub credential: Credential,
    /// The account, project or tenant it is of, as the provider says.
    pub account: Option<String>,
    /// The identity it acts as, as the provider says.
    pub subject: Option<String>,
}

/// Orders the end of what was minted for a session.
///
/// ```
/// use audex_core::RevokeOrder;
/// use audex_policy::{Grant, PermissionSet, Provider};
/// let order = RevokeOrder {
///     session_id: "a1b2c3d4-e5f6-4748-b9c0-d1e2f3a4b5c6".parse().unwrap(),
///     target: None,
///     grant: Grant::new(Provider::Local, &PermissionSet::default(), &PermissionSet::default()),
///     credential_ids: vec!["jti-1".into()],
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// assert_eq!(order.credential_ids.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeOrder {
    /// The session.
    pub session_id: SessionId,
    /// The role, service account or audience it was for.
    pub target: Option<String>,
    /// What it was granted.
    pub grant: Grant,
    /// The public ids of its credentials.
    pub credential_ids: Vec<String>,
    /// When the last of them expires.
    pub expires_at: DateTime<Utc>,
}

/// What became of one credential.
///
/// ```
/// use audex_core::Fate;
/// let fate = Fate::AliveUntil { until: chrono::DateTime::UNIX_EPOCH, why: "no revoker role is configured".into() };
/// assert_ne!(fate, Fate::Dead);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// The provider no longer accepts it.
    Dead,
    /// It is denied everything; how long that takes to reach all of the provider is not known.
    Denied {
        /// Where the denial was written.
        by: String,
    },
    /// It still works.
    AliveUntil {
        /// Until when.
        until: DateTime<Utc>,
        /// Why nothing ended it, and what would.
        why: String,
    },
}

/// What a revocation did, for each credential.
///
/// ```
/// use audex_core::{Fate, Revocation};
/// let revocation = Revocation { fates: vec![("jti-1".into(), Fate::Dead)] };
/// assert!(revocation.is_complete());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Revocation {
    /// The public id of each credential, and what became of it.
    pub fates: Vec<(String, Fate)>,
}

impl Revocation {
    /// Tells whether nothing still works.
    pub fn is_complete(&self) -> bool {
        self.fates.iter().all(|(_, fate)| !matches!(fate, Fate::AliveUntil { .. }))
    }
}

/// Whether minting would work.
///
/// ```
/// let health = audex_core::Health { identity: Some("arn:aws:iam::1:user/me".into()), notes: vec![] };
/// assert!(health.notes.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Who we are to the provider.
    pub identity: Option<String>,
    /// What a person should know, each a sentence without its full stop.
    pub notes: Vec<String>,
}

/// Says whose fault a failure is, and so what to do about it.
///
/// ```
/// assert!(audex_core::ProviderFault::Unreachable.may_pass());
/// assert!(!audex_core::ProviderFault::Denied.may_pass());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderFault {
    /// We have no credential to ask with, or an expired one.
    NotLoggedIn,
    /// The provider refuses us this.
    Denied,
    /// What we asked for is malformed or too large for the provider.
    Rejected,
    /// The provider limits us, is down, slow, or cannot be reached.
    Unreachable,
    /// The answer cannot be read, or is not what was ordered.
    BadAnswer,
}

impl ProviderFault {
    /// Tells whether the same request may work in a moment.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable)
    }
}

/// Says what a provider could not do, and what to do about it.
///
/// ```
/// use audex_core::{ProviderError, ProviderFault};
/// let error = ProviderError::new(ProviderFault::Denied, "the role does not trust you")
///     .with_hint("add your user to the role's trust policy");
/// assert_eq!(error.to_string(), "the role does not trust you");
/// assert_eq!(error.hints.len(), 1);
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ProviderError {
    /// Whose fault it is.
    pub fault: ProviderFault,
    /// What happened; never with a secret in it.
    pub what: String,
    /// What to do, each a sentence without its full stop.
    pub hints: Vec<String>,
    /// Whether it is certain that nothing was issued: the provider said so, or was not asked.
    pub is_unissued: bool,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// Makes an error.
    ///
    /// Whoever was refused was issued nothing; of one that did not answer, or not as it should, that is not known.
    pub fn new(fault: ProviderFault, what: impl Into<String>) -> Self {
        let is_unissued = match fault {
            ProviderFault::NotLoggedIn | ProviderFault::Denied | ProviderFault::Rejected => true,
            ProviderFault::Unreachable | ProviderFault::BadAnswer => false,
        };
        Self { fault, what: what.into(), hints: Vec::new(), is_unissued, source: None }
    }

    /// Says that nothing was issued, where the fault alone does not.
    #[must_use]
    pub fn with_nothing_issued(mut self) -> Self {
        self.is_unissued = true;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
