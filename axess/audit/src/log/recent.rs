//! The event ids that were appended last.

use super::{LogError, RECENT_EVENT_IDS, folder::Folder, segment};
use axess_identity::EventId;
use std::collections::{HashSet, VecDeque};

/// A bounded memory of event ids: the oldest goes when a new one comes.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<EventId>,
    known: HashSet<EventId>,
}

impl Recent {
    pub(super) fn contains(&self, id: EventId) -> bool {
        self.known.contains(&id)
    }

    pub(super) fn insert(&mut self, id: EventId) {
        if !self.known.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > RECENT_EVENT_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Reads as many of the newest segments as hold that many ids. Up to `end`, the last one is whole.
    pub(super) fn read(folder: &Folder, end: u64) -> Result<Self, LogError> {
        let mut newest_first = Vec::new();
        let mut count = 0;
        let mut active = true;
        for number in folder.segments()?.into_iter().rev() {
            let Some(segment) = segment::Segment::open(folder, number)? else { continue };
            let end = if active { end } else { segment.length()? };
            let mut ids = Vec::new();
            segment.scan(segment.first, end, |_, _, entry| {
                ids.push(entry.event_id());
                Ok(())
            })?;
            count += ids.len();
            newest_first.push(ids);
            if count >= RECENT_EVENT_IDS {
                break;
            }
            active = false;
        }
        let mut recent = Self::default();
        for id in newest_first.into_iter().rev().flatten() {
            recent.insert(id);
        }
        Ok(recent)
    }
}
