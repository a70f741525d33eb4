use super::{
    broken::{fault, faults, linger},
    *,
};
use axess_core::store::{
    Owner, SaveOutcome, SessionEntry, SessionRegistry, SessionRow, SessionStore, SessionSummary, StoreError,
};
use axess_identity::{SessionId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::yield_now;

type Answer<T> = Result<T, StoreError>;

faults! {
    LastWriterWins(InMemorySessionStore);
    ForgetsExpiry(InMemorySessionStore);
    CyclesInTwoSteps(InMemorySessionStore);
    CyclesWithoutLooking(InMemorySessionStore);
    EndsOnlyTheId(InMemorySessionStore);
    EndsAnyTenant(InMemorySessionStore);
    ListsOldestFirst(InMemorySessionStore);
    CleansTooMuch(InMemorySessionStore);
    CutsPayloads(InMemorySessionStore);
    EndsOneByOne(InMemorySessionStore);
    RegistryForgetsExpiry(MemorySessionRegistry);
    RegistryForgetsOwner(MemorySessionRegistry);
    ReplacesInTwoSteps(MemorySessionRegistry);
    KeepsNothing(MemorySessionRegistry);
}

/// Reads the version, waits, and writes over whatever is there by then.
impl fault::SessionStore for LastWriterWins {
    async fn save(&self, row: SessionRow) -> Answer<SaveOutcome> {
        let long_ago = DateTime::<Utc>::MIN_UTC;
        let Some(stored) = self.0.load(row.id, long_ago).await? else { return Ok(SaveOutcome::Conflict) };
        if stored.version.checked_add(1) != Some(row.version) {
            return Ok(SaveOutcome::Conflict);
        }
        linger().await;
        while let Some(stored) = self.0.load(row.id, long_ago).await? {
            let row = SessionRow { version: stored.version + 1, ..row.clone() };
            if self.0.save(row).await? == SaveOutcome::Saved {
                break;
            }
        }
        Ok(SaveOutcome::Saved)
    }
}

impl fault::SessionStore for ForgetsExpiry {
    async fn load(&self, id: SessionId, _: DateTime<Utc>) -> Answer<Option<SessionRow>> {
        self.0.load(id, DateTime::<Utc>::MIN_UTC).await
    }
}

impl fault::SessionStore for CyclesInTwoSteps {
    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Answer<SaveOutcome> {
        let stored = self.0.load(old, DateTime::<Utc>::MIN_UTC).await?;
        if stored.is_none_or(|stored| stored.version != expected) {
            return Ok(SaveOutcome::Conflict);
        }
        yield_now().await;
        let done = self.0.insert(row).await?;
        yield_now().await;
        if done == SaveOutcome::Saved {
            self.0.end(old, now).await?;
        }
        Ok(done)
    }
}

/// Writes the new row although somebody ended the old one meanwhile.
impl fault::SessionStore for CyclesWithoutLooking {
    async fn cycle(
        &self,
        old: SessionId,
        expected: u64,
        row: SessionRow,
        now: DateTime<Utc>,
    ) -> Answer<SaveOutcome> {
        match self.0.cycle(old, expected, row.clone(), now).await? {
            SaveOutcome::Conflict if self.0.load(old, now).await?.is_none() => self.0.insert(row).await,
            done => Ok(done),
        }
    }
}

impl fault::SessionStore for EndsOnlyTheId {
    async fn end(&self, id: SessionId, now: DateTime<Utc>) -> Answer<u64> {
        match self.0.load(id, DateTime::<Utc>::MIN_UTC).await? {
            Some(_) => self.0.end(id, now).await,
            None => Ok(0),
        }
    }
}

impl fault::SessionStore for EndsAnyTenant {
    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Answer<u64> {
        let page = self.0.scan(None, DateTime::<Utc>::MIN_UTC, usize::MAX).await?;
        let mut ended = 0;
        for row in page.rows {
            let hit = row.owner.is_some_and(|of| of.user_id == owner.user_id) && Some(row.id) != keep;
            ended += if hit { self.0.end(row.id, row.created_at).await? } else { 0 };
        }
        Ok(ended)
    }
}

impl fault::SessionStore for ListsOldestFirst {
    async fn find_sessions_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Answer<Vec<SessionSummary>> {
        let mut all = self.0.find_sessions_for_user(owner, now, usize::MAX).await?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }
}

impl fault::SessionStore for CleansTooMuch {
    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Answer<u64> {
        self.0.cleanup_expired(now + TimeDelta::days(1), limit).await
    }
}

impl fault::SessionStore for CutsPayloads {
    async fn insert(&self, mut row: SessionRow) -> Answer<SaveOutcome> {
        row.payload.truncate(65_535);
        self.0.insert(row).await
    }
}

/// Reads the list, and ends what was in it: what is rotated meanwhile gets away.
impl fault::SessionStore for EndsOneByOne {
    async fn end_for_user(&self, owner: Owner, keep: Option<SessionId>) -> Answer<u64> {
        let all = self.0.find_sessions_for_user(owner, DateTime::<Utc>::MIN_UTC, usize::MAX).await?;
        linger().await;
        let mut ended = 0;
        for session in all.into_iter().filter(|session| Some(session.id) != keep) {
            // The memory of rotations would find it: this store has none.
            if self.0.load(session.id, DateTime::<Utc>::MIN_UTC).await?.is_some() {
                ended += self.0.end(session.id, session.created_at).await?;
            }
        }
        Ok(ended)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_session_stores_are_found() {
    found!(session_store: Broken(LastWriterWins::default()) => ["racing_saves_have_one_winner", "no_update_is_lost"]);
    found!(session_store: Broken(ForgetsExpiry::default()) => ["an_expired_row_is_never_returned", "any_sequence_answers_as_in_memory"]);
    found!(session_store: Broken(CyclesInTwoSteps::default()) => ["racing_cycles_have_one_winner", "ending_follows_rotations", "a_call_cut_off_leaves_nothing_half_done"]);
    found!(session_store: Broken(CyclesWithoutLooking::default()) => ["what_ended_never_comes_back", "an_end_beats_a_racing_cycle", "ending_a_tenant_beats_a_racing_cycle"]);
    found!(session_store: Broken(EndsOnlyTheId::default()) => ["ending_follows_rotations"]);
    found!(session_store: Broken(EndsAnyTenant::default()) => ["the_sessions_of_a_user_end_together"]);
    found!(session_store: Broken(ListsOldestFirst::default()) => ["sessions_of_a_user_are_listed_newest_first"]);
    found!(session_store: Broken(CleansTooMuch::default()) => ["cleanup_deletes_what_expired_and_nothing_else"]);
    found!(session_store: Broken(CutsPayloads::default()) => ["payloads_are_opaque_bytes"]);
    found!(session_store: Broken(EndsOneByOne::default()) => ["ending_a_user_beats_a_racing_cycle"]);
}

impl fault::SessionRegistry for RegistryForgetsExpiry {
    async fn is_valid(&self, owner: Owner, id: SessionId, _: DateTime<Utc>) -> Answer<bool> {
        self.0.is_valid(owner, id, DateTime::<Utc>::MIN_UTC).await
    }
}

impl fault::SessionRegistry for RegistryForgetsOwner {
    async fn invalidate_user(&self, owner: Owner, _: Option<SessionId>) -> Answer<u64> {
        self.0.invalidate_tenant(owner.tenant_id).await
    }
}

impl fault::SessionRegistry for ReplacesInTwoSteps {
    async fn register(&self, entry: SessionEntry, replaces: Option<SessionId>) -> Answer<()> {
        if let Some(old) = replaces {
            self.0.deregister(entry.owner, old).await?;
            yield_now().await;
        }
        self.0.register(entry, None).await
    }
}

impl fault::SessionRegistry for KeepsNothing {
    async fn invalidate_tenant(&self, _: TenantId) -> Answer<u64> {
        Ok(0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_registries_are_found() {
    found!(session_registry: Broken(RegistryForgetsExpiry::default()) => ["an_entry_is_valid_until_it_expires"]);
    found!(session_registry: Broken(RegistryForgetsOwner::default()) => ["the_sessions_of_a_user_are_invalidated_together"]);
    found!(session_registry: Broken(ReplacesInTwoSteps::default()) => ["a_replacement_takes_its_place_at_once", "a_call_cut_off_leaves_nothing_half_done"]);
    found!(session_registry: Broken(KeepsNothing::default()) => ["the_sessions_of_a_tenant_are_invalidated_together"]);
}
