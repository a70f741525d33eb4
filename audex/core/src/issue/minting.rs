//! Minting, and what becomes of it.

use super::{IssueError, Issuer, Mismatch, Plan, check::check};
use crate::{
    MintOrder, Minted,
    audit::BrokerEvent,
    session::{
        Change, CredentialRecord, Ending, SessionId, SessionRecord, SessionStatus, SessionStore, Step,
    },
};
use chrono::{DateTime, Utc};

/// Why a session came to nothing, in a word: its provider failed.
const FAILED: &str = "provider_failed";

/// It could not be recorded.
const UNRECORDED: &str = "unavailable";

impl<S: SessionStore> Issuer<S> {
    /// Mints and checks; returns the step that says how that went. What was minted is in it, also when it is not handed over.
    pub(super) async fn mint(
        &self,
        order: &MintOrder,
        refreshed: bool,
    ) -> (Result<Minted, IssueError>, Step) {
        let session_id = order.session_id;
        let mut kept = None;
        let answer = match self.provider(order.grant.provider()) {
            Ok(provider) => provider.mint(order).await.map_err(IssueError::from),
            Err(error) => Err(error),
        };
        let minted = answer.and_then(|minted| {
            let (now, credential) = (self.clock.now(), &minted.credential);
            let checked = check(order, &minted, now);
            if checked != Err(Mismatch::Id) {
                let (id, expires_at) = (credential.id().to_owned(), credential.expires_at());
                kept = Some(CredentialRecord { id, issued_at: now, expires_at, fate: None });
            }
            checked.map(|()| minted).map_err(IssueError::from)
        });
        let step = match (&minted, kept) {
            (Ok(minted), Some(credential)) => {
                let event = BrokerEvent::CredentialsIssued {
                    session_id,
                    access_key_id: credential.id.clone(),
                    expires_at: credential.expires_at,
                    account: minted.account.clone(),
                    subject: minted.subject.clone(),
                    refreshed,
                };
                Step::Minted { credential, event }
            }
            (Ok(_), None) => lost(session_id, None, &IssueError::Mismatch(Mismatch::Id)),
            (Err(error), kept) => lost(session_id, kept, error),
        };
        (minted, step)
    }

    /// Records how minting went, and returns that: of a session that is over by now nothing is handed over.
    pub(super) async fn outcome(
        &self,
        hold: &S::Hold,
        record: &mut SessionRecord,
        outcome: Step,
        answer: Result<Minted, IssueError>,
    ) -> Result<Minted, IssueError> {
        let credential = answer.as_ref().ok().map(|minted| &minted.credential);
        let change = Change { step: outcome.clone(), now: self.clock.now(), credential };
        match (self.store.save(hold, change).await, outcome) {
            (Ok(saved), _) => {
                *record = saved;
                answer
            }
            (
                Err(error @ (IssueError::Over(_) | IssueError::Limited(_))),
                Step::Minted { credential, .. },
            ) => {
                *record = self.lose(hold, record.session_id, credential, &error).await?;
                Err(error)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Records what was minted for a session that ended meanwhile, and ends that as well: whoever ended the session did not
    /// know of it.
    async fn lose(
        &self,
        hold: &S::Hold,
        session_id: SessionId,
        credential: CredentialRecord,
        error: &IssueError,
    ) -> Result<SessionRecord, IssueError> {
        let save = async |step| {
            self.store.save(hold, Change { step, now: self.clock.now(), credential: None }).await
        };
        let record = save(lost(session_id, Some(credential), error)).await?;
        if record.status != SessionStatus::Revoked {
            return Ok(record);
        }
        let revocation = self.revoke_credentials(&record, self.clock.now()).await;
        save(Step::Answered { by: record.requester, reason: None, revocation }).await
    }

    pub(super) fn order(&self, record: &SessionRecord, plan: &Plan, now: DateTime<Utc>) -> MintOrder {
        MintOrder {
            session_id: record.session_id,
            requester: record.requester.clone(),
            grant: plan.grant.clone(),
            shape: plan.shape.clone(),
            lifetime: plan.times.lifetime(now),
        }
    }

    /// Ends a session whose credential is not handed over.
    pub(super) async fn give_up(&self, mut record: SessionRecord, hold: S::Hold, error: &IssueError) {
        let retired = self.retirement(&record).await;
        let (code, gives_back) = match error {
            IssueError::Provider(error) => (FAILED, error.is_unissued),
            IssueError::Mismatch(_) => (FAILED, false),
            _ => (UNRECORDED, false),
        };
        let ending =
            Ending { reason: Some(error.to_string()), code: Some(code.to_owned()), ..Ending::default() };
        let step =
            Step::Ended { status: SessionStatus::Failed, ending, retired, revoked_by: None, gives_back };
        let finished = self.finish(&mut record, &hold, step).await;
        // What cannot be recorded now is found abandoned later. The caller hears of what came first.
        if finished.is_ok() {
            let _ = self.store.release(hold).await;
        }
    }
}

fn lost(session_id: SessionId, credential: Option<CredentialRecord>, error: &IssueError) -> Step {
    let access_key_id = credential.as_ref().map(|credential| credential.id.clone());
    let event = BrokerEvent::CredentialsFailed { session_id, access_key_id, reason: error.to_string() };
    Step::Lost { credential, event }
}
