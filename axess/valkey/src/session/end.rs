//! Ending sessions.

use super::{AT_ONCE, MAX_HOPS, ValkeySessionStore, id_from, owner_bytes, owner_from};
use crate::{error::corrupt, moment, script::Script};
use axess_core::store::{Owner, StoreError, StoreErrorKind};
use axess_identity::SessionId;
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

static TAKE: Script = Script::new(include_str!("take.lua"));

/// What was found under an id that is to be ended.
enum Taken {
    Nothing,
    Marker { next: SessionId, until: i64 },
    Row { owner: Option<Owner>, pending_from: Option<SessionId> },
    Pending { old: SessionId },
}

/// What ending one id did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Row,
    Nothing,
    /// There is a pending row, whose rotation has not happened so far.
    Pending,
}

/// Which rows to end.
#[derive(Clone, Copy)]
struct Doomed {
    /// Only rows of this owner.
    owner: Option<Owner>,
    /// Not this one, nor anything beyond it.
    keep: Option<SessionId>,
    /// Only through a marker that is remembered at this time, in microseconds.
    now: Option<i64>,
    /// Also a pending row whose rotation has not happened.
    pending: bool,
}

impl ValkeySessionStore {
    pub(super) async fn end_lineage(&self, id: SessionId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let doomed = Doomed { owner: None, keep: None, now: Some(moment::micros(now)), pending: true };
        Ok(u64::from(self.end_from(id, doomed).await? == Ended::Row))
    }

    /// Ends every session of one owner. Once it has begun it goes on, also when its caller is gone: half of somebody's
    /// sessions left would be worse than all.
    pub(super) async fn end_all_of(&self, owner: Owner, keep: Option<SessionId>) -> Result<u64, StoreError> {
        let store = self.clone();
        let work = tokio::spawn(async move {
            let doomed = Doomed { owner: Some(owner), keep, now: None, pending: false };
            // A pending row is deleted only after the old rows, so that a rotation under way is counted once: either its
            // old row was deleted here, or its marker led here.
            let (ended, pending) = store.end_listed(doomed).await?;
            let doomed = Doomed { pending: true, ..doomed };
            let more = pending.into_iter().map(|id| store.end_from(id, doomed));
            let more = try_join_all(more).await?.into_iter().filter(|ended| *ended == Ended::Row).count();
            Ok(count(ended + more))
        });
        work.await.unwrap_or_else(|error| Err(StoreError::new(StoreErrorKind::Backend, error)))
    }

    /// Ends what the index names, and returns how many rows that were and which are pending.
    async fn end_listed(&self, doomed: Doomed) -> Result<(usize, Vec<SessionId>), StoreError> {
        let Some(owner) = doomed.owner else { return Ok((0, Vec::new())) };
        let (mut ended, mut pending) = (0, Vec::new());
        let members = self.valkey.all_entries(&self.index_key(owner)).await?;
        let ids = members.iter().map(|member| id_from(member)).collect::<Result<Vec<_>, _>>()?;
        for some in ids.chunks(AT_ONCE) {
            let done = try_join_all(some.iter().map(|id| self.end_from(*id, doomed))).await?;
            ended += done.iter().filter(|done| **done == Ended::Row).count();
            let left = some.iter().zip(&done).filter(|(_, done)| **done == Ended::Pending);
            pending.extend(left.map(|(id, _)| *id));
        }
        Ok((ended, pending))
    }

    /// Deletes the row `id`, or the row that markers lead to.
    async fn end_from(&self, id: SessionId, doomed: Doomed) -> Result<Ended, StoreError> {
        let (mut id, mut is_committed, mut by_marker) = (id, false, false);
        for _ in 0..MAX_HOPS {
            if Some(id) == doomed.keep {
                return Ok(Ended::Nothing);
            }
            match self.take(id, doomed.owner, is_committed || doomed.pending).await? {
                Taken::Nothing => return Ok(Ended::Nothing),
                // Markers further on are younger than the first: only its age counts.
                Taken::Marker { until, .. } if !by_marker && doomed.now.is_some_and(|now| until <= now) => {
                    return Ok(Ended::Nothing);
                }
                // A marker is what commits the rotation into the id it names.
                Taken::Marker { next, .. } => (id, is_committed, by_marker) = (next, true, true),
                Taken::Pending { old } if self.is_committed(old, id).await? => is_committed = true,
                Taken::Pending { .. } => return Ok(Ended::Pending),
                Taken::Row { owner, pending_from } => {
                    self.unlist(owner, id).await;
                    // A pending row whose rotation has not happened was no session yet.
                    let was_row = match pending_from {
                        Some(old) => is_committed || self.is_committed(old, id).await?,
                        None => true,
                    };
                    return Ok(if was_row { Ended::Row } else { Ended::Nothing });
                }
            }
        }
        // To say that nothing was found would be a lie: the session is there.
        Err(StoreError::bare(StoreErrorKind::Backend))
    }

    async fn take(&self, id: SessionId, owner: Option<Owner>, pending: bool) -> Result<Taken, StoreError> {
        let key = self.row_key(id);
        let call = TAKE.on(&self.valkey, &key).arg(owner_bytes(owner)).arg(u8::from(pending));
        let (found, first, second): (i64, Vec<u8>, Vec<u8>) = call.run().await?;
        match found {
            0 => Ok(Taken::Nothing),
            1 => {
                let until = str::from_utf8(&second).ok().and_then(|until| until.parse().ok());
                Ok(Taken::Marker { next: id_from(&first)?, until: until.ok_or_else(corrupt)? })
            }
            2 => {
                let pending_from = Some(&second).filter(|old| !old.is_empty());
                let pending_from = pending_from.map(|old| id_from(old)).transpose()?;
                Ok(Taken::Row { owner: owner_from(&first)?, pending_from })
            }
            _ => Ok(Taken::Pending { old: id_from(&first)? }),
        }
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
