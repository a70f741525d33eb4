use axess_identity::EventId;
use std::collections::{HashSet, VecDeque};

/// How many events are known again. A batch that is delivered twice is far smaller.
pub(super) const MAX_RECENT: usize = 65_536;

/// The ids of the last events, oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<EventId>,
    known: HashSet<EventId>,
}

impl Recent {
    /// Adds an event; false when it was there.
    pub(super) fn add(&mut self, event_id: EventId) -> bool {
        if !self.known.insert(event_id) {
            return false;
        }
        self.order.push_back(event_id);
        if self.order.len() > MAX_RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    pub(super) fn has(&self, event_id: EventId) -> bool {
        self.known.contains(&event_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let id = |n: usize| EventId::from_parts(n as u64, [0; 10]);
        let mut recent = Recent::default();
        for n in 0..=MAX_RECENT {
            assert!(recent.add(id(n)));
        }
        assert!(!recent.add(id(1)) && recent.has(id(MAX_RECENT)));
        assert!(!recent.has(id(0)));
        assert_eq!((recent.order.len(), recent.known.len()), (MAX_RECENT, MAX_RECENT));
    }
}
