//! What operators do with stored sessions as a whole: sealing them under a new key, reading and copying single ones.

use super::{SessionData, SessionError, Sessions, codec, handle::row_owner};
use crate::store::{SaveOutcome, ScanCursor, SessionRow, Store, StoreError, StoreErrorKind, StoreFuture};
use axess_identity::SessionId;
use chrono::{DateTime, Utc};

/// How often a write is tried against other writers.
const MAX_RETRIES: usize = 8;

/// How far a pass over all sessions got.
///
/// ```
/// use axess_core::session::ResealProgress;
/// let done = ResealProgress { seen: 100, resealed: 7, next: None };
/// assert!(done.next.is_none(), "nothing is left under an old key");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealProgress {
    /// How many sessions were looked at.
    pub seen: u64,
    /// How many were sealed again.
    pub resealed: u64,
    /// Where to go on; `None` when the pass is complete.
    pub next: Option<ScanCursor>,
}

impl Sessions {
    /// Seals about `limit` sessions under the current key and in the current schema where they are not yet.
    ///
    /// Sessions in use are sealed again as they are loaded; a pass over the rest lets an old key be retired before the
    /// longest session has ended. Call it with [`ResealProgress::next`] until that is `None`. It may be stopped and begun
    /// again at any time, and never wins against a request that writes the session.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when the store fails.
    pub async fn reseal(
        &self,
        after: Option<ScanCursor>,
        limit: usize,
    ) -> Result<ResealProgress, SessionError> {
        let page = self.0.store.scan(after, self.0.clock.now(), limit).await?;
        let mut progress = ResealProgress { seen: 0, resealed: 0, next: page.next };
        for row in page.rows {
            progress.seen += 1;
            let decoded = codec::decode(&row.id, &row.payload, self.0.crypto.as_ref());
            let Some(decoded) = decoded.filter(|decoded| decoded.stale) else { continue };
            let payload = codec::encode(&row.id, &decoded.data, self.0.crypto.as_ref(), &*self.0.rng)?;
            let fresh = SessionRow { version: row.version.saturating_add(1), payload, ..row };
            let saved = self.0.store.save(fresh).await? == SaveOutcome::Saved;
            progress.resealed += u64::from(saved);
        }
        Ok(progress)
    }
}

/// Sessions as values by id, whatever the backend.
///
/// It is for operators' tools: looking at a session, or copying it to another backend. `set` writes what [`Store::get`]
/// gave; there is no other way to make [`SessionData`] that is authenticated.
impl Store<SessionId, SessionData> for Sessions {
    fn get(&self, id: SessionId, now: DateTime<Utc>) -> StoreFuture<'_, Option<SessionData>> {
        Box::pin(async move {
            let Some(row) = self.0.store.load(id, now).await? else { return Ok(None) };
            let decoded = codec::decode(&id, &row.payload, self.0.crypto.as_ref());
            let decoded = decoded.ok_or_else(|| StoreError::bare(StoreErrorKind::Corrupt))?;
            Ok(Some((*decoded.data).clone()))
        })
    }

    fn set(&self, id: SessionId, data: SessionData, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let now = self.0.clock.now();
            let payload = codec::encode(&id, &data, self.0.crypto.as_ref(), &*self.0.rng)
                .map_err(|error| StoreError::new(StoreErrorKind::Misuse, error))?;
            for _ in 0..MAX_RETRIES {
                let known = self.0.store.load(id, now).await?;
                let fresh = SessionRow {
                    id,
                    lineage: known.as_ref().map_or(id, |row| row.lineage),
                    version: known.as_ref().map_or(0, |row| row.version).saturating_add(1),
                    owner: row_owner(&data.auth_state),
                    payload: payload.clone(),
                    created_at: known.as_ref().map_or(now, |row| row.created_at),
                    expires_at,
                };
                let outcome = match known {
                    None => self.0.store.insert(fresh).await?,
                    Some(_) => self.0.store.save(fresh).await?,
                };
                if outcome == SaveOutcome::Saved {
                    return Ok(());
                }
            }
            Err(StoreError::new(StoreErrorKind::Unavailable, SessionError::Contended))
        })
    }

    fn delete(&self, id: SessionId) -> StoreFuture<'_, bool> {
        Box::pin(async move { Ok(self.0.store.end(id, self.0.clock.now()).await? > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::InMemorySessionStore,
        session::{AuthState, RequestContext, SessionCrypto},
    };
    use axess_clock::{Clock, MockClock};
    use std::sync::Arc;

    fn sessions(store: &InMemorySessionStore, crypto: SessionCrypto) -> Sessions {
        Sessions::new(store.clone()).with_clock(Arc::new(MockClock::default())).with_crypto(crypto)
    }

    #[tokio::test]
    async fn a_pass_leaves_nothing_under_the_old_key() {
        let store = InMemorySessionStore::new();
        let old = sessions(&store, SessionCrypto::new([1; 32]).unwrap());
        let mut ids = Vec::new();
        for n in 0..25 {
            let session = old.open(None, RequestContext::default()).await.unwrap();
            session.set_custom("n", &n).unwrap();
            session.finish().await.unwrap();
            ids.push(session.session_id());
        }
        let both = SessionCrypto::new([2; 32]).unwrap().with_previous_key([1; 32]).unwrap();
        let (rotating, mut next, mut resealed) = (sessions(&store, both), None, 0);
        loop {
            let progress = rotating.reseal(next, 10).await.unwrap();
            resealed += progress.resealed;
            next = progress.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(resealed, 25);
        let new = sessions(&store, SessionCrypto::new([2; 32]).unwrap());
        for (n, id) in ids.into_iter().enumerate() {
            let session = new.open(Some(id), RequestContext::default()).await.unwrap();
            assert_eq!(session.get_custom("n").unwrap(), Some(n), "the old key can be retired");
        }
        assert_eq!(rotating.reseal(None, 100).await.unwrap().resealed, 0);
    }

    #[tokio::test]
    async fn a_session_can_be_copied_to_another_backend() {
        let (from, to) = (InMemorySessionStore::new(), InMemorySessionStore::new());
        let from = sessions(&from, SessionCrypto::new([1; 32]).unwrap());
        let to = sessions(&to, SessionCrypto::new([2; 32]).unwrap());
        let session = from.open(None, RequestContext::default()).await.unwrap();
        session.set_custom("theme", &"dark").unwrap();
        session.finish().await.unwrap();
        let (id, now) = (session.session_id(), from.clock().now());

        let from: Arc<dyn Store<SessionId, SessionData>> = Arc::new(from);
        let to: Arc<dyn Store<SessionId, SessionData>> = Arc::new(to);
        let data = from.get(id, now).await.unwrap().expect("stored");
        assert_eq!(*data.auth_state(), AuthState::Guest);
        for _ in 0..2 {
            to.set(id, data.clone(), now + chrono::TimeDelta::hours(1)).await.unwrap();
        }
        let copy = to.get(id, now).await.unwrap().expect("copied");
        assert_eq!(copy.custom("theme"), Some(&serde_json::json!("dark")));
        assert!(to.delete(id).await.unwrap() && !to.delete(id).await.unwrap());
        assert!(to.get(id, now).await.unwrap().is_none());
    }
}
