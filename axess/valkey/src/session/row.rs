//! The stored form of a row, and reading it.

use super::{ValkeySessionStore, id_from};
use crate::{error::corrupt, moment, script::Script};
use axess_core::store::{Owner, SessionRow, StoreError, StoreErrorKind};
use axess_identity::{SessionId, TenantId, UserId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

static CONFIRM: Script = Script::new(include_str!("confirm.lua"));

/// How often a row that changes while it is read is read again.
const MAX_READS: usize = 8;

/// Everything of a row but its id, version and payload.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    lineage: SessionId,
    owner: Option<(TenantId, UserId)>,
    created_at: (i64, u32),
    expires_at: (i64, u32),
}

/// What is stored under the id of a session.
pub(super) enum Place {
    Empty,
    /// A rotation led to this id.
    Marker(SessionId),
    Row(Box<SessionRow>),
    /// A row that exists if, and only if, the old id has a marker that names it.
    Pending(Box<SessionRow>, SessionId),
}

impl Head {
    pub(super) fn of(row: &SessionRow) -> Self {
        let exact = |time: DateTime<Utc>| (time.timestamp(), time.timestamp_subsec_nanos());
        Self {
            lineage: row.lineage,
            owner: row.owner.map(|owner| (owner.tenant_id, owner.user_id)),
            created_at: exact(row.created_at),
            expires_at: exact(row.expires_at),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        rmp_serde::to_vec(self).map_err(|error| StoreError::new(StoreErrorKind::Backend, error))
    }

    fn into_row(self, id: SessionId, version: u64, payload: Bytes) -> Option<SessionRow> {
        let time = |(secs, nanos)| DateTime::from_timestamp(secs, nanos);
        Some(SessionRow {
            id,
            lineage: self.lineage,
            version,
            owner: self.owner.map(|(tenant_id, user_id)| Owner { tenant_id, user_id }),
            payload,
            created_at: time(self.created_at)?,
            expires_at: time(self.expires_at)?,
        })
    }
}

impl ValkeySessionStore {
    /// Reads the row `id`, expired or not. A rotation that stopped before its last step is finished.
    pub(super) async fn read(
        &self,
        id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionRow>, StoreError> {
        for _ in 0..MAX_READS {
            match self.place(id, true).await? {
                Place::Empty | Place::Marker(_) => return Ok(None),
                Place::Row(row) => return Ok(Some(*row)),
                Place::Pending(row, old) => {
                    if !self.is_committed(old, id).await? {
                        return Ok(None);
                    }
                    self.confirm(&row, old, now).await?;
                }
            }
        }
        Err(StoreError::bare(StoreErrorKind::Unavailable))
    }

    /// Reads what is stored under `id`; without `payload` the row's payload is left empty.
    pub(super) async fn place(&self, id: SessionId, payload: bool) -> Result<Place, StoreError> {
        type Fields = (Option<Vec<u8>>, Option<u64>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Bytes>);
        let mut cmd = redis::cmd("HMGET");
        cmd.arg(self.row_key(id)).arg(&["m", "v", "h", "p"]).arg(if payload { "d" } else { "-" });
        let (marker, version, head, pending, payload): Fields = self.valkey.query(&cmd).await?;
        if let Some(next) = marker {
            return id_from(&next).map(Place::Marker);
        }
        let (Some(version), Some(head)) = (version, head) else { return Ok(Place::Empty) };
        let head: Head =
            rmp_serde::from_slice(&head).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
        let row = head.into_row(id, version, payload.unwrap_or_default()).ok_or_else(corrupt)?;
        match pending {
            Some(old) => Ok(Place::Pending(Box::new(row), id_from(&old)?)),
            None => Ok(Place::Row(Box::new(row))),
        }
    }

    /// Tells whether `old` was rotated into `new`.
    pub(super) async fn is_committed(&self, old: SessionId, new: SessionId) -> Result<bool, StoreError> {
        let mut cmd = redis::cmd("HGET");
        let marker: Option<Vec<u8>> = self.valkey.query(cmd.arg(self.row_key(old)).arg("m")).await?;
        Ok(marker.is_some_and(|next| next == new.as_bytes()))
    }

    /// Makes a pending row, whose rotation is committed, a row.
    pub(super) async fn confirm(
        &self,
        row: &SessionRow,
        old: SessionId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let key = self.row_key(row.id);
        let call = CONFIRM.on(&self.valkey, &key).arg(&old.as_bytes()[..]);
        call.arg(moment::keep_for(row.expires_at - now)).run::<i64>().await.map(drop)
    }
}
