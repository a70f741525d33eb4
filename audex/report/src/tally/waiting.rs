use chrono::{DateTime, Utc};
use std::collections::{HashMap, VecDeque};

/// How many requests are followed at once: the oldest is let go for a new one.
const MAX_WAITING: usize = 10_000;

/// The requests that wait for a decision, or for their use.
#[derive(Clone, Default)]
pub(crate) struct Waiting {
    open: HashMap<u128, Asked>,
    /// In the order they were made, with some that are over.
    order: VecDeque<u128>,
    let_go: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) at: DateTime<Utc>,
    pub(crate) required: u32,
    pub(crate) is_granted: bool,
}

impl Waiting {
    pub(crate) fn begin(&mut self, session: u128, at: DateTime<Utc>, required: u32) {
        while self.open.len() >= MAX_WAITING {
            let Some(oldest) = self.order.pop_front() else { break };
            let is_undecided = self.open.remove(&oldest).is_some_and(|asked| !asked.is_granted);
            self.let_go += u64::from(is_undecided);
        }
        if self.order.len() >= 2 * MAX_WAITING {
            self.order.retain(|session| self.open.contains_key(session));
        }
        self.open.insert(session, Asked { at, required, is_granted: false });
        self.order.push_back(session);
    }

    /// Notes that enough agreed; returns the request, unless it was asked for before the period.
    pub(crate) fn grant(&mut self, session: u128) -> Option<Asked> {
        let asked = self.open.get_mut(&session)?;
        asked.is_granted = true;
        Some(*asked)
    }

    /// Ends it.
    pub(crate) fn end(&mut self, session: u128) -> Option<Asked> {
        self.open.remove(&session)
    }

    /// Returns how many are not decided.
    pub(crate) fn undecided(&self) -> u64 {
        let open = self.open.values().filter(|asked| !asked.is_granted).count();
        self.let_go + u64::try_from(open).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_let_go_and_counted() {
        let mut waiting = Waiting::default();
        let limit = MAX_WAITING as u128;
        // Those that are over make no difference, however many.
        for session in 0..5 * limit {
            waiting.begin(session, DateTime::UNIX_EPOCH, 1);
            assert!(waiting.end(session).is_some());
        }
        assert!(waiting.order.len() <= 2 * MAX_WAITING);
        for session in (0..limit + 3).rev() {
            waiting.begin(session, DateTime::UNIX_EPOCH, 1);
        }
        assert_eq!((waiting.open.len(), waiting.undecided()), (MAX_WAITING, limit as u64 + 3));
        assert!(waiting.end(limit + 2).is_none() && waiting.end(0).is_some());
    }
}
