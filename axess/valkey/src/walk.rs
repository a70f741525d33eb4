//! Walking over all keys of a kind, on every node.

use crate::{Valkey, error::store_error, script::Script};
use axess_core::store::{StoreError, StoreErrorKind};
use futures_util::future::try_join_all;
use redis::{FromRedisValue, Value};
use sha2::{Digest, Sha256};
use std::fmt;

/// How many keys the server looks at in one step, at least and at most. Fewer would cost more round trips than they save.
const MIN_STEP: usize = 10;
const MAX_STEP: usize = 1_000;

/// How often a walk begins again before it gives up: nodes that do not agree about the slots would keep it busy for ever.
const MAX_RESTARTS: u32 = 32;

/// How many calls a cleanup has under way at most.
const AT_ONCE: usize = 32;

/// The place of a walk.
///
/// A key that exists throughout the walk is met at least once, unless its slot is being moved to a node that the walk has
/// left while no node calls the slot its own yet. When the cluster's map of slots changes, the walk begins again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The map of slots this walk began with.
    map: u64,
    node: u32,
    cursor: u64,
    /// How often the map changed.
    restarts: u32,
    is_over: bool,
}

/// The masters of a cluster in a fixed order, and a digest of who has which slot. A server alone has no list.
#[derive(Debug, Default)]
struct Map {
    digest: u64,
    masters: Vec<(String, u16)>,
}

impl Walk {
    /// Takes one step: the next keys that match `pattern`, or nothing after the last ones.
    pub(crate) async fn next(
        &mut self,
        valkey: &Valkey,
        pattern: &str,
        count: usize,
    ) -> Result<Option<Vec<String>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let map = valkey.map().await?;
        if map.digest != self.map {
            if self.restarts > MAX_RESTARTS {
                return Err(StoreError::bare(StoreErrorKind::Unavailable));
            }
            *self = Self { map: map.digest, restarts: self.restarts + 1, ..Self::default() };
        }
        let mut cmd = redis::cmd("SCAN");
        cmd.arg(self.cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(count.clamp(MIN_STEP, MAX_STEP));
        let node = usize::try_from(self.node).ok().and_then(|node| map.masters.get(node));
        let answer = match node {
            Some((host, port)) => valkey.send_to_node(&cmd, host, *port).await,
            None => valkey.send(&cmd).await,
        };
        let answer = answer.map_err(store_error)?;
        let (cursor, keys): (u64, Vec<String>) =
            FromRedisValue::from_redis_value(answer).map_err(|error| store_error(error.into()))?;
        self.cursor = cursor;
        if cursor == 0 {
            self.node += 1;
            self.is_over = usize::try_from(self.node).is_ok_and(|node| node >= map.masters.len());
        }
        Ok(Some(keys))
    }

    /// Returns the place as bytes; nothing when the walk is over.
    pub(crate) fn to_bytes(self) -> Option<Vec<u8>> {
        let (map, node, restarts) =
            (self.map.to_be_bytes(), self.node.to_be_bytes(), self.restarts.to_be_bytes());
        (!self.is_over).then(|| [&map[..], &node, &restarts, &self.cursor.to_be_bytes()].concat())
    }

    /// Reads what [`Walk::to_bytes`] wrote. Anything else begins a new walk.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let read = || {
            let (map, rest) = bytes.split_first_chunk()?;
            let (node, rest) = rest.split_first_chunk()?;
            let (restarts, rest) = rest.split_first_chunk()?;
            let cursor = u64::from_be_bytes(rest.try_into().ok()?);
            let (node, restarts) = (u32::from_be_bytes(*node), u32::from_be_bytes(*restarts));
            Some(Self { map: u64::from_be_bytes(*map), node, cursor, restarts, is_over: false })
        };
        read().unwrap_or_default()
    }
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Valkey {
    /// Calls a script on each key that matches, until it has deleted `limit`, and returns how many it did.
    pub(crate) async fn clean_each(
        &self,
        pattern: &str,
        limit: usize,
        script: &'static Script,
        args: &[i64],
    ) -> Result<u64, StoreError> {
        let (pattern, mut walk, mut left) = (self.key(pattern), Walk::default(), limit);
        while left > 0 {
            let Some(keys) = walk.next(self, &pattern, MAX_STEP).await? else { break };
            let mut keys = keys.as_slice();
            while left > 0 && !keys.is_empty() {
                let (some, rest) = keys.split_at(keys.len().min(AT_ONCE).min(left));
                let calls = some.iter().map(|key| script.on(self, key).arg(args).run::<usize>());
                left -= try_join_all(calls).await?.into_iter().sum::<usize>().min(left);
                keys = rest;
            }
        }
        Ok(u64::try_from(limit - left).unwrap_or(u64::MAX))
    }

    async fn map(&self) -> Result<Map, StoreError> {
        if !self.is_cluster() {
            return Ok(Map::default());
        }
        let ranges: Vec<(u16, u16, Vec<Value>)> = self.slot_ranges().await?;
        let mut ranges = ranges
            .into_iter()
            .map(|(first, last, master)| {
                let mut master = master.into_iter();
                let host = master.next().and_then(|host| String::from_redis_value(host).ok());
                let port = master.next().and_then(|port| u16::from_redis_value(port).ok());
                Some((first, last, host.filter(|host| !host.is_empty())?, port?))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(unusable)?;
        ranges.sort_unstable();
        let mut digest = Sha256::new();
        let mut masters = Vec::new();
        for (first, last, host, port) in ranges {
            digest.update(format!("{first} {last} {host} {port}\n"));
            if !masters.contains(&(host.clone(), port)) {
                masters.push((host, port));
            }
        }
        let digest: [u8; 32] = digest.finalize().into();
        let digest = digest.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
        Ok(Map { digest, masters })
    }

    /// Asks which slots are where. Of each range only the first node counts: the master.
    async fn slot_ranges(&self) -> Result<Vec<(u16, u16, Vec<Value>)>, StoreError> {
        let answer: Vec<Vec<Value>> = self.query(redis::cmd("CLUSTER").arg("SLOTS")).await?;
        let range = |range: Vec<Value>| {
            let mut range = range.into_iter();
            let first = u16::from_redis_value(range.next()?).ok()?;
            let last = u16::from_redis_value(range.next()?).ok()?;
            Some((first, last, Vec::from_redis_value(range.next()?).ok()?))
        };
        answer.into_iter().map(range).collect::<Option<_>>().ok_or_else(unusable)
    }
}

/// Reports a node that does not know the addresses of its cluster.
fn unusable() -> StoreError {
    StoreError::bare(StoreErrorKind::Unavailable)
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nonsense_begins_anew() {
        let walk = Walk { map: 7, node: 2, cursor: u64::MAX, restarts: 3, is_over: false };
        assert_eq!(Walk::from_bytes(&walk.to_bytes().unwrap()), walk);
        assert_eq!(Walk { is_over: true, ..walk }.to_bytes(), None);
        for bad in [&b""[..], b"short", &[0; 25]] {
            assert_eq!(Walk::from_bytes(bad), Walk::default());
        }
    }
}
