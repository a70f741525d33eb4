use crate::SharedStr;
use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

/// The longest string that is remembered, in bytes.
const MAX_REMEMBERED_BYTES: usize = 256;

/// Hands out one shared allocation per distinct string, up to a limit.
///
/// Past `capacity` distinct strings it stops remembering and returns fresh copies, and it never remembers a string of
/// more than 256 bytes. What it keeps is therefore at most `capacity` times 256 bytes of text, whatever an attacker
/// sends. Safe to share between threads.
///
/// ```
/// use axess_strings::Interner;
/// let names = Interner::new(100);
/// let a = names.intern("password");
/// let b = names.intern("password");
/// assert!(std::ptr::eq(a.as_str(), b.as_str()));
/// ```
#[derive(Debug)]
pub struct Interner {
    capacity: usize,
    known: RwLock<HashSet<SharedStr>>,
}

impl Interner {
    /// Creates an interner that remembers at most `capacity` distinct strings, of at most 256 bytes each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, known: RwLock::new(HashSet::new()) }
    }

    /// Returns the shared copy of `text`, or a fresh one where `text` is not remembered.
    #[must_use]
    pub fn intern(&self, text: &str) -> SharedStr {
        if text.len() > MAX_REMEMBERED_BYTES {
            return SharedStr::from(text);
        }
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return known.clone();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(raced) = known.get(text) {
            return raced.clone();
        }
        let fresh = SharedStr::from(text);
        if known.len() < self.capacity {
            known.insert(fresh.clone());
        }
        fresh
    }

    /// Returns how many distinct strings are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Tells whether nothing is remembered yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_remembering_at_capacity() {
        let interner = Interner::new(2);
        for text in ["a", "b", "c", "d"] {
            assert_eq!(interner.intern(text), text);
        }
        assert_eq!(interner.len(), 2);
        assert!(std::ptr::eq(interner.intern("a").as_str(), interner.intern("a").as_str()));
        assert!(!std::ptr::eq(interner.intern("d").as_str(), interner.intern("d").as_str()));
    }

    #[test]
    fn long_strings_are_not_remembered() {
        let interner = Interner::new(10);
        let (kept, long) = ("x".repeat(256), "x".repeat(257));
        assert_eq!(interner.intern(&long), long.as_str());
        assert!(interner.is_empty());
        assert!(!std::ptr::eq(interner.intern(&long).as_str(), interner.intern(&long).as_str()));
        assert!(std::ptr::eq(interner.intern(&kept).as_str(), interner.intern(&kept).as_str()));
        assert_eq!(interner.len(), 1);
    }
}
