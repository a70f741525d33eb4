//! Scripts that two stores must answer alike, and races.

use axess_core::store::Owner;
use axess_identity::{TenantId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use std::{future::Future, sync::Arc};
use tokio::sync::Barrier;

/// How many tasks race each other.
pub(crate) const RACERS: usize = 24;

/// A sequence of numbers that is the same every time (splitmix64).
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    /// Draws one of a few ids: ten bytes of the same digit.
    pub(crate) fn digit(&mut self, bound: u8) -> [u8; 10] {
        [u8::try_from(self.below(bound.into())).unwrap(); 10]
    }

    /// Draws one of three accounts: two of one tenant, and the namesake of one of them in another.
    pub(crate) fn owner(&mut self) -> Owner {
        match self.below(3) {
            0 => owner(1, 1),
            1 => owner(1, 2),
            _ => owner(2, 1),
        }
    }
}

pub(crate) fn owner(tenant: u8, user: u8) -> Owner {
    Owner { tenant_id: TenantId::from_parts(0, [tenant; 10]), user_id: UserId::from_parts(0, [user; 10]) }
}

/// Returns the time `seconds` after an odd microsecond.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_225_600_654_321).unwrap() + TimeDelta::seconds(seconds)
}

/// Starts `tasks` calls at once and returns their answers in the order of their numbers.
pub(crate) async fn race<T, F>(tasks: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(tasks));
    let start = |number| {
        let (barrier, work) = (Arc::clone(&barrier), work(number));
        tokio::spawn(async move {
            barrier.wait().await;
            work.await
        })
    };
    let running: Vec<_> = (0..tasks).map(start).collect();
    let mut answers = Vec::new();
    for task in running {
        answers.push(task.await.unwrap());
    }
    answers
}
