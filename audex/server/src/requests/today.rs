//! What was asked, held against the rules as they are now: when somebody votes, and when it is picked up.

use super::vote::{TRIES, busy};
use crate::{access::Caller, app::App, model::PendingRequest, notify::Notice, problem::Problem};
use audex_core::{
    IssueError, IssueRequest, NeededApproval, Plan, Requester, approval::ApprovalState, audit::BrokerEvent,
    session::SessionId,
};
use http::StatusCode;

impl App {
    /// Holds a request that waits against today's rules before a vote counts.
    ///
    /// Nobody agrees to what the rules make no longer of the request; to refuse it is always possible.
    pub(super) async fn hold_to_today(
        &self,
        pending: &mut PendingRequest,
        approve: bool,
    ) -> Result<(), Problem> {
        let requester = self.requester_now(pending).await?;
        if !approve || pending.approval.state() != ApprovalState::Pending {
            return Ok(());
        }
        let changed = |_| Problem::from(IssueError::OtherApproval);
        let request = pending.ask.request(requester).map_err(|_| Problem::from(IssueError::OtherApproval))?;
        let plan = self.issuer.plan(&request).map_err(changed)?;
        if !is_as_asked(pending, &plan, &request) {
            return Err(IssueError::OtherApproval.into());
        }
        if let Some(needed) = &plan.approval {
            pending.approval.require(needed);
        }
        Ok(())
    }

    /// Plans an approved request anew; what it is now has to be what was approved.
    pub(super) async fn plan_as_approved(
        &self,
        pending: &PendingRequest,
        request: &IssueRequest,
    ) -> Result<Plan, Problem> {
        let why = match self.issuer.plan(request) {
            Ok(plan) if is_as_asked(pending, &plan, request) => return Ok(plan),
            Ok(_) => IssueError::OtherApproval,
            Err(error) => error,
        };
        Err(self.issuer.refuse(pending.session_id, request, why).await.into())
    }

    /// Has an approved request wait again: by today's rules those who agreed are not enough.
    pub(super) async fn reopen(
        &self,
        caller: &Caller,
        id: SessionId,
        needed: &NeededApproval,
    ) -> Result<PendingRequest, Problem> {
        for _ in 0..TRIES {
            let (mut pending, version) = self.load_pending(caller, id).await?;
            if !pending.approval.require(needed) {
                // Somebody else was here.
                return Ok(pending);
            }
            let (required, roles) = (pending.approval.required(), pending.approval.roles().to_vec());
            let event = BrokerEvent::ApprovalReopened { session_id: id, required, roles };
            let notices = self.notifier.notices(Notice::Asked(&pending));
            if self.store.save_request(version, &pending, &caller.requester, event, notices).await? {
                self.changes.tell(id);
                self.notifier.wake();
                return Ok(pending);
            }
        }
        Err(busy())
    }

    /// Returns who asked as they are now; nothing comes of the request of somebody whose account is disabled.
    async fn requester_now(&self, pending: &PendingRequest) -> Result<Requester, Problem> {
        let disabled = || {
            Problem::new(StatusCode::CONFLICT, "requester_disabled")
                .with_detail("the account of whoever asked, or made the token that did, is disabled")
        };
        if let Some(user_id) = pending.asked_by
            && self.store.person(user_id).await?.is_some_and(|person| person.is_disabled)
        {
            return Err(disabled());
        }
        let Requester::Principal { email, .. } = &pending.requester else {
            return Ok(pending.requester.clone());
        };
        match self.store.person_by_email(email).await? {
            Some(person) if person.is_disabled => Err(disabled()),
            Some(person) => Ok(Requester::Principal { email: person.email, groups: person.groups }),
            None => Ok(pending.requester.clone()),
        }
    }
}

fn is_as_asked(pending: &PendingRequest, plan: &Plan, request: &IssueRequest) -> bool {
    *pending.approval.digest() == plan.proposal(pending.session_id, request).digest()
}
