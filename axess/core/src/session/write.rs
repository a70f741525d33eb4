//! Writing: compare-and-swap, replay on a lost race, rotation, and the end of a session.

use super::{
    CookieAction, Input, Moment, SessionError, SessionHandle, codec,
    data::SessionData,
    handle::{Live, RowRef, owner_of},
    transition::{Effect, transition},
};
use crate::{
    authn::LogoutOutcome,
    store::{SaveOutcome, SessionEntry, SessionRow},
};
use axess_identity::SessionId;
use chrono::{DateTime, Utc};
use std::sync::{Arc, atomic::Ordering};

/// How often a lost compare-and-swap is tried again before giving up.
const MAX_RETRIES: usize = 16;

/// What became of a transition that was written at once.
#[derive(Debug)]
pub(crate) enum Advance {
    /// It is stored; these are the moments to record.
    Done(Vec<Moment>),
    /// The state does not allow it (any more). Nothing was written.
    Refused,
}

impl SessionHandle {
    /// Writes what is still dirty and says what to do with the cookie. Call it once, when the response is ready.
    ///
    /// Nothing is written when nothing changed, except when the lifetime is half over (sliding expiry) or the row must
    /// be sealed under a newer key.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] or [`SessionError::Contended`]; the changes are lost then, and the caller should answer
    /// with an error. A session that ended meanwhile is not an error: its changes are dropped and its cookie removed.
    pub async fn finish(&self) -> Result<CookieAction, SessionError> {
        let _turn = self.0.gate.lock().await;
        let due = {
            let live = self.live();
            let sliding = live.row.is_some_and(|row| row.expires_at - self.now() < self.0.sessions.0.ttl / 2)
                && live.row.is_some_and(|row| self.expiry(row.created_at) > row.expires_at);
            !live.changes.is_empty() || live.stale || sliding
        };
        if due {
            match self.write(None, false).await {
                Ok(_) | Err(SessionError::Ended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.live().cookie)
    }

    /// Writes the recorded changes now: for what must be stored before an answer is computed. Tells whether every
    /// change held on what other requests had written meanwhile.
    pub(crate) async fn commit(&self) -> Result<bool, SessionError> {
        let _turn = self.0.gate.lock().await;
        self.0.dropped.store(0, Ordering::Relaxed);
        self.write(None, false).await?;
        Ok(self.0.dropped.load(Ordering::Relaxed) == 0)
    }

    /// Applies `input` and writes the result at once, under a new id where the transition demands it.
    pub(crate) async fn advance(&self, input: Input) -> Result<Advance, SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        self.write(Some(input), false).await
    }

    /// Writes the session under a fresh id, whatever its state is.
    ///
    /// Call it where the application crosses a privilege boundary the library cannot see (a role grant, a tenant switch).
    ///
    /// # Errors
    ///
    /// [`SessionError::Ended`] when the session ended meanwhile; otherwise as [`SessionHandle::finish`].
    pub async fn regenerate(&self) -> Result<(), SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        self.write(None, true).await.map(|_| ())
    }

    /// Takes all authentication from the session but keeps it, under a fresh id: its user must log in again.
    ///
    /// # Errors
    ///
    /// [`SessionError::Ended`] when the session ended meanwhile; otherwise as [`SessionHandle::finish`].
    pub async fn drop_authentication(&self) -> Result<(), SessionError> {
        self.advance(Input::DropAuthentication).await.map(|_| ())
    }

    /// Ends the session: its row and whatever it was rotated into. The handle becomes a guest's.
    ///
    /// Prefer [`AuthnService::logout`](crate::service::AuthnService::logout), which also records the event.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when the store fails; the session is then not over.
    pub async fn clear(&self) -> Result<LogoutOutcome, SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        let (id, stored) = {
            let live = self.live();
            (live.id, live.row.is_some())
        };
        let ports = &self.0.sessions.0;
        let ended = if stored { ports.store.end(id, ports.clock.now()).await? } else { 0 };
        if let Some(registry) = &ports.registry {
            registry.deregister(id).await?;
        }
        self.reset(if stored { CookieAction::Remove } else { self.live().cookie });
        Ok(if ended > 0 { LogoutOutcome::Ended } else { LogoutOutcome::NothingToEnd })
    }

    async fn write(&self, mut input: Option<Input>, rotate: bool) -> Result<Advance, SessionError> {
        let ports = &self.0.sessions.0;
        for _ in 0..MAX_RETRIES {
            let now = ports.clock.now();
            let (mut data, row) = {
                let live = self.live();
                ((*live.data).clone(), live.row)
            };
            let mut plan = (Vec::new(), rotate, None);
            if let Some(step) = input.take() {
                let Ok(done) = transition(std::mem::take(&mut data.auth_state), step, &ports.policy, now)
                else {
                    return Ok(Advance::Refused);
                };
                data.auth_state = done.next;
                data.ceremony.prepared = None;
                plan = split(done.effects, done.spent, rotate);
            }
            let (moments, rotates, spent) = plan;
            if self.write_once(data, row, rotates, now).await? {
                return Ok(Advance::Done(moments));
            }
            // Lost: everything runs again on fresh data, with the same proof.
            input = spent;
            self.refresh(row).await?;
        }
        Err(SessionError::Contended)
    }

    /// Tries one conditional write; tells whether it won.
    async fn write_once(
        &self,
        mut data: SessionData,
        row: Option<RowRef>,
        rotate: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, SessionError> {
        let ports = &self.0.sessions.0;
        let old_id = self.live().id;
        let id = if rotate { SessionId::generate(&*ports.rng) } else { old_id };
        let created_at = row.map_or(now, |row| row.created_at);
        let expires_at = self.expiry(created_at);
        if rotate || row.is_none() {
            data.fingerprint = self.0.context.fingerprint;
        }
        // The browser is told again when the id is new or the promise made to it is more than half a lifetime behind.
        let behind = expires_at.timestamp() - data.cookie_until > ports.ttl.num_seconds() / 2;
        let reissue = rotate || row.is_none() || behind;
        if reissue {
            data.cookie_until = expires_at.timestamp();
        }
        let fresh = SessionRow {
            id,
            lineage: row.map_or(id, |row| row.lineage),
            version: if rotate { 1 } else { row.map_or(1, |row| row.version.saturating_add(1)) },
            owner: owner_of(&data.auth_state),
            payload: codec::encode(&id, &data, ports.crypto.as_ref(), &*ports.rng)?,
            created_at,
            expires_at,
        };
        let kept = RowRef { id, lineage: fresh.lineage, version: fresh.version, created_at, expires_at };
        let owner = fresh.owner;
        let outcome = match row {
            None => ports.store.insert(fresh).await?,
            Some(row) if rotate => ports.store.cycle(row.id, row.version, fresh, now).await?,
            Some(_) => ports.store.save(fresh).await?,
        };
        if outcome == SaveOutcome::Conflict {
            return Ok(false);
        }
        self.adopt(data, kept, reissue);
        if let (Some(registry), Some(owner)) = (&ports.registry, owner)
            && (rotate || row.is_none())
        {
            registry
                .register(SessionEntry { id, owner, created_at: now, expires_at }, row.map(|row| row.id))
                .await?;
        }
        Ok(true)
    }

    /// Makes what was written the base of what follows.
    fn adopt(&self, data: SessionData, row: RowRef, reissue: bool) {
        let mut live = self.live();
        live.id = row.id;
        live.row = Some(row);
        live.data = Arc::new(data);
        live.changes.clear();
        live.stale = false;
        if reissue {
            live.cookie = CookieAction::Issue { id: row.id, expires_at: row.expires_at };
        }
    }

    /// Reads the row again after a lost race and replays this request's changes on it.
    async fn refresh(&self, row: Option<RowRef>) -> Result<(), SessionError> {
        let sessions = &self.0.sessions;
        let Some(row) = row else {
            // A fresh id that exists already: draw another one.
            self.live().id = SessionId::generate(&*sessions.0.rng);
            return Ok(());
        };
        let Some((row, decoded)) = sessions.reload(row.id).await? else {
            self.reset(CookieAction::Keep);
            return Err(SessionError::Ended);
        };
        let now = self.now();
        let mut live = self.live();
        let mut data = decoded.data;
        live.changes.retain(|change| {
            let applied = change.apply(&mut data, &sessions.0.policy, now);
            if !applied {
                self.0.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(session = ?row.id, "dropped a session change that another request overtook");
            }
            applied
        });
        live.data = Arc::new(data);
        live.row = Some(row);
        Ok(())
    }

    /// Turns the handle into a guest's.
    fn reset(&self, cookie: CookieAction) {
        let mut live = self.live();
        let data = Arc::new(SessionData::default());
        *live = Live {
            id: SessionId::generate(&*self.0.sessions.0.rng),
            row: None,
            data,
            changes: Vec::new(),
            stale: false,
            cookie,
        };
    }

    fn expiry(&self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        let ports = &self.0.sessions.0;
        let sliding = ports.clock.now() + ports.ttl;
        ports.absolute_ttl.map_or(sliding, |ttl| sliding.min(created_at + ttl))
    }
}

fn split(effects: Vec<Effect>, spent: Option<Input>, rotate: bool) -> (Vec<Moment>, bool, Option<Input>) {
    let rotates = rotate || effects.contains(&Effect::RotateId);
    let moments = effects.into_iter().filter_map(|effect| match effect {
        Effect::Emit(moment) => Some(moment),
        Effect::Save | Effect::RotateId => None,
    });
    (moments.collect(), rotates, spent)
}

#[cfg(test)]
mod tests;
