//! Listing, walking over all rows, and cleaning up.

use super::{AT_ONCE, MAX_HOPS, ValkeySessionStore, id_from, owner_from, row::Place};
use crate::{moment, script::Script, walk::Walk};
use axess_core::store::{Owner, ScanCursor, ScanPage, SessionSummary, StoreError};
use axess_identity::SessionId;
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use std::cmp::Reverse;

static CLEAN: Script = Script::new(include_str!("clean.lua"));

/// How many keys one step of a cleanup looks at.
const STEP: usize = 500;

impl ValkeySessionStore {
    pub(super) async fn list(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let (key, mut found) = (self.index_key(owner), Vec::new());
        self.valkey.prune_index(&key, now).await?;
        let members = self.valkey.all_entries(&key).await?;
        let ids = members.iter().map(|member| id_from(member)).collect::<Result<Vec<_>, _>>()?;
        for some in ids.chunks(AT_ONCE) {
            let summaries = try_join_all(some.iter().map(|id| self.summary(*id, owner, now))).await?;
            found.extend(summaries.into_iter().flatten());
        }
        found.sort_unstable_by_key(|summary| (Reverse(summary.created_at), summary.id));
        // An old id and a new one may both be listed while a rotation is under way.
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Looks an index entry up; nothing unless it leads to a live session of this owner.
    async fn summary(
        &self,
        id: SessionId,
        owner: Owner,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionSummary>, StoreError> {
        let (mut id, mut is_committed) = (id, false);
        for _ in 0..MAX_HOPS {
            let row = match self.place(id, false).await? {
                Place::Row(row) => row,
                Place::Pending(row, old) if is_committed || self.is_committed(old, id).await? => row,
                Place::Empty | Place::Pending(..) => return Ok(None),
                Place::Marker(next) => {
                    (id, is_committed) = (next, true);
                    continue;
                }
            };
            let live = row.owner == Some(owner) && row.expires_at > now;
            let summary = SessionSummary { id, created_at: row.created_at, expires_at: row.expires_at };
            return Ok(live.then_some(summary));
        }
        Ok(None)
    }

    pub(super) async fn scan_rows(
        &self,
        after: Option<ScanCursor>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let mut walk = after.map(|cursor| Walk::from_bytes(&cursor.0)).unwrap_or_default();
        let prefix = self.valkey.key("session:row:");
        let keys = walk.next(&self.valkey, &format!("{prefix}*"), limit).await?.unwrap_or_default();
        let ids = keys.iter().filter_map(|key| key.strip_prefix(prefix.as_str())?.parse().ok());
        let ids: Vec<SessionId> = ids.collect();
        let mut rows = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let read = try_join_all(some.iter().map(|id| self.read(*id, now))).await?;
            rows.extend(read.into_iter().flatten().filter(|row| row.expires_at > now));
        }
        Ok(ScanPage { rows, next: walk.to_bytes().map(ScanCursor) })
    }

    pub(super) async fn clean(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let (rows, all) = (self.valkey.key("session:row:"), self.valkey.key("session:*"));
        let (mut walk, mut left) = (Walk::default(), limit);
        while left > 0 {
            let Some(keys) = walk.next(&self.valkey, &all, STEP).await? else { break };
            let (keys, indexes): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.starts_with(&rows));
            for index in indexes {
                self.valkey.prune_index(&index, now).await?;
            }
            let mut keys = keys.as_slice();
            while left > 0 && !keys.is_empty() {
                let (some, rest) = keys.split_at(keys.len().min(AT_ONCE).min(left));
                left -= try_join_all(some.iter().map(|key| self.clean_row(key, now)))
                    .await?
                    .iter()
                    .sum::<usize>();
                keys = rest;
            }
        }
        Ok(u64::try_from(limit - left).unwrap_or(u64::MAX))
    }

    async fn clean_row(&self, key: &str, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let call = CLEAN.on(&self.valkey, key).arg(moment::micros(now));
        let (is_row, owner): (bool, Option<Vec<u8>>) = call.run().await?;
        let id = key.rsplit(':').next().and_then(|id| id.parse().ok());
        if let (true, Some(owner), Some(id)) = (is_row, owner, id) {
            self.unlist(owner_from(&owner)?, id).await;
        }
        Ok(usize::from(is_row))
    }
}
