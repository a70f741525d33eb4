use super::{IssueError, Issuer, Lease};
use crate::{
    Fate, Requester, Revocation, RevokeOrder,
    audit::BrokerEvent,
    session::{Change, Ending, SessionId, SessionRecord, SessionStatus, SessionStore, Step},
};
use chrono::{DateTime, Utc};

impl<S: SessionStore> Issuer<S> {
    /// Ends what was minted for a session as far as its provider can, and says of each credential what became of it.
    ///
    /// With the hold on the session it ends the session first, so that a credential that is being minted is not handed over;
    /// without it, whoever has the hold ends the session. One whose deadline has passed is expired, and not revoked.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when the session is not known or it cannot be recorded. That the provider failed is no error: the
    /// credential is then said to work on.
    pub async fn revoke(
        &self,
        who: &Requester,
        id: SessionId,
        reason: Option<&str>,
        hold: Option<S::Hold>,
    ) -> Result<(SessionRecord, Revocation), IssueError> {
        let Some(hold) = hold else {
            let mut record = self.store.load(id).await?;
            let revocation = self.revoke_credentials(&record, self.clock.now()).await;
            let (reason, fates) = (reason.map(str::to_owned), revocation.fates.clone());
            self.store.note(who, BrokerEvent::SessionRevoked { session_id: id, reason, fates }).await?;
            record.take_fates(&revocation);
            return Ok((record, revocation));
        };
        let save = async |step| {
            self.store.save(&hold, Change { step, now: self.clock.now(), credential: None }).await
        };
        // It is over before anything is asked of the provider: what is minted from now on is not handed over.
        let reason = reason.map(str::to_owned);
        let record = save(Step::Ended {
            status: SessionStatus::Revoked,
            ending: Ending { reason: reason.clone(), ..Ending::default() },
            retired: Revocation::default(),
            revoked_by: Some(who.clone()),
            gives_back: false,
        })
        .await?;
        let revocation = self.revoke_credentials(&record, self.clock.now()).await;
        let record = save(Step::Answered { by: who.clone(), reason, revocation: revocation.clone() }).await?;
        self.store.release(hold).await?;
        Ok((record, revocation))
    }

    /// Leaves a session active that has no process: it lasts until its deadline.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when that cannot be recorded.
    pub async fn hand_over(&self, lease: Lease<S::Hold>) -> Result<SessionRecord, IssueError> {
        let change = Change { step: Step::Detached, now: self.clock.now(), credential: None };
        self.store.save(&lease.hold, change).await
    }

    /// Returns the order to end what of a session still works, if anything does.
    pub(super) fn revoke_order(&self, record: &SessionRecord, now: DateTime<Utc>) -> Option<RevokeOrder> {
        let alive = || record.credentials.iter().filter(|credential| now < credential.expires_at);
        Some(RevokeOrder {
            session_id: record.session_id,
            target: record.target.clone(),
            grant: record.grant.clone(),
            credential_ids: alive().map(|credential| credential.id.clone()).collect(),
            expires_at: alive().map(|credential| credential.expires_at).max()?,
        })
    }

    pub(super) async fn revoke_credentials(&self, record: &SessionRecord, now: DateTime<Utc>) -> Revocation {
        let (alive, expired): (Vec<_>, Vec<_>) =
            record.credentials.iter().partition(|credential| now < credential.expires_at);
        let mut fates: Vec<(String, Fate)> =
            expired.into_iter().map(|credential| (credential.id.clone(), Fate::Dead)).collect();
        let Some(order) = self.revoke_order(record, now) else { return Revocation { fates } };
        let revoked = match self.provider(record.provider) {
            Ok(provider) => provider.revoke(&order).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // What the provider says nothing about works on.
        let mut said = revoked.as_ref().map(|revocation| revocation.fates.clone()).unwrap_or_default();
        for credential in alive {
            let at = said.iter().position(|(id, _)| *id == credential.id);
            let fate = at.map(|at| said.swap_remove(at).1).unwrap_or_else(|| {
                let why = revoked.as_ref().err().cloned();
                let why = why.unwrap_or_else(|| "the provider did not say what became of it".to_owned());
                Fate::AliveUntil { until: credential.expires_at, why }
            });
            fates.push((credential.id.clone(), fate));
        }
        Revocation { fates }
    }
}
