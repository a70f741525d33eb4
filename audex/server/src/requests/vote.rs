use super::signature::verify_signature;
use crate::{
    access::{Action, Caller, Subject},
    app::App,
    model::PendingRequest,
    notify::Notice,
    problem::Problem,
    telemetry::span,
};
use audex_core::{
    approval::{ApprovalFault, ApprovalState, Vote},
    audit::BrokerEvent,
    session::SessionId,
};
use http::StatusCode;
use tracing::Instrument;

/// How often a vote is tried against others that come at the same moment.
pub(super) const TRIES: usize = 16;

/// What somebody says about a request.
///
/// ```
/// let ballot = audex_server::requests::Ballot { approve: true, comment: "for the migration", ..Default::default() };
/// assert!(ballot.signature.is_none());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Ballot<'a> {
    /// Whether they agree.
    pub approve: bool,
    /// Why.
    pub comment: &'a str,
    /// In which of their roles, where they have several.
    pub role: Option<&'a str>,
    /// The digest of the request as they saw it, in hexadecimal digits.
    pub digest: Option<&'a str>,
    /// What they signed: a compact JWS ([`VoteClaims`](super::VoteClaims)).
    pub signature: Option<&'a str>,
}

impl App {
    /// Counts a vote.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that says why it does not count.
    pub async fn vote(
        &self,
        caller: &Caller,
        id: SessionId,
        ballot: Ballot<'_>,
    ) -> Result<PendingRequest, Problem> {
        let voted = self.try_vote(caller, id, ballot);
        let pending = voted.instrument(span::approval(span::ApprovalStep::Vote, id)).await?;
        self.changes.tell(id);
        self.notifier.wake();
        Ok(pending)
    }

    /// Takes a request back.
    ///
    /// # Errors
    ///
    /// A [`Problem`] unless it is the caller's own and not decided or used yet.
    pub async fn withdraw(&self, caller: &Caller, id: SessionId) -> Result<PendingRequest, Problem> {
        let withdrawn = async {
            for _ in 0..TRIES {
                let (mut pending, version) = self.load_pending(caller, id).await?;
                if pending.requester.identity() != caller.identity() {
                    return Err(Problem::forbidden("withdraw"));
                }
                pending.approval.withdraw(self.clock.now()).map_err(of_fault)?;
                let event = BrokerEvent::ApprovalWithdrawn { session_id: id, reason: None };
                let notices = self.notifier.notices(Notice::Decided(&pending));
                if self.store.save_request(version, &pending, &caller.requester, event, notices).await? {
                    return Ok(pending);
                }
            }
            Err(busy())
        };
        let pending = withdrawn.instrument(span::approval(span::ApprovalStep::Withdraw, id)).await?;
        self.changes.tell(id);
        self.notifier.wake();
        Ok(pending)
    }

    /// Loads a request that the caller may know of, with its version.
    pub(super) async fn load_pending(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<(PendingRequest, u64), Problem> {
        let (pending, version) = self.store.load_request(id).await?.ok_or_else(Problem::not_found)?;
        self.access.may(caller, Action::Read, &Subject::Request(&pending))?;
        Ok((pending, version))
    }

    async fn try_vote(
        &self,
        caller: &Caller,
        id: SessionId,
        ballot: Ballot<'_>,
    ) -> Result<PendingRequest, Problem> {
        self.access.require_fresh(caller)?;
        for _ in 0..TRIES {
            let (mut pending, version) = self.load_pending(caller, id).await?;
            // Said before the policies are asked, who would say the same without a reason.
            if caller.has_asked(&pending) {
                return Err(of_fault(ApprovalFault::Own));
            }
            self.access.may(caller, Action::Approve, &Subject::Request(&pending))?;
            self.hold_to_today(&mut pending, ballot.approve).await?;
            let digest = hex(pending.approval.digest());
            if ballot.digest.is_some_and(|seen| seen != digest) {
                return Err(Problem::new(StatusCode::CONFLICT, "digest_mismatch")
                    .with_detail("that is another request than the one you saw: look at it again"));
            }
            self.check_signature(caller, id, &ballot, &digest).await?;
            let role = role(caller, &pending, &ballot)?;
            let vote = Vote {
                approver: caller.identity(),
                role: role.clone(),
                approve: ballot.approve,
                comment: ballot.comment.to_owned(),
                at: self.clock.now(),
                signature: ballot.signature.map(str::to_owned),
            };
            let state = pending.approval.vote(vote).map_err(of_fault)?;
            let event = BrokerEvent::ApprovalVoted {
                session_id: id,
                requester: pending.requester.identity(),
                role,
                approve: ballot.approve,
                comment: ballot.comment.to_owned(),
                digest,
                signature: ballot.signature.map(str::to_owned),
                state,
            };
            let notices = match state {
                ApprovalState::Pending => Vec::new(),
                _ => self.notifier.notices(Notice::Decided(&pending)),
            };
            if self.store.save_request(version, &pending, &caller.requester, event, notices).await? {
                return Ok(pending);
            }
        }
        Err(busy())
    }

    async fn check_signature(
        &self,
        caller: &Caller,
        id: SessionId,
        ballot: &Ballot<'_>,
        digest: &str,
    ) -> Result<(), Problem> {
        let Some(signature) = ballot.signature else {
            if self.settings.require_signature {
                return Err(Problem::new(StatusCode::FORBIDDEN, "signature_required").with_detail(
                    "approvals are signed here: use `tryaudex approve`, or register a key in the console",
                ));
            }
            return Ok(());
        };
        let user_id = caller.user_id.ok_or_else(|| Problem::forbidden("approve"))?;
        let keys = self.store.keys_of(user_id).await?;
        let about = (id, digest);
        verify_signature(signature, &keys, about, ballot, &caller.identity(), self.clock.now()).map_err(
            |fault| Problem::new(StatusCode::FORBIDDEN, "bad_signature").with_detail(fault.to_string()),
        )
    }
}

/// Returns the role somebody votes in: the one they name, else one of theirs that can still count.
fn role(caller: &Caller, pending: &PendingRequest, ballot: &Ballot<'_>) -> Result<String, Problem> {
    let approval = &pending.approval;
    let mut own = approval.roles().iter().filter(|role| caller.has_role(role)).peekable();
    if let Some(named) = ballot.role {
        let found = own.find(|role| *role == named).cloned();
        return found.ok_or_else(|| of_fault(ApprovalFault::Role));
    }
    let first = own.peek().map(|role| (*role).clone());
    let is_used = |role: &String| approval.votes().iter().any(|vote| vote.role == *role);
    let unused = own.find(|role| !is_used(role)).cloned();
    unused.or(first).ok_or_else(|| of_fault(ApprovalFault::Role))
}

pub(super) fn of_fault(fault: ApprovalFault) -> Problem {
    let (status, code) = match fault {
        ApprovalFault::Own => (StatusCode::FORBIDDEN, "own_request"),
        ApprovalFault::Role => (StatusCode::FORBIDDEN, "role_not_yours"),
        ApprovalFault::Again => (StatusCode::CONFLICT, "already_voted"),
        ApprovalFault::SameRole => (StatusCode::CONFLICT, "role_already_voted"),
        ApprovalFault::Comment => (StatusCode::BAD_REQUEST, "comment_needed"),
        ApprovalFault::Decided => (StatusCode::CONFLICT, "already_decided"),
        ApprovalFault::Expired => (StatusCode::CONFLICT, "request_expired"),
        ApprovalFault::NotApproved => (StatusCode::CONFLICT, "not_approved"),
        ApprovalFault::OtherRequest => (StatusCode::CONFLICT, "digest_mismatch"),
    };
    Problem::new(status, code).with_detail(fault.to_string())
}

pub(super) fn busy() -> Problem {
    Problem::new(StatusCode::CONFLICT, "busy")
        .with_detail("too many decide at this moment: try again")
        .with_retry_after(1)
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
