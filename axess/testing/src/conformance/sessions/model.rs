//! The same random calls on the store and on the reference; every answer must be the same.

use super::*;
use axess_core::{memory::InMemorySessionStore, store::StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

const STEPS: usize = 300;
/// The memory of rotations must not run out in a run: what happens then is open.
const MAX_SECONDS: i64 = 290;

/// Both stores, and what the calls draw from.
struct Twins<'s, S> {
    store: &'s S,
    model: InMemorySessionStore,
    ground: Ground,
    owners: Vec<Owner>,
    ids: Vec<SessionId>,
    now: DateTime<Utc>,
}

pub(super) async fn any_sequence_answers_as_in_memory<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let mut owners = ground.owners().to_vec();
    owners.push(ground.owner());
    let mut twins = Twins {
        store: &*store,
        model: InMemorySessionStore::new(),
        now: ground.at(0),
        ground: ground.clone(),
        owners,
        ids: Vec::new(),
    };
    for step in 0..STEPS {
        let seconds = MAX_SECONDS * i64::try_from(step).unwrap_or(0) / 300;
        twins.now = ground.at(seconds);
        twins.step(step).await?;
    }
    Ok(())
}

impl<S: SessionStore> Twins<'_, S> {
    async fn step(&mut self, step: usize) -> Verdict {
        let (owner, now) = (self.owner(), self.now);
        match self.ground.below(12) {
            0..=2 => self.insert(step).await?,
            3..=4 => self.save(step).await?,
            5..=6 => self.cycle(step).await?,
            7 => {
                if let Some(id) = self.live_or_gone().await? {
                    let (got, want) = (self.store.end(id, now).await?, self.model.end(id, now).await?);
                    same(&format!("step {step}, end"), got, want)?;
                }
            }
            8 => {
                let keep = if self.ground.chance(50) { self.ground.pick(&self.ids) } else { None };
                // Whether rows that have expired are counted is open.
                self.store.end_for_user(owner, keep).await?;
                self.model.end_for_user(owner, keep).await?;
            }
            9 if self.ground.chance(20) => {
                self.store.end_for_tenant(owner.tenant_id).await?;
                self.model.end_for_tenant(owner.tenant_id).await?;
            }
            _ => {}
        }
        self.compare(step).await
    }

    async fn insert(&mut self, step: usize) -> Verdict {
        let id = match self.live().await? {
            Some(id) if self.ground.chance(20) => id,
            _ => self.ground.session(),
        };
        let row = SessionRow { id, lineage: id, created_at: self.now + offset(step), ..self.row() };
        let (got, want) = (self.store.insert(row.clone()).await?, self.model.insert(row).await?);
        self.ids.push(id);
        same(&format!("step {step}, insert"), got, want)
    }

    async fn save(&mut self, step: usize) -> Verdict {
        let Some(id) = self.live_or_gone().await? else { return Ok(()) };
        let known = self.model.load(id, self.now).await?;
        let version = known.as_ref().map_or(1, |row| row.version) + self.ground.below(3);
        let (lineage, created_at) = known.map_or((id, self.now), |row| (row.lineage, row.created_at));
        let row = SessionRow { id, lineage, version, created_at, ..self.row() };
        let (got, want) = (self.store.save(row.clone()).await?, self.model.save(row).await?);
        same(&format!("step {step}, save"), got, want)
    }

    async fn cycle(&mut self, step: usize) -> Verdict {
        let Some(old) = self.live_or_gone().await? else { return Ok(()) };
        let known = self.model.load(old, self.now).await?;
        let expected = known.as_ref().map_or(1, |row| row.version) + self.ground.below(10) / 8;
        let (lineage, created_at) = known.map_or((old, self.now), |row| (row.lineage, row.created_at));
        let row = SessionRow { lineage, created_at, ..self.row() };
        let got = self.store.cycle(old, expected, row.clone(), self.now).await?;
        let want = self.model.cycle(old, expected, row.clone(), self.now).await?;
        self.ids.push(row.id);
        same(&format!("step {step}, cycle"), got, want)
    }

    async fn compare(&self, step: usize) -> Verdict {
        if let Some(id) = self.ground.pick(&self.ids) {
            let (got, want) = (self.store.load(id, self.now).await?, self.model.load(id, self.now).await?);
            same(&format!("step {step}, load"), got, want)?;
        }
        let (owner, limit) = (self.owner(), usize::try_from(self.ground.below(6)).unwrap_or(0));
        let got = self.store.find_sessions_for_user(owner, self.now, limit).await?;
        let want = self.model.find_sessions_for_user(owner, self.now, limit).await?;
        same(&format!("step {step}, list"), got, want)
    }

    fn owner(&self) -> Owner {
        self.ground.pick(&self.owners).unwrap_or_else(|| self.ground.owner())
    }

    fn row(&self) -> SessionRow {
        let owner = self.ground.chance(80).then(|| self.owner());
        let seconds = i64::try_from(self.ground.below(60)).unwrap_or(0) + 1;
        SessionRow { expires_at: self.now + TimeDelta::seconds(seconds), ..fresh(&self.ground, owner) }
    }

    async fn live(&self) -> Result<Option<SessionId>, StoreError> {
        let Some(id) = self.ground.pick(&self.ids) else { return Ok(None) };
        Ok(self.model.load(id, self.now).await?.map(|row| row.id))
    }

    /// Draws an id whose row is live, or was ended; what a write finds under one that has expired is open.
    async fn live_or_gone(&self) -> Result<Option<SessionId>, StoreError> {
        let Some(id) = self.ground.pick(&self.ids) else { return Ok(Some(self.ground.session())) };
        let long_ago = DateTime::<Utc>::MIN_UTC;
        let kept = self.model.load(id, long_ago).await?;
        Ok(kept.is_none_or(|row| row.expires_at > self.now).then_some(id))
    }
}

/// No two rows of a run begin at the same time, so that there is one order.
fn offset(step: usize) -> TimeDelta {
    TimeDelta::microseconds(i64::try_from(step).unwrap_or(0) + 1)
}
