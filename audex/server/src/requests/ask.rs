use super::{Asked, retry::Retry};
use crate::{
    access::{Action, Caller, Subject},
    app::App,
    handover::Handover,
    model::{Ask, PendingRequest},
    notify::{Notice, check_callback},
    problem::Problem,
    telemetry::span,
};
use audex_core::{
    IssueError, IssueRequest, NeededApproval, Plan, approval::Approval, audit::BrokerEvent,
    session::SessionId,
};
use chrono::TimeDelta;
use tracing::Instrument;

impl App {
    /// Returns what would be issued, without leaving a trace.
    ///
    /// # Errors
    ///
    /// What [`ask`](Self::ask) would be refused for.
    pub fn plan(&self, caller: &Caller, ask: &Ask) -> Result<Plan, Problem> {
        self.may_ask(caller, ask)?;
        Ok(self.issuer.plan(&read(caller, ask)?)?)
    }

    /// Asks for a credential.
    ///
    /// With a `retry_key`, the same request of the same caller has one outcome however often it is sent. `callback` is told of
    /// the decision, where one is needed.
    ///
    /// # Errors
    ///
    /// A [`Problem`]; nothing was issued, or what was is ended.
    pub async fn ask(
        &self,
        caller: &Caller,
        ask: Ask,
        retry_key: Option<&str>,
        callback: Option<String>,
    ) -> Result<Asked, Problem> {
        self.may_ask(caller, &ask)?;
        if let Some(callback) = &callback {
            check_callback(callback, self.settings.is_dev)
                .map_err(|fault| Problem::invalid("callback", fault.to_string()))?;
        }
        let request = read(caller, &ask)?;
        let session_id = SessionId::generate(&*self.rng);
        let Some(key) = retry_key else {
            return self.decide(caller, session_id, request, ask, callback).await;
        };
        let key =
            match self.first_or_again(caller, key, &request, &ask, callback.as_deref(), session_id).await? {
                Retry::Perform(key) => key,
                Retry::Answer(asked) => return Ok(asked),
            };
        let outcome = self.decide(caller, key.session_id, request, ask, callback).await;
        // Of a failure of ours it may not be known whether it happened: the key stays, and the same request goes on under it.
        if outcome.as_ref().is_err_and(|problem| problem.status().is_client_error()) {
            self.forget(&key).await;
        }
        outcome
    }

    fn may_ask(&self, caller: &Caller, ask: &Ask) -> Result<(), Problem> {
        let identity = caller.identity();
        let subject = Subject::Ask { provider: ask.provider, identity: &identity };
        self.access.may(caller, Action::Request, &subject)
    }

    async fn decide(
        &self,
        caller: &Caller,
        session_id: SessionId,
        request: IssueRequest,
        ask: Ask,
        callback: Option<String>,
    ) -> Result<Asked, Problem> {
        // A refusal is the pipeline's to record; it decides anew.
        let needed = match self.issuer.plan(&request) {
            Ok(plan) => plan.approval.clone().map(|needed| (needed, plan)),
            Err(_) => None,
        };
        let Some((needed, plan)) = needed else {
            return self.issue(session_id, &request).await.map(Asked::Issued);
        };
        let span = span::approval(span::ApprovalStep::Request, session_id);
        let pending = self.put_off(caller, (session_id, request, ask), (needed, plan), callback);
        let pending = Box::new(pending.instrument(span).await?);
        Ok(Asked::Pending(pending))
    }

    async fn issue(&self, session_id: SessionId, request: &IssueRequest) -> Result<Handover, Problem> {
        let provider = request.request.provider();
        let issued = self.issuer.issue_as(session_id, request, None);
        let lease = issued.instrument(span::session(provider, session_id)).await?;
        self.meters.session_begun();
        self.meters.credential_issued(provider);
        if let Some(budget) = request.budget {
            self.note_budget(provider, budget);
        }
        Ok(Handover::new(session_id, lease.credential()))
    }

    async fn put_off(
        &self,
        caller: &Caller,
        (session_id, request, ask): (SessionId, IssueRequest, Ask),
        (needed, plan): (NeededApproval, Plan),
        callback: Option<String>,
    ) -> Result<PendingRequest, Problem> {
        let event = BrokerEvent::approval_required(session_id, &request, &needed, plan.ttl);
        let now = self.clock.now();
        let lasts = TimeDelta::from_std(self.settings.approval_expires).unwrap_or(TimeDelta::days(1));
        let (required, identity) = (needed.required, request.requester.identity());
        let digest = plan.proposal(session_id, &request).digest();
        let pending = PendingRequest {
            session_id,
            asked_by: caller.answerable(),
            ask,
            target: plan.shape.target,
            ttl: Some(plan.ttl),
            rules: needed.rules,
            document: plan.shape.document,
            approval: Approval::new(digest, identity, required, needed.roles, now + lasts),
            callback,
            created_at: now,
            requester: request.requester.clone(),
        };
        let (rates, notices) = (&self.issuer.rules.rates, self.notifier.notices(Notice::Asked(&pending)));
        if let Err(error) = self.store.insert_request(&pending, rates, event, notices).await {
            if matches!(error, IssueError::Limited(_)) {
                return Err(self.issuer.refuse(session_id, &request, error).await.into());
            }
            return Err(error.into());
        }
        self.notifier.wake();
        Ok(pending)
    }
}

/// Reads what is asked for.
pub(super) fn read(caller: &Caller, ask: &Ask) -> Result<IssueRequest, Problem> {
    ask.request(caller.requester.clone()).map_err(|fault| Problem::invalid(fault.field(), fault.to_string()))
}
