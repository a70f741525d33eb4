//! Taking a person out of the trail without breaking it.
//!
//! Everywhere an event names the person (as its user, its actor, in any of its texts, by id or by the names the caller gives),
//! a pseudonym takes their place; where they were the user or the actor, address and user agent are dropped. Everything else
//! stays, and the events of one person still belong together.
//!
//! The log keeps what it committed to. An [`AuditSubjectErased`], recorded before anything is rewritten, vouches for what the
//! entries hold instead: the chain verifies as before, and a rewriting without one is found.
//!
//! An erasure that was cut off is finished by running it again, and so is one that events came after. A run that finds
//! nothing records nothing.
//!
//! # What is reached, and what is not
//!
//! Reached are the log, the stores and archives that are named, and, beside the log, the dead letters of its pipe
//! (`dead/*.jsonl`): a letter holds afterwards what the log holds, so that delivering it again brings nothing back. A pipe may
//! run meanwhile. While it delivers dead letters again, or has left such an attempt unfinished (`dead/*.left`), the file counts
//! as a conflict: run the erasure again, after [`redeliver_dead`] or a shutdown.
//!
//! Not reached are:
//!
//! - Copies that sinks have taken elsewhere: JSONL files, S3 objects, webhooks, syslog. Erase there, or let them expire.
//! - Events that are in the log and not yet with a sink: it gets them pseudonymised. One that is being delivered at that moment
//!   may still arrive as it was, in a store or an archive too: run the erasure again when the sinks have caught up.
//! - Rows of a database outbox that are not yet in the log: run it again when the outbox is empty.
//! - The queue of a pipe in memory, and what it leaves in its recovery folder (`recovery.jsonl`, `dead/`): let it drain, or
//!   start and shut it down, and run the erasure on the stores then.
//!
//! The order is therefore: delete or rename the account, let the outbox and the sinks catch up, erase, and run it again until
//! it reports nothing.
//!
//! [`redeliver_dead`]: crate::pipe::AuditPipe::redeliver_dead
//!
//! Pseudonyms come from the log's MAC key: after it was changed, the same person gets another one.
//!
//! [`AuditSubjectErased`]: axess_events::trail::AuditSubjectErased

mod letters;
mod plan;
mod scrub;
mod tiers;

use crate::{
    archive::{ArchiveError, AuditArchiver},
    chain::{AuditKeys, pseudonym},
    log::{AuditLog, LogError},
};
use axess_core::{
    audit::{AuditError, Emitter},
    store::{AuditScope, DynAuditStore, StoreError},
};
use axess_identity::{EventId, TenantId, UserId};
use scrub::Subjects;
use std::{collections::HashMap, error::Error, path::PathBuf, sync::Arc};

/// Takes people out of the log, the stores and the archives that hold the trail.
///
/// ```
/// # async fn example(
/// #     log: axess_audit::log::AuditLog,
/// #     keys: axess_audit::chain::AuditKeys,
/// #     store: axess_core::memory::MemoryAuditStore,
/// #     trail: std::sync::Arc<dyn axess_core::audit::AuditSink>,
/// #     (tenant_id, user_id): (axess_identity::TenantId, axess_identity::UserId),
/// # ) -> Result<(), axess_audit::erasure::ErasureError> {
/// use axess_audit::erasure::{AuditErasure, SubjectRequest};
/// use axess_core::audit::Emitter;
/// use std::sync::Arc;
/// let erasure = AuditErasure::new(keys, Emitter::new(trail)).with_log(log).with_store(Arc::new(store));
/// let request = SubjectRequest {
///     names: vec!["bob@example.com".into()],
///     ..SubjectRequest::new(user_id, "alice@ops", "request 12")
/// };
/// let report = erasure.erase_subject(tenant_id, request).await?;
/// println!("{:?} stands for them now", report.pseudonyms.get(&user_id));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AuditErasure {
    keys: AuditKeys,
    emitter: Emitter,
    log: Option<AuditLog>,
    stores: Vec<Arc<dyn DynAuditStore>>,
    archives: Vec<Arc<dyn AuditArchiver>>,
}

/// Who is to be erased, and why.
///
/// ```
/// use axess_audit::erasure::SubjectRequest;
/// use axess_identity::UserId;
/// let request = SubjectRequest::new(UserId::from_parts(0, [1; 10]), "alice@ops", "request 12");
/// assert!(request.names.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectRequest {
    /// The person's account.
    pub user_id: UserId,
    /// What else they are called: e-mail addresses, login names. Found in any case, but not inside a longer word or address.
    pub names: Vec<String>,
    /// Who asked for it, as the deployment knows them.
    pub operator: String,
    /// Why. It stays in the trail, and must not name the person.
    pub reason: String,
}

/// What an erasure did.
///
/// ```
/// use axess_audit::erasure::ErasureReport;
/// assert!(ErasureReport::default().pseudonyms.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErasureReport {
    /// What stands for whom.
    pub pseudonyms: HashMap<UserId, UserId>,
    /// Entries of the log that were rewritten.
    pub log: u64,
    /// Rows of stores that were replaced.
    pub stores: u64,
    /// Lines of archives that were rewritten.
    pub archives: u64,
    /// Dead letters of the log's pipe that were rewritten.
    pub dead_letters: u64,
    /// `AuditSubjectErased` events that were recorded.
    pub recorded: u64,
    /// Rows, and files of dead letters, that somebody else changed meanwhile: run it again.
    pub conflicts: u64,
    /// Rows, lines and dead letters that cannot be read, so that nobody knows whom they name.
    pub unreadable: u64,
}

/// Says why an erasure was not carried out, or not to its end.
///
/// Running it again takes it up.
///
/// ```
/// use axess_audit::erasure::ErasureError;
/// assert!(ErasureError::NamesSubject.to_string().contains("reason"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The operator or the reason names the person: it would bring back what is erased.
    #[error("the operator or the reason names the person who is to be erased")]
    NamesSubject,
    /// Entries of a log are to be rewritten, and only the log can vouch for that.
    #[error("the rows come from a log: give the erasure that log")]
    NoLog,
    /// An event is not the same in the log, the store and the archive, beyond an erasure.
    #[error("entry {sequence} is not the same everywhere: verify the log and the archive")]
    Differs {
        /// Its place in the chain.
        sequence: u64,
    },
    /// An event cannot be rewritten.
    #[error("event {event_id} cannot be rewritten")]
    Event {
        /// The event.
        event_id: EventId,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It could not be recorded. Nothing was rewritten.
    #[error("the erasure could not be recorded")]
    Trail(#[source] AuditError),
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] LogError),
    /// A store failed.
    #[error("a store of events failed")]
    Store(#[source] StoreError),
    /// An archive failed.
    #[error("an archive of events failed")]
    Archive(#[source] ArchiveError),
    /// A file of dead letters could not be read or written.
    #[error("the dead letters in {} cannot be rewritten", path.display())]
    DeadLetters {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The runtime is shutting down.
    #[error("the erasure was stopped")]
    Stopped,
}

impl AuditErasure {
    /// Erases with the pseudonyms of these keys.
    ///
    /// Clock and randomness are those of the emitter, which also records the erasure where there is no log.
    #[must_use]
    pub fn new(keys: AuditKeys, emitter: Emitter) -> Self {
        Self { keys, emitter, log: None, stores: Vec::new(), archives: Vec::new() }
    }

    /// Erases from this log and from the dead letters beside it, and records the erasure in it.
    #[must_use]
    pub fn with_log(mut self, log: AuditLog) -> Self {
        self.log = Some(log);
        self
    }

    /// Erases from this store as well.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn DynAuditStore>) -> Self {
        self.stores.push(store);
        self
    }

    /// Erases from this archive as well.
    #[must_use]
    pub fn with_archive(mut self, archive: Arc<dyn AuditArchiver>) -> Self {
        self.archives.push(archive);
        self
    }

    /// Takes one person out of the trail of a tenant, and out of the events of no tenant.
    ///
    /// Among the latter only the id and e-mail addresses are looked for: somebody else's login name may be the same.
    ///
    /// The order is: find everything, record what will be rewritten, rewrite the log, the stores, the archives, the
    /// dead letters.
    ///
    /// # Errors
    ///
    /// [`ErasureError`].
    pub async fn erase_subject(
        &self,
        tenant_id: TenantId,
        request: SubjectRequest,
    ) -> Result<ErasureReport, ErasureError> {
        let SubjectRequest { user_id, names, operator, reason } = request;
        let scope = AuditScope::Tenant(tenant_id);
        let stand_in = pseudonym(&self.keys, scope, user_id);
        let mut found = Found::default();
        found.add(user_id, stand_in, &names);
        self.erase_both(scope, found, (operator, reason)).await
    }

    /// Takes every user out of the trail of a tenant that is deleted; the trail stays.
    ///
    /// As with [`erase_subject`](Self::erase_subject), they are taken out of the events of no tenant as well.
    /// The users are those the trail names as actor or as a `user_id`. `names` are other names of some of them.
    ///
    /// # Errors
    ///
    /// [`ErasureError`].
    pub async fn pseudonymise_tenant(
        &self,
        tenant_id: TenantId,
        names: HashMap<UserId, Vec<String>>,
        operator: impl Into<String> + Send,
        reason: impl Into<String> + Send,
    ) -> Result<ErasureReport, ErasureError> {
        let scope = AuditScope::Tenant(tenant_id);
        let (operator, reason) = (operator.into(), reason.into());
        let mut found = Found::default();
        let mut users = self.users(scope).await?;
        users.extend(names.keys().copied());
        for user_id in users {
            let stand_in = pseudonym(&self.keys, scope, user_id);
            found.add(user_id, stand_in, names.get(&user_id).map(Vec::as_slice).unwrap_or_default());
        }
        self.erase_both(scope, found, (operator, reason)).await
    }

    async fn erase_both(
        &self,
        scope: AuditScope,
        found: Found,
        (operator, reason): (String, String),
    ) -> Result<ErasureReport, ErasureError> {
        let Found { subjects, elsewhere, pseudonyms } = found;
        if subjects.are_in(&operator) || subjects.are_in(&reason) {
            return Err(ErasureError::NamesSubject);
        }
        let mut report = ErasureReport { pseudonyms, ..ErasureReport::default() };
        self.erase(scope, subjects, (&operator, &reason), &mut report).await?;
        self.erase(AuditScope::System, elsewhere, (&operator, &reason), &mut report).await?;
        Ok(report)
    }

    async fn erase(
        &self,
        scope: AuditScope,
        subjects: Subjects,
        (operator, reason): (&str, &str),
        report: &mut ErasureReport,
    ) -> Result<(), ErasureError> {
        if subjects.is_empty() {
            return Ok(());
        }
        let subjects = Arc::new(subjects);
        let mut plan = self.find(scope, &subjects, report).await?;
        if plan.is_empty() {
            return Ok(());
        }
        report.recorded += self.record(scope, &mut plan, operator, reason).await?;
        self.apply(scope, &subjects, Arc::new(plan), report).await
    }
}

/// Who is taken out of the events of the tenant, and who out of those of no tenant.
#[derive(Default)]
struct Found {
    subjects: Subjects,
    elsewhere: Subjects,
    pseudonyms: HashMap<UserId, UserId>,
}

impl Found {
    fn add(&mut self, user_id: UserId, stand_in: UserId, names: &[String]) {
        self.pseudonyms.insert(user_id, stand_in);
        self.subjects.add(user_id, stand_in);
        self.elsewhere.add(user_id, stand_in);
        for name in names {
            self.subjects.add_name(name, stand_in);
            if name.contains('@') {
                self.elsewhere.add_name(name, stand_in);
            }
        }
    }
}

impl SubjectRequest {
    /// Names a person by their account alone.
    #[must_use]
    pub fn new(user_id: UserId, operator: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { user_id, names: Vec::new(), operator: operator.into(), reason: reason.into() }
    }
}

impl std::fmt::Debug for SubjectRequest {
    /// Leaves the person out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectRequest").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AuditErasure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stores, archives, .. } = self;
        f.debug_struct("AuditErasure")
            .field("stores", &stores.len())
            .field("archives", &archives.len())
            .finish_non_exhaustive()
    }
}
