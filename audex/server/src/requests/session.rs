use crate::{
    access::{Action, Caller, Subject},
    app::App,
    handover::Handover,
    problem::Problem,
};
use audex_core::{
    Revocation,
    session::{SessionId, SessionRecord},
};
use http::StatusCode;

/// The longest reason of a revocation, in bytes.
const MAX_REASON: usize = 500;

impl App {
    /// Mints the successor of a session's credential, never past the session's end.
    ///
    /// It counts as a request of the caller's.
    ///
    /// # Errors
    ///
    /// A [`Problem`] unless it is the caller's own session and active; 429 when a limit is reached, or as many of its
    /// credentials work as are kept.
    pub async fn refresh(&self, caller: &Caller, id: SessionId) -> Result<Handover, Problem> {
        let found = self.store.load_for_change(id).await?;
        let (record, hold) = found.ok_or_else(Problem::not_found)?;
        self.check_own(caller, &record)?;
        let identity = caller.identity();
        let subject = Subject::Ask { provider: record.provider, identity: &identity };
        self.access.may(caller, Action::Request, &subject)?;
        let provider = record.provider;
        let mut lease = self.issuer.resume(record, hold)?;
        self.issuer.refresh_as(&caller.requester, &mut lease).await?;
        self.meters.credential_issued(provider);
        Ok(Handover::new(id, lease.credential()))
    }

    /// Ends a session early, as far as its provider can, and says what became of each credential.
    ///
    /// # Errors
    ///
    /// A [`Problem`] unless the session is the caller's own, or the caller administers.
    pub async fn revoke(
        &self,
        caller: &Caller,
        id: SessionId,
        reason: Option<&str>,
    ) -> Result<(SessionRecord, Revocation), Problem> {
        if reason.is_some_and(|reason| reason.len() > MAX_REASON) {
            return Err(Problem::invalid("reason", format!("it has more than {MAX_REASON} bytes")));
        }
        let record = self.readable_session(caller, id).await?;
        let identity = caller.identity();
        if record.requester.identity() == identity {
            let subject = Subject::Ask { provider: record.provider, identity: &identity };
            self.access.may(caller, Action::Request, &subject)?;
        } else {
            self.access.may(caller, Action::Administer, &Subject::Session(&record))?;
        }
        let hold = self.store.hold(id).await?;
        let revoked = self.issuer.revoke(&caller.requester, id, reason, hold).await?;
        self.changes.tell(id);
        Ok(revoked)
    }

    async fn readable_session(&self, caller: &Caller, id: SessionId) -> Result<SessionRecord, Problem> {
        let record = self.store.session(id).await?.ok_or_else(Problem::not_found)?;
        self.access.may(caller, Action::Read, &Subject::Session(&record))?;
        Ok(record)
    }

    fn check_own(&self, caller: &Caller, record: &SessionRecord) -> Result<(), Problem> {
        self.access.may(caller, Action::Read, &Subject::Session(record))?;
        if record.requester.identity() != caller.identity() {
            return Err(Problem::forbidden("refresh"));
        }
        if record.status.is_over() || self.clock.now() >= record.deadline {
            return Err(over(record));
        }
        Ok(())
    }
}

fn over(record: &SessionRecord) -> Problem {
    let at = record.ended_at.unwrap_or(record.deadline);
    Problem::new(StatusCode::CONFLICT, "session_over").with_detail(format!("the session ended at {at}"))
}
