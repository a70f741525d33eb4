use super::{AnswerKey, Store, StoreFault, sql::args, tx::Tx};
use crate::handover::Handover;
use audex_core::{Credential, session::SessionId};
use chrono::{DateTime, Utc};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// How many requests that may be sent again are known to be under way; of more, the answers of the oldest are not kept.
const MAX_KEYED: usize = 16_384;

const KEEP: &str = "INSERT INTO audex_handovers (id, sealed, until) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, until = excluded.until";
const REPLACE: &str = "UPDATE audex_handovers SET sealed = $2, until = $3 WHERE id = $1";
const DONE: &str =
    "UPDATE audex_answers SET is_done = 1 WHERE identity = $1 AND retry_key = $2 AND session_id = $3";
const LOAD: &str = "SELECT sealed FROM audex_handovers WHERE id = $1 AND until > $2";

/// The requests under way that may be sent again, by the session they may become.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyed(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<SessionId, AnswerKey>,
    order: VecDeque<SessionId>,
}

impl Keyed {
    pub(super) fn put(&self, id: SessionId, key: &AnswerKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.keys.insert(id, key.clone()).is_none() {
            known.order.push_back(id);
        }
        while known.order.len() > MAX_KEYED {
            if let Some(oldest) = known.order.pop_front() {
                known.keys.remove(&oldest);
            }
        }
    }

    pub(super) fn take(&self, id: SessionId) -> Option<AnswerKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys.remove(&id)
    }
}

/// A credential on its way into the database.
pub(super) struct Sealed {
    id: SessionId,
    bytes: Vec<u8>,
    until: DateTime<Utc>,
    /// Whether it is kept where none was kept of its session before.
    is_new: bool,
    answer: Option<AnswerKey>,
}

impl Sealed {
    /// Names the answer that it is of.
    pub(super) fn answers(self, answer: Option<&AnswerKey>) -> Self {
        Self { answer: answer.cloned(), ..self }
    }
}

impl Store {
    /// Finds what was handed over for a session, while it is kept.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn handover(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<Handover>, StoreFault> {
        let Some(row) = self.pool.fetch_optional(LOAD, args![id, now]).await? else { return Ok(None) };
        Ok(self.seal.open(id, &row.bytes("sealed")?))
    }

    /// Seals a credential, to be kept with what is written of its session.
    pub(super) fn seal(&self, id: SessionId, credential: &Credential, is_new: bool) -> Option<Sealed> {
        let until = credential.expires_at().min(self.clock.now() + Handover::KEPT);
        let bytes = self.seal.seal(id, credential)?;
        Some(Sealed { id, bytes, until, is_new, answer: None })
    }
}

/// Keeps a credential, and notes that its request was answered.
pub(super) async fn keep(tx: &mut Tx, sealed: Option<&Sealed>) -> Result<(), StoreFault> {
    let Some(Sealed { id, bytes, until, is_new, answer }) = sealed else { return Ok(()) };
    let sql = if *is_new { KEEP } else { REPLACE };
    tx.execute(sql, args![*id, bytes.clone(), *until]).await?;
    if let Some(AnswerKey { identity, key }) = answer {
        tx.execute(DONE, args![&**identity, &**key, *id]).await?;
    }
    Ok(())
}
