use std::{collections::HashMap, hash::Hash, num::NonZeroUsize};

/// The slot that closes the ring: its `older` is the newest entry, its `newer` the oldest.
const HEAD: usize = 0;

/// A map of at most `capacity` entries that forgets the least recently used one. Every operation takes constant
/// time.
///
/// Entries sit in slots that form a ring by index, newest to oldest, closed by slot [`HEAD`]. Every index in `index`,
/// `free` and the ring is a slot, so the `get`s on `slots` below always succeed.
pub(crate) struct Lru<K, V> {
    capacity: NonZeroUsize,
    index: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    free: Vec<usize>,
}

struct Slot<K, V> {
    entry: Option<(K, V)>,
    newer: usize,
    older: usize,
}

impl<K: Eq + Hash + Clone, V> Lru<K, V> {
    /// Memory is taken as entries arrive, not for the whole capacity at once.
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity,
            index: HashMap::new(),
            slots: vec![Slot { entry: None, newer: HEAD, older: HEAD }],
            free: Vec::new(),
        }
    }

    pub(crate) fn capacity(&self) -> NonZeroUsize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.index.keys()
    }

    /// Returns the value and makes it the newest.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let slot = *self.index.get(key)?;
        self.unlink(slot);
        self.link_newest(slot);
        let (_, value) = self.slots.get(slot)?.entry.as_ref()?;
        Some(value)
    }

    /// Stores the value as the newest, forgetting the oldest entry when there is no room.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        if self.len() >= self.capacity.get() {
            self.remove_oldest();
        }
        let entry = Some((key.clone(), value));
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(reused) = self.slots.get_mut(slot) {
                    reused.entry = entry;
                }
                slot
            }
            None => {
                self.slots.push(Slot { entry, newer: HEAD, older: HEAD });
                self.slots.len() - 1
            }
        };
        self.index.insert(key, slot);
        self.link_newest(slot);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(slot) = self.index.remove(key) {
            self.unlink(slot);
            if let Some(emptied) = self.slots.get_mut(slot) {
                emptied.entry = None;
            }
            self.free.push(slot);
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.slots.get(HEAD).map_or(HEAD, |head| head.newer);
        if let Some((key, _)) = self.slots.get(oldest).and_then(|slot| slot.entry.as_ref()) {
            let key = key.clone();
            self.remove(&key);
        }
    }

    fn link_newest(&mut self, slot: usize) {
        let second = self.slots.get(HEAD).map_or(HEAD, |head| head.older);
        self.join(HEAD, slot);
        self.join(slot, second);
    }

    fn unlink(&mut self, slot: usize) {
        if let Some(&Slot { newer, older, .. }) = self.slots.get(slot) {
            self.join(newer, older);
        }
    }

    fn join(&mut self, newer: usize, older: usize) {
        if let Some(slot) = self.slots.get_mut(newer) {
            slot.older = older;
        }
        if let Some(slot) = self.slots.get_mut(older) {
            slot.newer = newer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lru(capacity: usize) -> Lru<u32, u32> {
        Lru::new(NonZeroUsize::new(capacity).unwrap())
    }

    /// Walks the ring both ways and returns the keys from newest to oldest.
    fn order(lru: &Lru<u32, u32>) -> Vec<u32> {
        let walk = |step: fn(&Slot<u32, u32>) -> usize| {
            let mut keys = Vec::new();
            let mut at = step(&lru.slots[HEAD]);
            while at != HEAD {
                keys.push(lru.slots[at].entry.as_ref().unwrap().0);
                at = step(&lru.slots[at]);
            }
            keys
        };
        let mut backwards = walk(|slot| slot.newer);
        backwards.reverse();
        let forwards = walk(|slot| slot.older);
        assert_eq!(forwards, backwards);
        assert_eq!(forwards.len(), lru.len());
        forwards
    }

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let mut lru = lru(3);
        for key in [1, 2, 3] {
            lru.insert(key, key * 10);
        }
        assert_eq!(lru.get(&1), Some(&10));
        lru.insert(4, 40);
        assert_eq!(order(&lru), [4, 1, 3]);
        assert_eq!(lru.get(&2), None);
    }

    #[test]
    fn replacing_does_not_evict() {
        let mut lru = lru(2);
        lru.insert(1, 10);
        lru.insert(2, 20);
        lru.insert(1, 11);
        assert_eq!(order(&lru), [1, 2]);
        assert_eq!(lru.get(&1), Some(&11));
    }

    #[test]
    fn slots_are_reused() {
        let mut lru = lru(2);
        for key in 0..=1_000 {
            lru.insert(key, key);
            if key % 3 == 0 {
                lru.remove(&key);
            }
        }
        assert_eq!(order(&lru), [1_000, 998]);
        assert!(lru.slots.len() <= 3, "{} slots", lru.slots.len());
    }
}
