use super::{IssueError, Issuer, Plan};
use crate::{
    Credential, Requester,
    audit::BrokerEvent,
    lease::Next,
    session::{Ending, SessionGuard, SessionId, SessionRecord, SessionStatus},
};
use chrono::{DateTime, Utc};

/// A session that is active: its credential, its record, and the hold on it.
///
/// It is ended by [`Issuer::end`]. When it is dropped instead, as by a crash, the session counts as abandoned.
///
/// ```
/// fn stops_at(lease: &audex_core::Lease) -> chrono::DateTime<chrono::Utc> {
///     lease.record().deadline
/// }
/// ```
#[derive(Debug)]
pub struct Lease {
    pub(super) record: SessionRecord,
    pub(super) plan: Plan,
    pub(super) credential: Credential,
    pub(super) guard: SessionGuard,
}

impl Lease {
    /// Returns which session it is.
    pub const fn session_id(&self) -> SessionId {
        self.record.session_id
    }

    /// Returns what is kept of it.
    pub const fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Returns what was decided.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns who asked.
    pub const fn requester(&self) -> &Requester {
        &self.record.requester
    }

    /// Returns the newest credential.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns what comes next.
    pub fn next(&self, now: DateTime<Utc>) -> Next {
        self.plan.times.next(self.credential.expires_at(), now)
    }
}

impl Issuer {
    /// Mints the successor of a lease's credential, under the rules as they were decided.
    ///
    /// Never after the deadline, and never for longer than is left of the session, where the provider gives that.
    ///
    /// # Errors
    ///
    /// [`IssueError`]; the lease keeps what it has.
    pub async fn refresh(&self, lease: &mut Lease) -> Result<(), IssueError> {
        let now = self.clock.now();
        if now >= lease.plan.times.deadline() {
            return Err(IssueError::Over(lease.plan.times.deadline()));
        }
        let order = self.order(&lease.record, &lease.plan, now);
        let requested = BrokerEvent::CredentialsRequested {
            session_id: lease.record.session_id,
            lifetime_seconds: order.lifetime.num_seconds(),
        };
        self.trail.record(&lease.record.requester, requested)?;
        let minted = self.mint(&mut lease.record, &order, true).await;
        self.sessions.save(&lease.guard, &lease.record)?;
        lease.credential = minted?.credential;
        Ok(())
    }

    /// Has a provider end what was minted for a session that is over, where that costs nothing.
    pub async fn retire(&self, record: &mut SessionRecord) {
        if let (Some(order), Ok(provider)) =
            (self.revoke_order(record, self.clock.now()), self.provider(record.provider))
        {
            // A credential that is not retired expires.
            let retired = provider.retire(&order).await.unwrap_or_default();
            record.take_fates(&retired);
        }
    }

    /// Has the provider retire the credential, records how the session ended, and lets go of it.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when that cannot be recorded; it is over all the same, and found by
    /// [`reconcile`](crate::reconcile()) later.
    pub async fn end(
        &self,
        lease: Lease,
        status: SessionStatus,
        ending: Ending,
    ) -> Result<SessionRecord, IssueError> {
        let Lease { mut record, guard, .. } = lease;
        self.retire(&mut record).await;
        self.finish(&mut record, &guard, status, ending)?;
        self.sessions.release(guard)?;
        Ok(record)
    }

    /// Records an event about a session that is held.
    ///
    /// # Errors
    ///
    /// [`IssueError::Trail`].
    pub fn note(&self, lease: &Lease, event: BrokerEvent) -> Result<(), IssueError> {
        Ok(self.trail.record(lease.requester(), event)?)
    }

    pub(super) fn finish(
        &self,
        record: &mut SessionRecord,
        guard: &SessionGuard,
        status: SessionStatus,
        ending: Ending,
    ) -> Result<(), IssueError> {
        let now = self.clock.now();
        record.status = status;
        record.ended_at = Some(now);
        record.ending = Some(ending.clone());
        let took = (now - record.created_at).num_milliseconds();
        let ended = BrokerEvent::SessionEnded {
            session_id: record.session_id,
            status,
            duration_ms: u64::try_from(took).unwrap_or(0),
            exit_code: ending.exit_code,
            signal: ending.signal,
            reason: ending.reason,
        };
        // In this order: what is over in the records but not in the trail would never be put right.
        self.trail.record(&record.requester, ended)?;
        Ok(self.sessions.save(guard, record)?)
    }
}
