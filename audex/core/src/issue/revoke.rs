use super::{IssueError, Issuer, Lease};
use crate::{
    Fate, Requester, Revocation, RevokeOrder,
    audit::BrokerEvent,
    session::{Change, Ending, SessionId, SessionRecord, SessionStatus, SessionStore},
};
use chrono::{DateTime, Utc};

impl<S: SessionStore> Issuer<S> {
    /// Ends what was minted for a session as far as its provider can, and says of each credential what became of it.
    ///
    /// With the hold on the session its record says so too; without it, whoever has the hold ends the session.
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
        let mut record = self.store.load(id).await?;
        let revocation = self.revoke_credentials(&record, self.clock.now()).await;
        let event = BrokerEvent::SessionRevoked {
            session_id: id,
            reason: reason.map(str::to_owned),
            fates: revocation.fates.clone(),
        };
        self.store.note(who, event).await?;
        record.take_fates(&revocation);
        let Some(hold) = hold else { return Ok((record, revocation)) };
        if record.status.is_over() {
            self.store.save(&hold, Change { record: &record, event: None, credential: None }).await?;
        } else {
            let ending = Ending { reason: reason.map(str::to_owned), ..Ending::default() };
            self.finish(&mut record, &hold, SessionStatus::Revoked, ending).await?;
        }
        self.store.release(hold).await?;
        Ok((record, revocation))
    }

    /// Leaves a session active that has no process: it lasts until its deadline.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when that cannot be recorded.
    pub async fn hand_over(&self, lease: Lease<S::Hold>) -> Result<SessionRecord, IssueError> {
        let Lease { mut record, hold, .. } = lease;
        record.keeper_pid = None;
        self.store.save(&hold, Change { record: &record, event: None, credential: None }).await?;
        Ok(record)
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

    async fn revoke_credentials(&self, record: &SessionRecord, now: DateTime<Utc>) -> Revocation {
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
