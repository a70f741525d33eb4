//! How long events are kept: in the store that is searched, then in the archive, then not at all.
//!
//! One run of [`AuditRetentionLoop`] does, for each scope on its own:
//!
//! 1. It archives what is older than [`archive_after`](AuditRetentionPolicy::archive_after).
//! 2. It reads back, from the archive, what is older than that by
//!    [`purge_hot_after_archive`](AuditRetentionPolicy::purge_hot_after_archive), and deletes from the store what the archive
//!    has had, unchanged, for that long.
//! 3. It deletes from the archive the days older than
//!    [`delete_archive_after`](AuditRetentionPolicy::delete_archive_after), if that is set and the store has nothing as old.
//!
//! A deletion is recorded before it is carried out, by an `AuditEventsDeleted` of its tenant; when it cannot be recorded,
//! nothing is deleted. An `AuditEventsArchived` is recorded when the batch is safe. A run that is cut off, at whatever point,
//! is taken up by the next one: at worst a deletion is announced twice, and the archive's manifests alone say that a last
//! batch was archived.
//!
//! # When the clock is wrong
//!
//! A clock that is behind makes events younger, and nothing is deleted early. One that is ahead is believed only so far:
//!
//! - A run refuses to begin when nothing at all happened for
//!   [`max_silence`](RetentionConfig::max_silence) (30 days) before what the clock says: until
//!   [`run_confirmed`](AuditRetentionLoop::run_confirmed) says that the silence is real.
//! - The store loses only what the archive has had, by the same clock, for the whole overlap.
//! - The archive loses at most [`max_archive_days`](RetentionConfig::max_archive_days) (7) of its oldest days in one run,
//!   and the log's own segments ([`LogRetention`]) go by the same number.

mod log;
mod pass;
mod policy;
mod running;

pub use log::{LogRetention, SinksPassed};
pub use policy::{AuditRetentionPolicy, RetentionConfig};
pub use running::RetentionHandle;

use crate::archive::{ArchiveError, AuditArchiver};
use axess_core::{
    audit::{AuditError, Emitter},
    store::{AuditOrder, AuditQuery, AuditScope, AuditStore, DynLeaderLock, StoreError},
};
use axess_identity::TenantId;
use chrono::{DateTime, NaiveTime, Utc};
use std::{collections::HashMap, sync::Arc, sync::atomic::AtomicBool};

/// How many scopes are asked for at once.
const SCOPES: usize = 500;
/// The lease that only one of several instances has.
const LEASE: &str = "axess-audit-retention";
/// The most failures a report names.
pub const MAX_FAILURES: usize = 100;

/// Moves events from the store to the archive and deletes them when their time has come.
///
/// ```
/// # async fn example(
/// #     store: axess_core::memory::MemoryAuditStore,
/// #     archive: impl axess_audit::archive::AuditArchiver,
/// #     trail: std::sync::Arc<dyn axess_core::audit::AuditSink>,
/// # ) -> Result<(), axess_audit::retention::RetentionError> {
/// use axess_audit::retention::{AuditRetentionLoop, AuditRetentionPolicy};
/// use axess_core::audit::Emitter;
/// let retention = AuditRetentionLoop::new(store, archive, AuditRetentionPolicy::default(), Emitter::new(trail))?;
/// let report = retention.run_once().await?;
/// println!("{} archived, {} deleted", report.archived, report.deleted_hot);
/// # Ok(()) }
/// ```
pub struct AuditRetentionLoop<S, A> {
    store: S,
    archive: A,
    policy: AuditRetentionPolicy,
    tenants: HashMap<TenantId, AuditRetentionPolicy>,
    config: RetentionConfig,
    emitter: Emitter,
    leader: Option<(Arc<dyn DynLeaderLock>, String)>,
    log: Option<LogRetention>,
    stop: AtomicBool,
}

/// What one run did.
///
/// ```
/// use axess_audit::retention::RetentionReport;
/// assert!(!RetentionReport::default().led);
/// ```
#[derive(Debug, Default)]
pub struct RetentionReport {
    /// Whether this instance had the lease; otherwise nothing was done.
    pub led: bool,
    /// The scopes that were gone through.
    pub scopes: u64,
    /// Events added to the archive.
    pub archived: u64,
    /// Events deleted from the store.
    pub deleted_hot: u64,
    /// Events deleted from the archive.
    pub deleted_archive: u64,
    /// Segments deleted from the log.
    pub retired_segments: u64,
    /// Events that are old enough, and are in the archive, but not for long enough yet.
    pub waiting: u64,
    /// Events that stay in the store because the archive has something else under their id: an erasure that was cut off, to
    /// be run again, or a change.
    pub differing: u64,
    /// Events that stay in the store because they cannot be read.
    pub unreadable: u64,
    /// What went wrong in which scope, at most [`MAX_FAILURES`]; the others were gone through.
    pub failures: Vec<(Option<AuditScope>, RetentionError)>,
    /// Whether the run came to its end, not stopped on the way.
    pub finished: bool,
}

/// Says why a run, or a part of it, did not take place.
///
/// ```
/// use axess_audit::retention::RetentionError;
/// assert_eq!(RetentionError::LostLead.to_string(), "another instance has taken over");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// A policy that cannot be followed.
    #[error("the retention policy cannot be followed: {0}")]
    Policy(&'static str),
    /// The clock says a time long after everything that is recorded.
    #[error("the clock says {now}, but the newest event is of {newest}: confirm that this is so")]
    ClockAhead {
        /// When the newest event happened.
        newest: DateTime<Utc>,
        /// What the clock says.
        now: DateTime<Utc>,
    },
    /// The store failed.
    #[error("the store of events failed")]
    Store(#[source] StoreError),
    /// The archive failed.
    #[error("the archive of events failed")]
    Archive(#[source] ArchiveError),
    /// A deletion, or what was archived, could not be recorded. Nothing was deleted.
    #[error("the retention could not be recorded")]
    Trail(#[source] AuditError),
    /// The log failed.
    #[error("the log failed")]
    Log(#[source] crate::log::LogError),
    /// Another instance has the lease now.
    #[error("another instance has taken over")]
    LostLead,
}

impl<S: AuditStore, A: AuditArchiver> AuditRetentionLoop<S, A> {
    /// Follows a policy.
    ///
    /// Clock and randomness are those of the emitter.
    ///
    /// # Errors
    ///
    /// [`RetentionError::Policy`].
    pub fn new(
        store: S,
        archive: A,
        policy: AuditRetentionPolicy,
        emitter: Emitter,
    ) -> Result<Self, RetentionError> {
        policy.check()?;
        Ok(Self {
            store,
            archive,
            policy,
            tenants: HashMap::new(),
            config: RetentionConfig::default(),
            emitter,
            leader: None,
            log: None,
            stop: AtomicBool::new(false),
        })
    }

    /// Follows another policy for one tenant.
    ///
    /// # Errors
    ///
    /// [`RetentionError::Policy`].
    pub fn with_tenant_policy(
        mut self,
        tenant_id: TenantId,
        policy: AuditRetentionPolicy,
    ) -> Result<Self, RetentionError> {
        policy.check()?;
        self.tenants.insert(tenant_id, policy);
        Ok(self)
    }

    /// Sets how often it runs, and in which portions.
    #[must_use]
    pub fn with_config(mut self, config: RetentionConfig) -> Self {
        self.config = config;
        self
    }

    /// Lets one of several instances work; `instance` names this one.
    #[must_use]
    pub fn with_leader_lock(mut self, lock: Arc<dyn DynLeaderLock>, instance: impl Into<String>) -> Self {
        self.leader = Some((lock, instance.into()));
        self
    }

    /// Also deletes the log's own segments when their time has come.
    #[must_use]
    pub fn with_log(mut self, log: LogRetention) -> Self {
        self.log = Some(log);
        self
    }

    /// Does everything that is due.
    ///
    /// # Errors
    ///
    /// [`RetentionError`] when nothing could be begun. What fails later is in the report.
    pub async fn run_once(&self) -> Result<RetentionReport, RetentionError> {
        self.attempt(false).await
    }

    /// Like [`run_once`](Self::run_once), by an operator who knows that the clock is right although nothing happened for long.
    ///
    /// # Errors
    ///
    /// [`RetentionError`] when nothing could be begun.
    pub async fn run_confirmed(&self) -> Result<RetentionReport, RetentionError> {
        self.attempt(true).await
    }

    async fn attempt(&self, confirmed: bool) -> Result<RetentionReport, RetentionError> {
        let mut report = RetentionReport::default();
        match self.keep_lead().await {
            Err(RetentionError::LostLead) => return Ok(report),
            outcome => outcome?,
        }
        report.led = true;
        let outcome = self.led(confirmed, &mut report).await;
        if let Some((lock, instance)) = &self.leader {
            // The lease ends by itself where this fails.
            let _ = lock.release(LEASE.to_owned(), instance.clone()).await;
        }
        outcome.map(|()| report)
    }

    async fn led(&self, confirmed: bool, report: &mut RetentionReport) -> Result<(), RetentionError> {
        let now = self.emitter.clock().now();
        let scopes = self.scopes().await?;
        if !confirmed {
            self.check_clock(&scopes, now).await?;
        }
        for scope in scopes {
            if self.is_stopped() {
                return Ok(());
            }
            report.scopes += 1;
            if let Err(error) = self.scope_pass(scope, now, report).await {
                tracing::error!(?scope, error = &error as &dyn std::error::Error, "retention failed");
                if matches!(error, RetentionError::LostLead) {
                    report.fail(Some(scope), error);
                    return Ok(());
                }
                report.fail(Some(scope), error);
            }
        }
        if let Some(log) = &self.log {
            match log.retire(now, self.config.max_archive_days).await {
                Ok(segments) => report.retired_segments = segments,
                Err(error) => report.fail(None, error),
            }
        }
        report.finished = true;
        Ok(())
    }

    /// Lists the scopes of the store and of the archive.
    async fn scopes(&self) -> Result<Vec<AuditScope>, RetentionError> {
        let mut scopes = self.archive.scopes().await.map_err(RetentionError::Archive)?;
        let mut after = None;
        loop {
            let page = self.store.scopes(after, SCOPES).await.map_err(RetentionError::Store)?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            scopes.extend(page);
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }

    /// Refuses a time that is long after everything that happened.
    async fn check_clock(&self, scopes: &[AuditScope], now: DateTime<Utc>) -> Result<(), RetentionError> {
        let Some(oldest_plausible) = now.checked_sub_signed(policy::delta(self.config.max_silence)) else {
            return Ok(());
        };
        let mut newest = None;
        for scope in scopes {
            let query = AuditQuery { order: AuditOrder::NewestFirst, ..AuditQuery::new(*scope, 1) };
            let rows = self.store.query(query).await.map_err(RetentionError::Store)?;
            let days = self.archive.days(*scope).await.map_err(RetentionError::Archive)?;
            let archived = days.last().map(|day| day.and_time(NaiveTime::MIN).and_utc());
            newest = newest.max(rows.first().map(|row| row.at)).max(archived);
            if newest.is_some_and(|newest| newest >= oldest_plausible) {
                return Ok(());
            }
        }
        newest.map_or(Ok(()), |newest| Err(RetentionError::ClockAhead { newest, now }))
    }

    /// Takes or renews the lease.
    async fn keep_lead(&self) -> Result<(), RetentionError> {
        let Some((lock, instance)) = &self.leader else { return Ok(()) };
        let (ttl, now) = (policy::delta(self.config.lease), self.emitter.clock().now());
        let lease = lock.acquire(LEASE.to_owned(), instance.clone(), ttl, now).await;
        lease.map_err(RetentionError::Store)?.map(drop).ok_or(RetentionError::LostLead)
    }

    fn policy_of(&self, scope: AuditScope) -> &AuditRetentionPolicy {
        match scope {
            AuditScope::Tenant(id) => self.tenants.get(&id).unwrap_or(&self.policy),
            AuditScope::System => &self.policy,
        }
    }
}

impl RetentionReport {
    fn fail(&mut self, scope: Option<AuditScope>, error: RetentionError) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push((scope, error));
        }
    }
}
