//! The same random calls on the store and on the reference; every answer must be the same.

use super::*;
use axess_core::memory::MemoryRefreshTokenStore;
use std::sync::Arc;

const STEPS: i64 = 300;

/// Both stores, and what the calls draw from. Nothing expires in a run: what is kept of an expired token is open.
struct Twins<'s, S> {
    store: &'s S,
    model: MemoryRefreshTokenStore,
    ground: Ground,
    owners: Vec<Owner>,
    known: Vec<RefreshToken>,
    second: i64,
}

pub(super) async fn any_sequence_answers_as_in_memory<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let mut twins = Twins {
        store: &*store,
        model: MemoryRefreshTokenStore::new(),
        owners: ground.owners().to_vec(),
        known: Vec::new(),
        ground: ground.clone(),
        second: 0,
    };
    for second in 0..STEPS {
        twins.second = second;
        twins.step().await?;
    }
    Ok(())
}

impl<S: RefreshTokenStore> Twins<'_, S> {
    async fn step(&mut self) -> Verdict {
        match self.ground.below(12) {
            0..=3 => self.issue().await?,
            4..=6 => self.rotate().await?,
            7..=8 => self.revoke().await?,
            9 => self.extend().await?,
            10 => self.take().await?,
            _ => {}
        }
        self.compare().await
    }

    async fn issue(&mut self) -> Verdict {
        let owner = self.owner();
        let siblings: Vec<_> = self.known.iter().filter(|token| token.owner == owner).cloned().collect();
        let mut token = RefreshToken { issued_at: self.ground.at(self.second), ..fresh(&self.ground, owner) };
        if let Some(sibling) = self.ground.pick(&siblings).filter(|_| self.ground.chance(60)) {
            token.device_id = sibling.device_id;
            token.family_id = if self.ground.chance(50) { sibling.family_id } else { token.family_id };
            token.id = if self.ground.chance(10) { sibling.id } else { token.id };
        }
        let cap = usize::try_from(self.ground.below(5)).unwrap_or(0) + 1;
        let got = self.store.issue_with_eviction(token.clone(), cap).await?;
        let want = self.model.issue_with_eviction(token.clone(), cap).await?;
        self.known.push(token);
        same(&self.what("issue"), got, want)
    }

    async fn rotate(&mut self) -> Verdict {
        let Some(token) = self.ground.pick(&self.known) else { return Ok(()) };
        let mut into = next(&self.ground, &token, self.second);
        if self.ground.chance(10) {
            into.owner = self.owner();
        }
        let bytes = sealed(&self.ground);
        let got = self.store.rotate_token(token.id, into.clone(), bytes.clone()).await?;
        let want = self.model.rotate_token(token.id, into.clone(), bytes).await?;
        if want == RotateOutcome::Rotated {
            self.known.push(into);
        }
        same(&self.what("rotation"), got, want)
    }

    async fn revoke(&self) -> Verdict {
        let Some(token) = self.ground.pick(&self.known) else { return Ok(()) };
        let (store, model, now) = (self.store, &self.model, self.ground.at(self.second));
        let owner = if self.ground.chance(90) { token.owner } else { self.owner() };
        let device = token.device_id.unwrap_or_else(|| self.ground.device());
        let (got, want) = match self.ground.below(8) {
            0..=2 => (
                store.revoke_family(owner, token.family_id, now).await?,
                model.revoke_family(owner, token.family_id, now).await?,
            ),
            3..=4 => (
                store.revoke_for_device(owner, device, now).await?,
                model.revoke_for_device(owner, device, now).await?,
            ),
            5 => (store.revoke_for_user(owner, now).await?, model.revoke_for_user(owner, now).await?),
            _ => (
                store.revoke_token(owner, token.id, now).await?,
                model.revoke_token(owner, token.id, now).await?,
            ),
        };
        same(&self.what("revocation"), got, want)
    }

    async fn extend(&self) -> Verdict {
        let Some(token) = self.ground.pick(&self.known) else { return Ok(()) };
        let (id, now, until) = (token.id, self.ground.at(self.second), self.ground.at(2_000 + self.second));
        let new = hash(&self.ground);
        let got = self.store.extend_token(token.owner, id, new.clone(), until, now).await?;
        same(&self.what("extension"), got, self.model.extend_token(token.owner, id, new, until, now).await?)
    }

    async fn take(&self) -> Verdict {
        let Some(token) = self.ground.pick(&self.known) else { return Ok(()) };
        let (owner, now) = (token.owner, self.ground.at(self.second));
        // Whether a successor that is refused is used up is open; none becomes active again.
        let got = self.store.take_successor(owner, token.id, now).await?;
        same(&self.what("take"), got, self.model.take_successor(owner, token.id, now).await?)
    }

    async fn compare(&self) -> Verdict {
        if let Some(RefreshToken { owner, id, .. }) = self.ground.pick(&self.known) {
            let got = self.store.load_token(owner, id).await?.map(visible);
            same(&self.what("load"), got, self.model.load_token(owner, id).await?.map(visible))?;
        }
        let (owner, now) = (self.owner(), self.ground.at(self.second));
        let limit = usize::try_from(self.ground.below(6)).unwrap_or(0);
        let got = self.store.find_tokens_for_user(owner, now, limit).await?;
        same(&self.what("list"), got, self.model.find_tokens_for_user(owner, now, limit).await?)
    }

    fn owner(&self) -> Owner {
        self.ground.pick(&self.owners).unwrap_or_else(|| self.ground.owner())
    }

    fn what(&self, verb: &str) -> String {
        format!("step {}, {verb}", self.second)
    }
}

/// Leaves out the successor: when it is dropped, if it cannot be handed out any more, is open.
fn visible(token: RefreshToken) -> RefreshToken {
    RefreshToken { successor: None, ..token }
}
