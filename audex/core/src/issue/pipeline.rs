use super::{Denial, IssueRequest, Lease, Mismatch, NeededApproval, Plan, plan::plan};
use crate::{
    CredentialProvider, IssueRules, LedgerError, ProviderError,
    approval::Approved,
    audit::{BrokerEvent, TrailError},
    rate::RateLimited,
    session::{
        Beginning, EntryPoint, LocalSessions, SCHEMA_VERSION, SessionId, SessionRecord, SessionStatus,
        SessionStore, SessionStoreError,
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
///     format!("sessions are kept in {}", issuer.store.folder.path().display())
/// }
/// ```
#[derive(Debug)]
pub struct Issuer<S = LocalSessions> {
    /// What requests are held against.
    pub rules: IssueRules,
    /// Who mints; at most one for each provider.
    pub providers: Vec<Arc<dyn CredentialProvider>>,
    /// Where records and evidence are kept, and requests are counted.
    pub store: S,
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
    /// The approval that came with it is for something else than the rules make of the request now, or by too few.
    #[error("what was approved has changed: ask again")]
    OtherApproval,
    /// The approval was used already, or is no more.
    #[error("the approval was used already")]
    ApprovalUsed,
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
    /// The store of a server failed, so it does not happen.
    #[error("what is kept of sessions cannot be written or read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
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

impl<S: SessionStore> Issuer<S> {
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
    pub async fn check(&self, request: &IssueRequest) -> Result<Plan, IssueError> {
        let session_id = SessionId::generate(&*self.rng);
        self.decide(session_id, request, None).await.map(|(plan, _)| plan)
    }

    /// Issues a credential. `approved` is what the approval of exactly this gave: it names the session, so it comes with its id.
    ///
    /// # Errors
    ///
    /// [`IssueError`]; nothing is handed over then.
    pub async fn issue(
        &self,
        request: &IssueRequest,
        approved: Option<Approved>,
    ) -> Result<Lease<S::Hold>, IssueError> {
        self.issue_as(SessionId::generate(&*self.rng), request, approved).await
    }

    /// Issues a credential for a session whose id is known already, as that of a request that waited for approval.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub async fn issue_as(
        &self,
        session_id: SessionId,
        request: &IssueRequest,
        approved: Option<Approved>,
    ) -> Result<Lease<S::Hold>, IssueError> {
        let (plan, approved) = self.decide(session_id, request, approved).await?;
        let now = self.clock.now();
        let mut record = record_of(session_id, request, &plan);
        let mut events = vec![created(&record, &plan, approved.as_ref())];
        let order = self.order(&record, &plan, now);
        // What is minted without telling anybody exists only when it is handed over: its intent and its outcome are
        // written at once, before that.
        let is_offline = self.provider(record.provider)?.mints_offline();
        let mut minted = None;
        if is_offline {
            let (answer, outcome) = self.mint(&order, false).await;
            if answer.is_ok() {
                events.extend(record.take(&outcome, now)?.into_iter().map(|(_, event)| event));
            }
            minted = Some((answer, outcome));
        }
        let credential = match &minted {
            Some((Ok(minted), _)) => Some(&minted.credential),
            _ => None,
        };
        let rates = self.rules.rates.as_slice();
        let beginning = Beginning { record: &record, events, rates, approved, credential, now };
        let hold = match self.store.begin(beginning).await {
            Ok(hold) => hold,
            Err(error) => return Err(self.refused(session_id, request, error).await),
        };
        let minted = match minted {
            Some((Ok(minted), _)) => Ok(minted),
            Some((answer, outcome)) => self.outcome(&hold, &mut record, outcome, answer).await,
            None => {
                let (answer, outcome) = self.mint(&order, false).await;
                self.outcome(&hold, &mut record, outcome, answer).await
            }
        };
        match minted {
            Ok(minted) => Ok(Lease { record, plan, credential: minted.credential, hold }),
            Err(error) => {
                self.give_up(record, hold, &error).await;
                Err(error)
            }
        }
    }

    /// Records that a request is refused that never came to be issued, as by a limit, and returns why.
    pub async fn refuse(
        &self,
        session_id: SessionId,
        request: &IssueRequest,
        error: IssueError,
    ) -> IssueError {
        self.refused(session_id, request, error).await
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
    async fn decide(
        &self,
        session_id: SessionId,
        request: &IssueRequest,
        approved: Option<Approved>,
    ) -> Result<(Plan, Option<Approved>), IssueError> {
        let plan = match self.plan(request) {
            Ok(plan) => plan,
            Err(error) => return Err(self.refused(session_id, request, error).await),
        };
        let Some(approved) = approved else {
            let Some(needed) = &plan.approval else { return Ok((plan, None)) };
            let event = BrokerEvent::approval_required(session_id, request, needed, plan.ttl);
            self.store.note(&request.requester, event).await?;
            return Err(IssueError::ApprovalNeeded(needed.clone()));
        };
        // What was agreed to is what today's rules make of the request, by as many as they ask for.
        let is_this = approved.is_for(&plan.proposal(session_id, request).digest())
            && plan.approval.as_ref().is_none_or(|needed| approved.meets(needed));
        if !is_this {
            return Err(self.refused(session_id, request, IssueError::OtherApproval).await);
        }
        Ok((plan, Some(approved)))
    }

    /// Records that nothing will be issued, where that is somebody's decision.
    ///
    /// That somebody was faster with the same approval, or took it back, is none.
    async fn refused(&self, session_id: SessionId, request: &IssueRequest, error: IssueError) -> IssueError {
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
        self.store.note(&request.requester, denied).await.map_or_else(|trouble| trouble, |()| error)
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
        keeper_pid: (request.entry_point != EntryPoint::Server).then(std::process::id),
        ended_at: None,
        ending: None,
    }
}

fn created(record: &SessionRecord, plan: &Plan, approved: Option<&Approved>) -> BrokerEvent {
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
        approvers: approved.map(|approved| approved.approvers().to_vec()).unwrap_or_default(),
    }
}
