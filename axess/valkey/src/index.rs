//! Sorted sets that say what may exist where: the sessions of a user, the users of a tenant.
//!
//! An index is written *before* what it points to, so it always names at least what exists. Whoever reads it checks each
//! entry. An entry is removed in two ways only: by whoever deleted its row for good, and by time. Removing an entry because
//! its row is missing would race with a writer that is about to write the row.

use crate::{Valkey, error::corrupt, moment, script::Script};
use axess_core::store::{Owner, StoreError};
use axess_identity::{TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};

static ADD: Script = Script::new(include_str!("index/add.lua"));

/// How long an entry outlives the end it names: far more than the clocks of two instances may differ. An entry that was dropped
/// early would hide a session from whoever ends all of a user's.
const PRUNE_AFTER: TimeDelta = TimeDelta::hours(24);

/// How many entries one page has, about.
const PAGE: usize = 500;

/// Walks over the users of one tenant. Who is there throughout is met at least once.
pub(crate) struct Pages<'a> {
    valkey: &'a Valkey,
    key: &'a str,
    cursor: Option<u64>,
}

/// An entry, with what is known about time where it is written.
pub(crate) struct Entry<'a> {
    pub(crate) member: &'a [u8],
    /// When what it points to ends.
    pub(crate) until: DateTime<Utc>,
    /// A time that is certainly not in the future.
    pub(crate) past: DateTime<Utc>,
    /// After how many milliseconds the server may drop the row.
    pub(crate) keep: i64,
}

impl Valkey {
    /// Names an index of one tenant.
    pub(crate) fn tenant_key(&self, name: &str, tenant_id: TenantId) -> String {
        self.key(format_args!("{name}:{{{}}}", tenant_id.as_uuid().simple()))
    }

    /// Names a key of one user; all keys of a user are in one hash slot.
    pub(crate) fn owner_key(&self, name: &str, owner: Owner) -> String {
        let (tenant, user) = (owner.tenant_id.as_uuid(), owner.user_id.as_uuid());
        self.key(format_args!("{name}:{{{}:{}}}", tenant.simple(), user.simple()))
    }

    /// Adds an entry, or moves its end further away, and drops entries that ended long ago.
    pub(crate) async fn add_entry(&self, key: &str, entry: &Entry<'_>) -> Result<(), StoreError> {
        let call = ADD.on(self, key).arg(entry.member).arg(moment::micros_up(entry.until));
        // The index outlives its rows.
        let keep = entry.keep.saturating_add(moment::EXPIRY_MARGIN.num_milliseconds());
        call.arg(keep).arg(prune_below(entry.past)).run::<i64>().await.map(drop)
    }

    /// Removes an entry whose row is deleted for good.
    ///
    /// Nobody needs it to succeed: an entry without a row is skipped by readers and goes by time.
    pub(crate) async fn drop_entry(&self, key: &str, member: &[u8]) {
        let _ = self.query::<i64>(redis::cmd("ZREM").arg(key).arg(member)).await;
    }

    /// Drops the entries that ended long before `now`.
    pub(crate) async fn prune_index(&self, key: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut cmd = redis::cmd("ZREMRANGEBYSCORE");
        self.query::<i64>(cmd.arg(key).arg("-inf").arg(prune_below(now))).await.map(drop)
    }

    /// Reads all entries of an index at one moment.
    ///
    /// A rotation adds the new id before it removes the old one, so one of them is in every such list; a walk could miss both.
    pub(crate) async fn all_entries(&self, key: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        self.query(redis::cmd("ZRANGE").arg(key).arg(0).arg(-1)).await
    }

    /// Walks over an index of users.
    pub(crate) fn users<'a>(&'a self, key: &'a str) -> Pages<'a> {
        Pages { valkey: self, key, cursor: Some(0) }
    }
}

impl Pages<'_> {
    async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut cmd = redis::cmd("ZSCAN");
        cmd.arg(self.key).arg(cursor).arg("COUNT").arg(PAGE);
        // Members and scores take turns. The scores are of no use here.
        let (next, pairs): (u64, Vec<Vec<u8>>) = self.valkey.query(&cmd).await?;
        self.cursor = (next != 0).then_some(next);
        Ok(Some(pairs.into_iter().step_by(2).collect()))
    }

    /// Returns the next users, or nothing after the last ones.
    pub(crate) async fn next_owners(
        &mut self,
        tenant_id: TenantId,
    ) -> Result<Option<Vec<Owner>>, StoreError> {
        let Some(members) = self.next().await? else { return Ok(None) };
        let owner = |member: Vec<u8>| {
            let user_id = uuid::Uuid::from_slice(&member).map_err(|_| corrupt())?;
            Ok(Owner { tenant_id, user_id: UserId::from_uuid(user_id) })
        };
        members.into_iter().map(owner).collect::<Result<_, _>>().map(Some)
    }
}

fn prune_below(now: DateTime<Utc>) -> i64 {
    moment::micros(now).saturating_sub(PRUNE_AFTER.num_microseconds().unwrap_or(i64::MAX))
}
