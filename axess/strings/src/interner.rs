use crate::SharedStr;
use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

/// Hands out one shared allocation per distinct string, up to a limit.
///
/// Past `capacity` distinct strings it stops remembering and returns fresh copies: input chosen by an attacker
/// can cost time, never memory. Safe to share between threads.
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
    /// Creates an interner that remembers at most `capacity` distinct strings.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            known: RwLock::new(HashSet::new()),
        }
    }

    /// Returns the shared copy of `text`.
    #[must_use]
    pub fn intern(&self, text: &str) -> SharedStr {
        if let Some(known) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(text)
        {
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
        assert!(std::ptr::eq(
            interner.intern("a").as_str(),
            interner.intern("a").as_str()
        ));
        assert!(!std::ptr::eq(
            interner.intern("d").as_str(),
            interner.intern("d").as_str()
        ));
    }
}
