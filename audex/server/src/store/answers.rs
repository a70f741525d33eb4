use super::{Store, StoreFault, sql::args, tx::Tx, writer::Work};
use audex_core::session::SessionId;
use chrono::{DateTime, TimeDelta, Utc};

/// How long it is known that an answer was given.
const ANSWERS_KEPT: TimeDelta = TimeDelta::hours(24);

const BEGIN: &str = "INSERT INTO audex_answers (identity, retry_key, digest, session_id, since, is_done)
    VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (identity, retry_key) DO UPDATE SET digest = excluded.digest,
    session_id = excluded.session_id, since = excluded.since, is_done = 0 WHERE audex_answers.since <= $6";
const LOOK: &str =
    "SELECT digest, session_id, since, is_done FROM audex_answers WHERE identity = $1 AND retry_key = $2";
const FORGET: &str = "DELETE FROM audex_answers WHERE identity = $1 AND retry_key = $2";

/// Names a request that may be sent again.
///
/// ```
/// use audex_server::store::AnswerKey;
/// let key = AnswerKey { identity: "alice@example.com".into(), key: "7f3a".into() };
/// assert_eq!(key.clone(), key);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerKey {
    /// Whose it is, by the name that limits are counted under.
    pub identity: String,
    /// What they call it.
    pub key: String,
}

/// Where a request stands that may have been sent before.
///
/// ```
/// use audex_server::store::AnswerState;
/// assert_ne!(AnswerState::New, AnswerState::OtherRequest);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerState {
    /// It was not sent before, in the last day: it is the caller's to carry out.
    New,
    /// It is being carried out, or whoever did so stopped in the middle.
    Running {
        /// Its session.
        session_id: SessionId,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Another request was sent under this key.
    OtherRequest,
    /// It was answered.
    Done {
        /// Its session.
        session_id: SessionId,
    },
}

impl Store {
    /// Begins to answer a request that may be sent again; of any number that do at once, one is told that it is new.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn begin_answer(
        &self,
        key: &AnswerKey,
        digest: [u8; 32],
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<AnswerState, StoreFault> {
        let state = self.write(Begin { key: key.clone(), digest, session_id, now }).await?;
        match state {
            AnswerState::New => self.keyed.put(session_id, key),
            // Who began it may be gone, and this one may take over.
            AnswerState::Running { session_id, .. } => self.keyed.put(session_id, key),
            AnswerState::OtherRequest | AnswerState::Done { .. } => {}
        }
        Ok(state)
    }

    /// Forgets that a request was sent, as when it was refused.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn forget_answer(&self, key: &AnswerKey) -> Result<(), StoreFault> {
        self.write(Forget { key: key.clone() }).await
    }

    /// Deletes what was handed over long enough ago, answers older than a day, and invitations that have expired.
    ///
    /// Returns how many of what was handed over.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn sweep_handovers(&self, now: DateTime<Utc>) -> Result<u64, StoreFault> {
        self.write(Sweep { now }).await
    }
}

struct Begin {
    key: AnswerKey,
    digest: [u8; 32],
    session_id: SessionId,
    now: DateTime<Utc>,
}

impl Work for Begin {
    type Out = AnswerState;

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<AnswerState, StoreFault> {
        let AnswerKey { identity, key } = &self.key;
        let forgotten = self.now - ANSWERS_KEPT;
        let args = args![&**identity, &**key, &self.digest, self.session_id, self.now, forgotten];
        if tx.execute(BEGIN, args).await? > 0 {
            return Ok(AnswerState::New);
        }
        let row = tx.fetch_optional(LOOK, args![&**identity, &**key]).await?;
        let row = row.ok_or(StoreFault::Conflict)?;
        if row.digest("digest")? != self.digest {
            return Ok(AnswerState::OtherRequest);
        }
        let session_id = row.session("session_id")?;
        Ok(match row.int("is_done")? {
            0 => AnswerState::Running { session_id, since: row.time("since")? },
            _ => AnswerState::Done { session_id },
        })
    }
}

struct Forget {
    key: AnswerKey,
}

impl Work for Forget {
    type Out = ();

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.execute(FORGET, args![&*self.key.identity, &*self.key.key]).await.map(drop)
    }
}

struct Sweep {
    now: DateTime<Utc>,
}

impl Work for Sweep {
    type Out = u64;

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<u64, StoreFault> {
        let swept = tx.execute("DELETE FROM audex_handovers WHERE until <= $1", args![self.now]).await?;
        let old = self.now - ANSWERS_KEPT;
        tx.execute("DELETE FROM audex_answers WHERE since <= $1", args![old]).await?;
        tx.execute("DELETE FROM audex_invitations WHERE expires_at <= $1", args![self.now]).await?;
        Ok(swept)
    }
}
