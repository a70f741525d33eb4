use super::{Denial, IssueError, Issuer, Plan};
use crate::{
    Credential, Requester, Revocation,
    audit::BrokerEvent,
    lease::{LeaseTimes, Next},
    session::{
        Change, Ending, Renewal, SessionGuard, SessionId, SessionRecord, SessionStatus, SessionStore, Step,
    },
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
pub struct Lease<H = SessionGuard> {
    pub(super) record: SessionRecord,
    pub(super) plan: Plan,
    pub(super) credential: Credential,
    pub(super) hold: H,
}

impl<H> Lease<H> {
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

impl<S: SessionStore> Issuer<S> {
    /// Mints the successor of a lease's credential, under the rules as they were decided.
    ///
    /// Never after the deadline, and never for longer than is left of the session, where the provider gives that.
    ///
    /// # Errors
    ///
    /// [`IssueError`]; the lease keeps what it has.
    pub async fn refresh(&self, lease: &mut Lease<S::Hold>) -> Result<(), IssueError> {
        let who = lease.record.requester.clone();
        self.refresh_as(&who, lease).await
    }

    /// Mints the successor of a lease's credential for somebody who asks for it: where requests are counted, it is one.
    ///
    /// # Errors
    ///
    /// [`IssueError`]; the lease keeps what it has. [`IssueError::Limited`] also where a credential that still works would be
    /// forgotten for it.
    pub async fn refresh_as(&self, who: &Requester, lease: &mut Lease<S::Hold>) -> Result<(), IssueError> {
        let now = self.clock.now();
        if now >= lease.plan.times.deadline() {
            return Err(IssueError::Over(lease.plan.times.deadline()));
        }
        let (left, shortest) = (lease.plan.times.deadline() - now, *lease.plan.shape.lifetimes.start());
        if lease.record.entry_point.is_detached() && left < shortest {
            // Nothing of ours would end it in time, and what there is lasts until then.
            let shortest = shortest.num_seconds();
            return Err(Denial::Unendable { asked: lease.plan.ttl, shortest }.into());
        }
        let order = self.order(&lease.record, &lease.plan, now);
        let requested = BrokerEvent::CredentialsRequested {
            session_id: lease.record.session_id,
            lifetime_seconds: order.lifetime.num_seconds(),
        };
        let renewal = Renewal { who, rates: &self.rules.rates, event: requested, now };
        if let Err(error) = self.store.renew(&lease.hold, renewal).await {
            return Err(self.refused_renewal(who, &lease.record, error).await);
        }
        let (minted, outcome) = self.mint(&order, true).await;
        lease.credential = self.outcome(&lease.hold, &mut lease.record, outcome, minted).await?.credential;
        Ok(())
    }

    /// Records that a limit refuses another credential, and returns why.
    async fn refused_renewal(
        &self,
        who: &Requester,
        record: &SessionRecord,
        error: IssueError,
    ) -> IssueError {
        if !matches!(error, IssueError::Limited(_)) {
            return error;
        }
        let denied = BrokerEvent::RequestDenied {
            session_id: record.session_id,
            entry_point: record.entry_point,
            provider: record.provider,
            asked: record.asked.clone(),
            reason: error.to_string(),
        };
        self.store.note(who, denied).await.map_or_else(|trouble| trouble, |()| error)
    }

    /// Has a provider end what was minted for a session that is over, where that costs nothing.
    pub async fn retire(&self, record: &mut SessionRecord) {
        let retired = self.retirement(record).await;
        record.take_fates(&retired);
    }

    pub(super) async fn retirement(&self, record: &SessionRecord) -> Revocation {
        match (self.revoke_order(record, self.clock.now()), self.provider(record.provider)) {
            // A credential that is not retired expires.
            (Some(order), Ok(provider)) => provider.retire(&order).await.unwrap_or_default(),
            _ => Revocation::default(),
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
        lease: Lease<S::Hold>,
        status: SessionStatus,
        ending: Ending,
    ) -> Result<SessionRecord, IssueError> {
        let Lease { mut record, hold, .. } = lease;
        let retired = self.retirement(&record).await;
        let step = Step::Ended { status, ending, retired, revoked_by: None, gives_back: false };
        self.finish(&mut record, &hold, step).await?;
        self.store.release(hold).await?;
        Ok(record)
    }

    /// Takes a session up again that is active and has no process, as to refresh its credential.
    ///
    /// What was decided stays decided: the provider is told what the record says was granted.
    ///
    /// # Errors
    ///
    /// [`IssueError::Over`] when it is over or nothing was minted for it, or [`IssueError::Denied`] when the provider can no
    /// longer be told.
    pub fn resume(&self, record: SessionRecord, hold: S::Hold) -> Result<Lease<S::Hold>, IssueError> {
        let newest = record.credentials.last().filter(|_| record.status == SessionStatus::Active);
        let Some(newest) = newest else {
            return Err(IssueError::Over(record.ended_at.unwrap_or(record.deadline)));
        };
        let credential = Credential::new(record.provider, newest.id.clone(), newest.expires_at);
        let provider = self.provider(record.provider)?;
        let shape = provider
            .shape(&record.grant, record.target.as_deref(), &self.rules.sources)
            .map_err(Denial::from)?;
        let times = LeaseTimes::new(record.created_at, record.ttl.delta(), shape.lifetimes.clone());
        let plan = Plan {
            grant: record.grant.clone(),
            cuts: Vec::new(),
            shape,
            ttl: record.ttl,
            times,
            approval: None,
            findings: Vec::new(),
        };
        Ok(Lease { record, plan, credential, hold })
    }

    /// Records an event about a session that is held.
    ///
    /// # Errors
    ///
    /// [`IssueError::Trail`].
    pub async fn note(&self, lease: &Lease<S::Hold>, event: BrokerEvent) -> Result<(), IssueError> {
        self.store.note(lease.requester(), event).await
    }

    pub(super) async fn finish(
        &self,
        record: &mut SessionRecord,
        hold: &S::Hold,
        step: Step,
    ) -> Result<(), IssueError> {
        let change = Change { step, now: self.clock.now(), credential: None };
        *record = self.store.save(hold, change).await?;
        Ok(())
    }
}
