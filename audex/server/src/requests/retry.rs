//! One outcome for one key, whatever became of the answers.

use super::Asked;
use crate::{
    access::Caller,
    app::App,
    model::Ask,
    problem::Problem,
    store::{AnswerKey, AnswerState},
};
use audex_core::{IssueRequest, session::SessionId};
use chrono::TimeDelta;
use http::StatusCode;
use sha2::{Digest, Sha256};

/// How long a request may be under way before somebody else goes on with it, where it has not begun: longer than anything
/// waits to be written. It goes on under the same name, so that of two only one begins.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(30);

/// A request that is performed under a key.
pub(super) struct Keyed {
    pub(super) key: AnswerKey,
    pub(super) session_id: SessionId,
}

pub(super) enum Retry {
    /// It is the first, or nothing came of the ones before.
    Perform(Keyed),
    /// It has an outcome.
    Answer(Asked),
}

impl App {
    pub(super) async fn first_or_again(
        &self,
        caller: &Caller,
        key: &str,
        request: &IssueRequest,
        ask: &Ask,
        callback: Option<&str>,
        session_id: SessionId,
    ) -> Result<Retry, Problem> {
        let key = AnswerKey { identity: caller.identity(), key: key.to_owned() };
        let now = self.clock.now();
        let digest = digest(request, ask, callback);
        let state = self.store.begin_answer(&key, digest, session_id, now).await?;
        match state {
            AnswerState::New => Ok(Retry::Perform(Keyed { key, session_id })),
            AnswerState::OtherRequest => {
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
                    .with_detail("the Idempotency-Key was sent with another request: use a new one"))
            }
            AnswerState::Done { session_id } => self.again(session_id).await,
            AnswerState::Running { session_id, since } => {
                if let Some(answer) = self.found(session_id).await? {
                    return Ok(Retry::Answer(answer));
                }
                if now - since < UNDER_WAY {
                    return Err(Problem::new(StatusCode::CONFLICT, "in_progress")
                        .with_detail("the same request is under way: ask again in a moment")
                        .with_retry_after(1));
                }
                self.take_over(key, session_id).await
            }
        }
    }

    /// Lets the key be used again, of a request that came to nothing.
    pub(super) async fn forget(&self, keyed: &Keyed) {
        // A request that began before it failed keeps its key: it must not begin twice.
        let id = keyed.session_id;
        let is_nothing = matches!(self.store.session(id).await, Ok(None))
            && matches!(self.store.load_request(id).await, Ok(None));
        if !is_nothing {
            return;
        }
        if let Err(error) = self.store.forget_answer(&keyed.key).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a retry key stays in use");
        }
    }

    async fn again(&self, session_id: SessionId) -> Result<Retry, Problem> {
        match self.found(session_id).await? {
            Some(answer) => Ok(Retry::Answer(answer)),
            None => Self::lost(session_id),
        }
    }

    /// Finds the outcome of a request.
    async fn found(&self, session_id: SessionId) -> Result<Option<Asked>, Problem> {
        if let Some(handover) = self.store.handover(session_id, self.clock.now()).await? {
            // What was revoked meanwhile is not given again.
            let record = self.store.session(session_id).await?;
            if record.is_some_and(|record| !record.status.is_over()) {
                return Ok(Some(Asked::Issued(handover)));
            }
        }
        let pending = self.store.load_request(session_id).await?;
        Ok(pending.map(|(pending, _)| Asked::Again(Box::new(pending))))
    }

    /// Whoever performed it is gone: what did not begin is begun by us, under the same name.
    async fn take_over(&self, key: AnswerKey, session_id: SessionId) -> Result<Retry, Problem> {
        if self.store.session(session_id).await?.is_some() {
            return Self::lost(session_id);
        }
        Ok(Retry::Perform(Keyed { key, session_id }))
    }

    /// A session there is, and no answer to give again.
    fn lost(session_id: SessionId) -> Result<Retry, Problem> {
        let problem = Problem::new(StatusCode::CONFLICT, "answer_gone")
            .with("session_id", session_id.to_string())
            .with_detail(
                "it was answered before, and the answer is not kept any longer: use a new Idempotency-Key",
            );
        Err(problem)
    }
}

/// Tells requests apart that are sent with one key.
fn digest(request: &IssueRequest, ask: &Ask, callback: Option<&str>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(request.digest());
    for text in [ask.reason.as_deref(), callback] {
        let text = text.unwrap_or_default();
        digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}
