//! Inserting, saving and rotating.

use super::{MAX_PAYLOAD_BYTES, ValkeySessionStore, owner_bytes, owner_from, row::Head};
use crate::{error::at_most, index::Entry, moment, script::Script};
use axess_core::store::{ROTATION_MEMORY, SaveOutcome, SessionRow, StoreError, StoreErrorKind};
use axess_identity::SessionId;
use chrono::{DateTime, TimeDelta, Utc};

static PUT: Script = Script::new(include_str!("put.lua"));
static SAVE: Script = Script::new(include_str!("save.lua"));
static COMMIT: Script = Script::new(include_str!("commit.lua"));
static ABANDON: Script = Script::new(include_str!("abandon.lua"));

/// How often a write is tried on a row whose own rotation has to be finished first.
const MAX_TRIES: usize = 4;

/// What step 3 of a rotation found.
pub(super) enum Commit {
    Done,
    Conflict,
    /// The old row is pending itself.
    Pending,
}

impl ValkeySessionStore {
    pub(super) async fn insert_row(&self, row: &SessionRow) -> Result<SaveOutcome, StoreError> {
        at_most(row.payload.len(), MAX_PAYLOAD_BYTES)?;
        let keep = lifetime(row);
        self.list_ahead(row, keep).await?;
        // A caller that stops here leaves an index entry without a row, which readers skip.
        Ok(outcome(self.put(row, keep, None).await?))
    }

    pub(super) async fn save_row(&self, row: &SessionRow) -> Result<SaveOutcome, StoreError> {
        at_most(row.payload.len(), MAX_PAYLOAD_BYTES)?;
        let Some(expected) = row.version.checked_sub(1) else { return Ok(SaveOutcome::Conflict) };
        let (keep, head) = (lifetime(row), Head::of(row).encode()?);
        self.list_ahead(row, keep).await?;
        let key = self.row_key(row.id);
        for _ in 0..MAX_TRIES {
            let call = SAVE.on(&self.valkey, &key).arg(expected).arg(row.version);
            let call = call.arg(owner_bytes(row.owner)).arg(moment::micros_up(row.expires_at));
            match call.arg(head.as_slice()).arg(&row.payload[..]).arg(keep).run::<i64>().await? {
                0 => return Ok(SaveOutcome::Conflict),
                1 => return Ok(SaveOutcome::Saved),
                // Whoever saves has read the row, which finishes its rotation; unless the id came from a list.
                _ if self.read(row.id, row.created_at).await?.is_none() => return Ok(SaveOutcome::Conflict),
                _ => {}
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }

    pub(super) async fn rotate(
        &self,
        old: SessionId,
        expected: u64,
        row: &SessionRow,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        at_most(row.payload.len(), MAX_PAYLOAD_BYTES)?;
        if old == row.id || !self.prepare(old, row, now).await? {
            return Ok(SaveOutcome::Conflict);
        }
        for _ in 0..MAX_TRIES {
            // An error leaves it open whether the rotation is committed, so the pending row stays: it is a row then,
            // and otherwise goes by time.
            match self.commit(old, expected, row.id, now).await? {
                Commit::Done => {
                    self.confirm(row, old, now).await?;
                    return Ok(SaveOutcome::Saved);
                }
                Commit::Conflict => break,
                Commit::Pending if self.read(old, now).await?.is_none() => break,
                Commit::Pending => {}
            }
        }
        self.abandon(old, row).await?;
        Ok(SaveOutcome::Conflict)
    }

    /// Does steps 1 and 2 of a rotation; false when the new id is taken.
    pub(super) async fn prepare(
        &self,
        old: SessionId,
        row: &SessionRow,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.list_ahead(row, moment::keep_for(row.expires_at - now)).await?;
        // Without a marker a pending row is nothing, so it need not outlive one.
        self.put(row, moment::keep_for(ROTATION_MEMORY), Some(old)).await
    }

    /// Does step 3 of a rotation: the moment it happens.
    pub(super) async fn commit(
        &self,
        old: SessionId,
        expected: u64,
        new: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Commit, StoreError> {
        let key = self.row_key(old);
        let until = moment::micros(moment::after(now, ROTATION_MEMORY)?);
        let call = COMMIT.on(&self.valkey, &key).arg(expected).arg(&new.as_bytes()[..]).arg(until);
        let (found, owner): (i64, Vec<u8>) = call.arg(moment::keep_for(ROTATION_MEMORY)).run().await?;
        match found {
            1 => {
                // The old id never gets a row again, so its entry is not needed.
                self.unlist(owner_from(&owner)?, old).await;
                Ok(Commit::Done)
            }
            2 => Ok(Commit::Pending),
            _ => Ok(Commit::Conflict),
        }
    }

    /// Takes back step 2 of a rotation that is certain not to happen.
    pub(super) async fn abandon(&self, old: SessionId, row: &SessionRow) -> Result<(), StoreError> {
        let key = self.row_key(row.id);
        if ABANDON.on(&self.valkey, &key).arg(&old.as_bytes()[..]).run::<i64>().await? == 1 {
            self.unlist(row.owner, row.id).await;
        }
        Ok(())
    }

    /// Adds a row that is about to be written to the indexes of its owner.
    async fn list_ahead(&self, row: &SessionRow, keep: i64) -> Result<(), StoreError> {
        let Some(owner) = row.owner else { return Ok(()) };
        let (users, index) = (self.users_key(owner.tenant_id), self.index_key(owner));
        let (user, until, past) = (owner.user_id.as_uuid(), row.expires_at, row.created_at);
        let user = Entry { member: user.as_bytes(), until, past, keep };
        let session = Entry { member: row.id.as_bytes(), until, past, keep };
        tokio::try_join!(self.valkey.add_entry(&users, &user), self.valkey.add_entry(&index, &session))?;
        Ok(())
    }

    async fn put(&self, row: &SessionRow, keep: i64, old: Option<SessionId>) -> Result<bool, StoreError> {
        let (key, head) = (self.row_key(row.id), Head::of(row).encode()?);
        let call = PUT.on(&self.valkey, &key).arg(row.version).arg(owner_bytes(row.owner));
        let call = call.arg(moment::micros_up(row.expires_at)).arg(head).arg(&row.payload[..]).arg(keep);
        let old = old.map(|old| old.as_bytes().to_vec()).unwrap_or_default();
        Ok(call.arg(old).run::<i64>().await? == 1)
    }
}

/// Returns how long the server has to keep a row at most. The lineage began in the past, so this is never too short.
fn lifetime(row: &SessionRow) -> i64 {
    moment::keep_for((row.expires_at - row.created_at).max(TimeDelta::zero()))
}

fn outcome(is_done: bool) -> SaveOutcome {
    if is_done { SaveOutcome::Saved } else { SaveOutcome::Conflict }
}
