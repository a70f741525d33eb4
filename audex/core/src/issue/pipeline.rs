use super::{Denial, IssueRequest, Lease, Mismatch, NeededApproval, Plan, check::check, plan::plan};
use crate::{
    CredentialProvider, IssueRules, LedgerError, MintOrder, Minted, ProviderError, RateLedger,
    approval::Approved,
    audit::{BrokerEvent, Trail, TrailError},
    rate::RateLimited,
    session::{
        Ending, SCHEMA_VERSION, SessionFolder, SessionGuard, SessionId, SessionRecord, SessionStatus,
        SessionStoreError,
    },
};
use audex_policy::Provider;
use axess_clock::Clock;
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Issues credentials: the one place where it is decided, recorded and ordered.
///
/// ```
/// fn describe(issuer: &audex_core::Issuer) -> String {
///     format!("sessions are kept in {}", issuer.sessions.path().display())
/// }
/// ```
#[derive(Debug)]
pub struct Issuer {
    /// What requests are held against.
    pub rules: IssueRules,
    /// Who mints; at most one for each provider.
    pub providers: Vec<Arc<dyn CredentialProvider>>,
    /// Where evidence goes.
    pub trail: Arc<dyn Trail>,
    /// Where records are kept.
    pub sessions: SessionFolder,
    /// Where requests are counted.
    pub ledger: RateLedger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn SecureRng>,
}

/// Says why nothing is issued.
///
/// ```
/// use audex_core::IssueError;
/// use audex_policy::Provider;
/// assert_eq!(IssueError::NoProvider(Provider::Vault).to_string(), "vault is not configured");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The rules say no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Somebody else has to agree first.
    #[error("{0}")]
    ApprovalNeeded(NeededApproval),
    /// The approval that came with it is for another request.
    #[error("the approval is for another request")]
    OtherApproval,
    /// A limit is reached.
    #[error(transparent)]
    Limited(RateLimited),
    /// Nobody mints for this provider.
    #[error("{0} is not configured")]
    NoProvider(Provider),
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider answered something else than was ordered.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// It cannot be recorded, so it does not happen.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The session's record cannot be kept, so it does not happen.
    #[error(transparent)]
    Sessions(#[from] SessionStoreError),
    /// Requests cannot be counted, so it does not happen.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The session is over.
    #[error("the session ended at {0}")]
    Over(DateTime<Utc>),
}

impl From<LedgerError> for IssueError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Limited(limited) => Self::Limited(limited),
            LedgerError::Sessions(error) => Self::Sessions(error),
            other => Self::Ledger(other),
        }
    }
}

impl Issuer {
    /// Returns what would be issued, without leaving a trace.
    ///
    /// # Errors
    ///
    /// [`IssueError::Denied`] or [`IssueError::NoProvider`].
    pub fn plan(&self, request: &IssueRequest) -> Result<Plan, IssueError> {
        let provider = self.provider(request.request.provider())?;
        Ok(plan(&self.rules, provider.as_ref(), request, self.clock.now())?)
    }

    /// Decides as [`issue`](Self::issue) does, and records a refusal, without issuing.
    ///
    /// # Errors
    ///
    /// [`IssueError`], as for an issue.
    pub fn check(&self, request: &IssueRequest) -> Result<Plan, IssueError> {
        self.decide(SessionId::generate(&*self.rng), request, None).map(|(plan, _)| plan)
    }

    /// Issues a credential. `approved` is what the approval of exactly this request gave.
    ///
    /// # Errors
    ///
    /// [`IssueError`]; nothing is handed over then.
    pub async fn issue(
        &self,
        request: &IssueRequest,
        approved: Option<Approved>,
    ) -> Result<Lease, IssueError> {
        let session_id = SessionId::generate(&*self.rng);
        let (plan, approvers) = self.decide(session_id, request, approved)?;
        let now = self.clock.now();
        let mut record = record_of(session_id, request, &plan);
        let begin = || {
            let guard = self.sessions.take_new(session_id)?;
            self.sessions.save(&guard, &record)?;
            Ok(guard)
        };
        let who = &request.requester;
        let admitted = self.ledger.admit(&self.rules.rates, who, &self.sessions, now, begin);
        let guard =
            admitted.map_err(IssueError::from).map_err(|error| self.refused(session_id, request, error))?;
        let intent = created(&record, &plan, approvers);
        match self.intend_and_mint(&mut record, &guard, intent, &plan, now).await {
            Ok(minted) => Ok(Lease { record, plan, credential: minted.credential, guard }),
            Err(error) => {
                self.give_up(record, guard, &error).await;
                Err(error)
            }
        }
    }

    /// Returns who mints for a provider.
    ///
    /// # Errors
    ///
    /// [`IssueError::NoProvider`].
    pub fn provider(&self, provider: Provider) -> Result<&Arc<dyn CredentialProvider>, IssueError> {
        let found = self.providers.iter().find(|known| known.provider() == provider);
        found.ok_or(IssueError::NoProvider(provider))
    }

    /// Decides, and records a refusal.
    fn decide(
        &self,
        session_id: SessionId,
        request: &IssueRequest,
        approved: Option<Approved>,
    ) -> Result<(Plan, Vec<String>), IssueError> {
        let plan = self.plan(request).map_err(|error| self.refused(session_id, request, error))?;
        let Some(needed) = &plan.approval else { return Ok((plan, Vec::new())) };
        match approved {
            Some(approved) if approved.is_for(&request.digest()) => Ok((plan, approved.approvers().to_vec())),
            Some(_) => Err(self.refused(session_id, request, IssueError::OtherApproval)),
            None => {
                self.trail.record(
                    &request.requester,
                    BrokerEvent::ApprovalRequired {
                        session_id,
                        entry_point: request.entry_point,
                        provider: request.request.provider(),
                        asked: request.request.to_string(),
                        rules: needed.rules.clone(),
                        required: needed.required,
                    },
                )?;
                Err(IssueError::ApprovalNeeded(needed.clone()))
            }
        }
    }

    /// Records that nothing will be issued, where that is somebody's decision.
    fn refused(&self, session_id: SessionId, request: &IssueRequest, error: IssueError) -> IssueError {
        let is_decision =
            matches!(error, IssueError::Denied(_) | IssueError::Limited(_) | IssueError::OtherApproval);
        if !is_decision {
            return error;
        }
        let denied = BrokerEvent::RequestDenied {
            session_id,
            entry_point: request.entry_point,
            provider: request.request.provider(),
            asked: request.request.to_string(),
            reason: error.to_string(),
        };
        // A refusal that cannot be recorded is one all the same; that it could not be is the greater trouble.
        self.trail.record(&request.requester, denied).map_or_else(IssueError::from, |()| error)
    }

    async fn intend_and_mint(
        &self,
        record: &mut SessionRecord,
        guard: &SessionGuard,
        intent: BrokerEvent,
        plan: &Plan,
        now: DateTime<Utc>,
    ) -> Result<Minted, IssueError> {
        self.trail.record(&record.requester, intent)?;
        let minted = self.mint(record, &self.order(record, plan, now), false).await?;
        self.sessions.save(guard, record)?;
        Ok(minted)
    }

    /// Mints, checks and records the outcome. What was minted is in the record, also when it is not handed over.
    pub(super) async fn mint(
        &self,
        record: &mut SessionRecord,
        order: &MintOrder,
        refreshed: bool,
    ) -> Result<Minted, IssueError> {
        let session_id = order.session_id;
        let provider = self.provider(order.grant.provider())?;
        let mut access_key_id = None;
        let minted = match provider.mint(order).await {
            Ok(minted) => {
                let (now, credential) = (self.clock.now(), &minted.credential);
                let checked = check(order, &minted, now);
                if checked != Err(Mismatch::Id) {
                    record.add_credential(credential.id(), now, credential.expires_at());
                    access_key_id = Some(credential.id().to_owned());
                }
                checked.map(|()| minted).map_err(IssueError::from)
            }
            Err(error) => Err(error.into()),
        };
        let event = match &minted {
            Ok(minted) => BrokerEvent::CredentialsIssued {
                session_id,
                access_key_id: minted.credential.id().to_owned(),
                expires_at: minted.credential.expires_at(),
                account: minted.account.clone(),
                subject: minted.subject.clone(),
                refreshed,
            },
            Err(error) => {
                BrokerEvent::CredentialsFailed { session_id, access_key_id, reason: error.to_string() }
            }
        };
        self.trail.record(&order.requester, event)?;
        minted
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
    async fn give_up(&self, mut record: SessionRecord, guard: SessionGuard, error: &IssueError) {
        self.retire(&mut record).await;
        let ending = Ending { reason: Some(error.to_string()), ..Ending::default() };
        let finished = self.finish(&mut record, &guard, SessionStatus::Failed, ending);
        // What cannot be recorded now is found abandoned later. The caller hears of what came first.
        if finished.is_ok() {
            let _ = self.sessions.release(guard);
        }
    }
}

fn record_of(session_id: SessionId, request: &IssueRequest, plan: &Plan) -> SessionRecord {
    SessionRecord {
        schema_version: SCHEMA_VERSION,
        session_id,
        status: SessionStatus::Active,
        requester: request.requester.clone(),
        entry_point: request.entry_point,
        provider: request.request.provider(),
        target: plan.shape.target.clone(),
        asked: request.request.to_string(),
        grant: plan.grant.clone(),
        command: request.command.shown().to_vec(),
        delivery: request.delivery,
        ttl: plan.ttl,
        created_at: plan.times.deadline() - plan.ttl.delta(),
        deadline: plan.times.deadline(),
        budget_usd: request.budget,
        credentials: Vec::new(),
        keeper_pid: Some(std::process::id()),
        ended_at: None,
        ending: None,
    }
}

fn created(record: &SessionRecord, plan: &Plan, approvers: Vec<String>) -> BrokerEvent {
    let texts = |set: &audex_policy::PermissionSet| set.iter().map(ToString::to_string).collect();
    BrokerEvent::SessionCreated {
        session_id: record.session_id,
        entry_point: record.entry_point,
        provider: record.provider,
        role_arn: record.target.clone(),
        ttl_seconds: record.ttl.seconds(),
        asked: record.asked.clone(),
        actions: texts(plan.grant.allow()),
        denied: texts(plan.grant.deny()),
        command: record.command.clone(),
        delivery: record.delivery,
        deadline: record.deadline,
        policy: plan.shape.document.clone(),
        budget_usd: record.budget_usd,
        approvers,
    }
}
