//! Writing: compare-and-swap, replay on a lost race, rotation, and the end of a session.

use super::{
    Change, CookieAction, Input, Moment, SessionError, SessionHandle, codec,
    data::SessionData,
    handle::{Live, RowRef, row_owner},
    transition::{Effect, transition},
};
use crate::{
    authn::LogoutOutcome,
    store::{SaveOutcome, SessionEntry, SessionRow},
};
use axess_identity::{SessionId, TokenFamilyId};
use chrono::{DateTime, Utc};
use std::sync::Arc;

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

/// What a write must do besides writing what was recorded, or not happen at all.
enum Demand {
    Step(Input),
    Change(Change),
}

/// What a write starts from.
struct Base {
    row: Option<RowRef>,
    data: Arc<SessionData>,
    /// How many recorded changes are in the data.
    changes: usize,
}

impl SessionHandle {
    /// Writes what is still dirty and says what to do with the cookie.
    ///
    /// Call it once, when the response is ready.
    ///
    /// Nothing is written when nothing changed, except when the lifetime was half over at the load (sliding expiry) or
    /// the row must be sealed under a newer key.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] or [`SessionError::Contended`]; the changes are lost then, and the caller should answer
    /// with an error. A session that ended meanwhile is not an error: its changes are dropped and no cookie is issued.
    pub async fn finish(&self) -> Result<CookieAction, SessionError> {
        // Most requests only read: no other write can be under way that this one would have to wait for.
        if !self.is_touched() {
            let live = self.live();
            if !live.is_due() {
                return Ok(live.cookie);
            }
        }
        let _turn = self.0.gate.lock().await;
        if self.live().is_due() {
            // Boxed, so that a request that writes nothing does not carry the room for it.
            match Box::pin(self.write(None, false)).await {
                Ok(_) | Err(SessionError::Ended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.live().cookie)
    }

    /// Does `change` and writes at once: for what must be stored before an answer is computed. Tells whether it applied
    /// to what was stored; nothing was written when it did not.
    pub(crate) async fn commit(&self, change: Change) -> Result<bool, SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        Ok(matches!(self.write(Some(Demand::Change(change)), false).await?, Advance::Done(_)))
    }

    /// Applies `input` and writes the result at once, under a new id where the transition demands it.
    pub(crate) async fn advance(&self, input: Input) -> Result<Advance, SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        self.write(Some(Demand::Step(input)), false).await
    }

    /// Writes the session under a fresh id, whatever its state is.
    ///
    /// Prefer [`AuthnService::rotate_session`](crate::service::AuthnService::rotate_session), which also records the event.
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
    /// It records no event: whoever calls it records why.
    ///
    /// # Errors
    ///
    /// [`SessionError::Ended`] when the session ended meanwhile; otherwise as [`SessionHandle::finish`].
    pub async fn drop_authentication(&self) -> Result<(), SessionError> {
        self.advance(Input::DropAuthentication).await.map(|_| ())
    }

    /// Ends the session: its row and whatever it was rotated into.
    ///
    /// The handle becomes a guest's.
    ///
    /// Prefer [`AuthnService::logout`](crate::service::AuthnService::logout), which also records the event.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] when the store fails; the session is then not over.
    pub async fn clear(&self) -> Result<LogoutOutcome, SessionError> {
        self.touch();
        let _turn = self.0.gate.lock().await;
        let (id, stored, owner, cookie) = {
            let live = self.live();
            // A request may come with an id that was rotated away meanwhile: its successor ends too.
            let id = live.row.map(|row| row.id).or(live.dead);
            (id, live.row.is_some(), row_owner(&live.data.auth_state), live.cookie)
        };
        let Some(id) = id else {
            self.reset(None, cookie);
            return Ok(LogoutOutcome::NothingToEnd);
        };
        let ports = &self.0.sessions.0;
        let ended = ports.store.end(id, ports.clock.now()).await? > 0;
        if let (Some(registry), Some(owner)) = (&ports.registry, owner) {
            registry.deregister(owner, id).await?;
        }
        self.reset(None, if stored || ended { CookieAction::Remove } else { cookie });
        Ok(if ended { LogoutOutcome::Ended } else { LogoutOutcome::NothingToEnd })
    }

    /// Takes the user from the stored session, so that nothing can be bound to it any more, and returns the family of
    /// refresh tokens it was bound to; `None` as well when it is over already, or written so much that this write lost.
    pub(crate) async fn retire(&self) -> Result<Option<TokenFamilyId>, SessionError> {
        if !self.is_stored() {
            return Ok(None);
        }
        let (owner, id) = (self.bound_owner(), self.session_id());
        match self.commit(Change::Retire).await {
            Ok(_) => {
                if let (Some(registry), Some(owner)) = (self.sessions().registry(), owner) {
                    registry.deregister(owner, id).await?;
                }
                Ok(self.refresh_family())
            }
            Err(SessionError::Ended | SessionError::Contended) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, mut demand: Option<Demand>, rotate: bool) -> Result<Advance, SessionError> {
        let ports = &self.0.sessions.0;
        for _ in 0..MAX_RETRIES {
            let now = ports.clock.now();
            let base = {
                let live = self.live();
                Base { row: live.row, data: Arc::clone(&live.data), changes: live.changes.len() }
            };
            let mut data = (*base.data).clone();
            let (moments, rotates, again) = match demand.take() {
                None => (Vec::new(), rotate, None),
                Some(Demand::Change(change)) => {
                    if !change.apply(&mut data, &ports.policy, now) {
                        return Ok(Advance::Refused);
                    }
                    (Vec::new(), rotate, Some(Demand::Change(change)))
                }
                Some(Demand::Step(input)) => {
                    let state = std::mem::take(&mut data.auth_state);
                    let (bound, vouched) = (input.binds(), input.vouches());
                    let Ok(done) = transition(state, input, &ports.policy, now) else {
                        return Ok(Advance::Refused);
                    };
                    data.enter(done.next);
                    if let Some((device, family)) = bound {
                        (data.device, data.refresh_family) = (device, Some(family));
                    }
                    if let Some((login, begins)) = vouched {
                        data.vouch(login, begins);
                    }
                    data.change_ceremony(|ceremony| ceremony.prepared = None);
                    split(done.effects, done.spent, rotate)
                }
            };
            if self.write_once(data, &base, rotates, now).await? {
                return Ok(Advance::Done(moments));
            }
            // Lost: everything runs again on fresh data, with the same proof.
            demand = again;
            self.refresh(base.row).await?;
        }
        Err(SessionError::Contended)
    }

    /// Tries one conditional write; tells whether it won.
    async fn write_once(
        &self,
        mut data: SessionData,
        base: &Base,
        rotate: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, SessionError> {
        let ports = &self.0.sessions.0;
        let row = base.row;
        let old_id = self.session_id();
        let id = if rotate { SessionId::generate(&*ports.rng) } else { old_id };
        let created_at = row.map_or(now, |row| row.created_at);
        let ends = data.must_end_at();
        let expires_at = self.0.sessions.expiry(created_at, now, ends);
        if rotate || row.is_none() {
            data.fingerprint = self.0.context.fingerprint;
        }
        let told = data.cookie_until;
        let reissue = rotate || row.is_none() || self.0.sessions.cookie_is_due(told, created_at, now, ends);
        if reissue {
            data.cookie_until = expires_at.timestamp();
        }
        let fresh = SessionRow {
            id,
            lineage: row.map_or(id, |row| row.lineage),
            version: if rotate { 1 } else { row.map_or(1, |row| row.version.saturating_add(1)) },
            owner: row_owner(&data.auth_state),
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
        self.adopt(data, base.changes, kept, reissue);
        // As often as the cookie: an entry that kept its first expiry would end a session that is in use.
        if let (Some(registry), Some(owner)) = (&ports.registry, owner)
            && reissue
        {
            registry
                .register(SessionEntry { id, owner, created_at: now, expires_at }, row.map(|row| row.id))
                .await?;
        }
        Ok(true)
    }

    /// Makes what was written, with its first `written` changes, the base of what follows. A change that was recorded
    /// while the write was on its way stays to be written.
    fn adopt(&self, mut data: SessionData, written: usize, row: RowRef, reissue: bool) {
        let (policy, now) = (&self.0.sessions.0.policy, self.now());
        let mut live = self.live();
        live.id = Some(row.id);
        live.row = Some(row);
        live.dead = None;
        live.changes.drain(..written);
        live.changes.retain(|change| change.apply(&mut data, policy, now));
        live.data = Arc::new(data);
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
            self.live().id = None;
            return Ok(());
        };
        let Some((row, decoded)) = sessions.reload(row.id).await? else {
            self.reset(Some(row.id), CookieAction::Keep);
            return Err(SessionError::Ended);
        };
        let now = self.now();
        let mut live = self.live();
        let mut data = decoded.data;
        live.changes.retain(|change| {
            let applied = change.apply(Arc::make_mut(&mut data), &sessions.0.policy, now);
            if !applied {
                tracing::debug!(session = ?row.id, "dropped a session change that another request overtook");
            }
            applied
        });
        live.data = data;
        live.row = Some(row);
        Ok(())
    }

    /// Turns the handle into a guest's.
    fn reset(&self, dead: Option<SessionId>, cookie: CookieAction) {
        *self.live() = Live::guest(dead, cookie);
    }
}

impl Live {
    /// Tells whether there is anything to write.
    fn is_due(&self) -> bool {
        self.stale || !self.changes.is_empty()
    }
}

fn split(effects: Vec<Effect>, spent: Option<Input>, rotate: bool) -> (Vec<Moment>, bool, Option<Demand>) {
    let rotates = rotate || effects.contains(&Effect::RotateId);
    let moments = effects.into_iter().filter_map(|effect| match effect {
        Effect::Emit(moment) => Some(moment),
        Effect::Save | Effect::RotateId => None,
    });
    (moments.collect(), rotates, spent.map(Demand::Step))
}

#[cfg(test)]
mod tests;
