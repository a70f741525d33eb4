use super::{PickedUp, ask::read};
use crate::{
    access::{Action, Caller, Subject},
    app::App,
    handover::Handover,
    model::{PendingRequest, RequestState},
    problem::Problem,
    telemetry::span,
};
use audex_core::{IssueError, session::SessionId};
use http::StatusCode;
use std::time::Duration;
use tracing::Instrument;

/// How long to wait for the one who picks it up at the same moment.
const SAME_MOMENT: Duration = Duration::from_secs(5);

impl App {
    /// Fetches what came of a request: its credential, once it was approved and by whoever asked for it.
    ///
    /// The credential of an approved request is minted now; its answer can be given again for ten minutes. What today's rules
    /// make of the request has to be what was approved; where they need more people to agree, it waits again.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: 404 where the caller may not know of it.
    pub async fn pick_up(&self, caller: &Caller, id: SessionId) -> Result<PickedUp, Problem> {
        let Some((pending, _)) = self.store.load_request(id).await? else {
            return self.session_of(caller, id).await;
        };
        self.access.may(caller, Action::Read, &Subject::Request(&pending))?;
        if pending.requester.identity() != caller.identity() {
            return Ok(self.standing(pending));
        }
        match pending.state(self.clock.now()) {
            RequestState::Approved => {
                let picked_up = self.issue_approved(caller, pending);
                picked_up.instrument(span::approval(span::ApprovalStep::Pickup, id)).await
            }
            RequestState::Issued => self.same_answer(caller, id).await,
            RequestState::PendingApproval
            | RequestState::Denied
            | RequestState::Expired
            | RequestState::Withdrawn => Ok(self.standing(pending)),
        }
    }

    /// Waits until a request is decided, or for as long as was said.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when that cannot be looked up.
    pub async fn wait(&self, id: SessionId, wait: Duration) -> Result<(), Problem> {
        let mut heard = self.changes.listen();
        let mut ended = self.end.subscribe();
        let decided = async {
            loop {
                let loaded = self.store.load_request(id).await?;
                let is_waiting = loaded.is_some_and(|(pending, _)| {
                    pending.state(self.clock.now()) == RequestState::PendingApproval
                });
                if !is_waiting {
                    return Ok(());
                }
                heard.change_of(id).await;
            }
        };
        tokio::select! {
            decided = decided => decided,
            _ = ended.wait_for(|is_over| *is_over) => Ok(()),
            () = tokio::time::sleep(wait.min(self.settings.limits.longest_poll)) => Ok(()),
        }
    }

    fn standing(&self, pending: PendingRequest) -> PickedUp {
        match pending.state(self.clock.now()) {
            RequestState::PendingApproval => PickedUp::Waiting(Box::new(pending)),
            _ => PickedUp::Decided(Box::new(pending)),
        }
    }

    async fn session_of(&self, caller: &Caller, id: SessionId) -> Result<PickedUp, Problem> {
        let record = self.store.session(id).await?.ok_or_else(Problem::not_found)?;
        self.access.may(caller, Action::Read, &Subject::Session(&record))?;
        let identity = caller.identity();
        let subject = Subject::Ask { provider: record.provider, identity: &identity };
        // A token of narrower scope sees that there is one.
        if record.requester.identity() == identity
            && !record.status.is_over()
            && self.access.may(caller, Action::Request, &subject).is_ok()
            && let Some(handover) = self.store.handover(id, self.clock.now()).await?
        {
            return Ok(PickedUp::Handover(handover));
        }
        Ok(PickedUp::Session(Box::new(record)))
    }

    async fn issue_approved(
        &self,
        caller: &Caller,
        mut pending: PendingRequest,
    ) -> Result<PickedUp, Problem> {
        let id = pending.session_id;
        // It may ask for more than its requester: a token of narrower scope picks nothing up.
        let identity = caller.identity();
        let subject = Subject::Ask { provider: pending.ask.provider, identity: &identity };
        self.access.may(caller, Action::Request, &subject)?;
        self.check_voters(&pending).await?;
        let request = read(caller, &pending.ask)?;
        let plan = self.plan_as_approved(&pending, &request).await?;
        if let Some(needed) = &plan.approval
            && pending.approval.require(needed)
        {
            return Ok(self.standing(self.reopen(caller, id, needed).await?));
        }
        let approved = pending.approval.consume(*pending.approval.digest(), self.clock.now());
        let approved = approved.map_err(super::vote::of_fault)?;
        let provider = request.request.provider();
        let issued = self.issuer.issue_as(id, &request, Some(approved));
        match issued.instrument(span::session(provider, id)).await {
            Ok(lease) => {
                if let Some(budget) = request.budget {
                    self.note_budget(provider, budget);
                }
                self.meters.session_begun();
                self.meters.credential_issued(provider);
                self.changes.tell(id);
                Ok(PickedUp::Handover(Handover::new(id, lease.credential())))
            }
            Err(IssueError::ApprovalUsed) => self.overtaken(caller, id).await,
            Err(error) => {
                // Who waits for the same answer has it.
                self.changes.tell(id);
                Err(said(error))
            }
        }
    }

    /// Says what became of a request that somebody else used, or took back, at the same moment.
    async fn overtaken(&self, caller: &Caller, id: SessionId) -> Result<PickedUp, Problem> {
        let (pending, _) = self.store.load_request(id).await?.ok_or_else(Problem::not_found)?;
        match pending.state(self.clock.now()) {
            // The same caller was faster; its answer is the answer, also that the provider failed.
            RequestState::Issued | RequestState::Approved => self.same_answer(caller, id).await,
            _ => Ok(self.standing(pending)),
        }
    }

    /// Looks whether those who agreed could still do so: somebody who lost their role, or their account, agrees to nothing.
    async fn check_voters(&self, pending: &PendingRequest) -> Result<(), Problem> {
        for vote in pending.approval.votes() {
            let person = self.store.person_by_email(&vote.approver).await?;
            let still = person.is_some_and(|person| !person.is_disabled && person.roles.contains(&vote.role));
            if !still {
                return Err(Problem::new(StatusCode::CONFLICT, "approver_gone").with_detail(
                    "somebody who agreed is no longer an approver: ask again, and have somebody else agree",
                ));
            }
        }
        Ok(())
    }

    async fn same_answer(&self, caller: &Caller, id: SessionId) -> Result<PickedUp, Problem> {
        let look = async {
            let mut heard = self.changes.listen();
            loop {
                match self.session_of(caller, id).await {
                    // Begun, and not minted yet.
                    Ok(PickedUp::Session(record))
                        if !record.status.is_over() && record.credentials.is_empty() => {}
                    found => return found,
                }
                heard.change_of(id).await;
            }
        };
        match tokio::time::timeout(SAME_MOMENT, look).await {
            Ok(found) => found,
            Err(_) => self.session_of(caller, id).await,
        }
    }
}

/// Says what an approved request failed of, and whether it can be picked up again.
fn said(error: IssueError) -> Problem {
    let kept = match &error {
        IssueError::Provider(error) if error.is_unissued => {
            Some(format!("{error}; nothing was issued, and the approval can be used again"))
        }
        _ => None,
    };
    let problem = Problem::from(error);
    match kept {
        Some(detail) => problem.with_detail(detail),
        None => problem,
    }
}
