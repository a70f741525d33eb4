use crate::{age::Age, lru::Lru};
use axess_clock::Clock;
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    hash::Hash,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

#[cfg(test)]
mod tests;

/// A bounded cache whose entries live for a fixed time and whose concurrent misses share one load.
///
/// **Bound.** At most `capacity` entries; storing one more forgets the least recently used. Every operation takes
/// constant time except [`invalidate_where`](Self::invalidate_where) and [`clear`](Self::clear).
///
/// **Life.** An entry is served while its age is below the TTL. Its age counts from the [`insert`](Self::insert), or
/// from the start of the load that produced it, so a stored answer is never staler than the TTL. The cache adds up the
/// clock's steps forward from call to call. A step back counts as no time: setting the clock back does not prolong a
/// life past the TTL as measured by the latest time seen, and setting it ahead expires entries early. With a TTL of
/// zero nothing is ever served, but misses still share loads.
///
/// **Consistency.** [`insert`](Self::insert) and every kind of invalidation win over a load in progress: what
/// that load brings is still returned to the callers that were waiting for it, but it is not stored, and
/// callers that come later begin a load of their own.
///
/// The key's `Eq` and `Hash`, the value's `Clone` and the closure of `invalidate_where` run under the cache's lock:
/// they must not call the cache. Wrap large values in an `Arc`.
///
/// ```
/// use axess_cache::ClockTtlCache;
/// use axess_clock::MockClock;
/// use std::{num::NonZeroUsize, sync::Arc, time::Duration};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let clock = MockClock::default();
/// let capacity = NonZeroUsize::new(1_000).unwrap();
/// let keys = ClockTtlCache::new(capacity, Duration::from_secs(300), Arc::new(clock.clone()));
///
/// let load = || async { Ok::<_, std::io::Error>("key material") };
/// assert_eq!(keys.get_or_try_load("kid-1", load).await.unwrap(), "key material");
/// assert_eq!(keys.get(&"kid-1"), Some("key material"));
///
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(keys.get(&"kid-1"), None);
/// # });
/// ```
pub struct ClockTtlCache<K, V> {
    state: Mutex<State<K, V>>,
    ttl: Duration,
}

struct State<K, V> {
    age: Age,
    entries: Lru<K, Entry<V>>,
    /// The loads in progress that may still be stored. Each has a caller waiting for it, so there are never more
    /// than concurrent callers.
    flights: HashMap<K, Flight<V>>,
}

struct Entry<V> {
    value: V,
    /// The age of the cache when the value was current.
    since: Duration,
}

/// One load and the number of callers that take part in it. The cell runs one initialiser at a time, hands the turn
/// on when one fails or is dropped, and wakes everybody when one succeeds.
struct Flight<V> {
    cell: Arc<OnceCell<V>>,
    seats: usize,
}

/// A caller's place in a flight. The last one to leave takes the flight off the map.
struct Seat<'a, K: Eq + Hash, V> {
    cache: &'a ClockTtlCache<K, V>,
    key: &'a K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> ClockTtlCache<K, V> {
    /// Creates an empty cache of at most `capacity` entries that live for `ttl` on `clock`.
    ///
    /// Memory is taken as entries arrive.
    #[must_use]
    pub fn new(capacity: NonZeroUsize, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(State {
                age: Age::new(clock),
                entries: Lru::new(capacity),
                flights: HashMap::new(),
            }),
            ttl,
        }
    }

    /// Returns the value of `key` unless it has expired, and counts as a use of it.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key, self.ttl)
    }

    /// Stores a value, whose life begins now.
    ///
    /// A load of `key` in progress will not overwrite it.
    pub fn insert(&self, key: K, value: V) {
        let mut state = self.lock();
        let since = state.age.read();
        state.flights.remove(&key);
        state.entries.insert(key, Entry { value, since });
    }

    /// Forgets `key`.
    ///
    /// What a load of it in progress brings will not be stored.
    pub fn invalidate(&self, key: &K) {
        let mut state = self.lock();
        state.flights.remove(key);
        state.entries.remove(key);
    }

    /// Forgets every key that `matches` accepts, loads in progress included.
    ///
    /// Takes time in the number of entries.
    pub fn invalidate_where(&self, matches: impl Fn(&K) -> bool) {
        let mut state = self.lock();
        state.flights.retain(|key, _| !matches(key));
        let doomed: Vec<K> = state.entries.keys().filter(|key| matches(key)).cloned().collect();
        for key in &doomed {
            state.entries.remove(key);
        }
    }

    /// Forgets everything, loads in progress included, and gives the memory back.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.flights = HashMap::new();
        state.entries = Lru::new(state.entries.capacity());
    }

    /// Returns the number of entries held, expired ones included that nobody has asked for since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Tells whether no entry is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of `key`, loading and storing it when it is missing or expired.
    ///
    /// One load per key runs at a time; callers that come meanwhile wait for it and get a clone of its value. (An
    /// `insert` or invalidation draws a line: the callers before it and the callers after it load apart.)
    ///
    /// When a load fails, its error goes to the caller that ran it, and the waiter that has waited longest runs its
    /// own `load` next: every caller gets either a value or the error of its own attempt. A waiter that must not
    /// queue behind failing loads sets a timeout around this call.
    ///
    /// Dropping the returned future at any point is safe: a waiter leaves the queue, and when the caller that loads
    /// is dropped, its load is dropped too and the next waiter takes over. The same holds when `load` panics.
    ///
    /// # Errors
    ///
    /// Returns the error of the caller's own `load`; nothing is stored then.
    pub async fn get_or_try_load<F, Fut, E>(&self, key: K, load: F) -> Result<V, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let seat = match self.find_or_join(&key) {
            Ok(value) => return Ok(value),
            Err(seat) => seat,
        };
        let loading = seat.cell.get_or_try_init(|| async {
            let since = self.lock().age.read();
            let value = load().await?;
            seat.land(value.clone(), since);
            Ok(value)
        });
        loading.await.cloned()
    }

    fn find_or_join<'a>(&'a self, key: &'a K) -> Result<V, Seat<'a, K, V>> {
        let mut state = self.lock();
        if let Some(value) = state.get(key, self.ttl) {
            return Ok(value);
        }
        let flight = state
            .flights
            .entry(key.clone())
            .or_insert_with(|| Flight { cell: Arc::new(OnceCell::new()), seats: 0 });
        flight.seats += 1;
        Err(Seat { cache: self, key, cell: flight.cell.clone() })
    }
}

impl<K, V> ClockTtlCache<K, V> {
    /// A panic in a caller's `Clone` or closure leaves the state whole, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, V: Clone> State<K, V> {
    fn get(&mut self, key: &K, ttl: Duration) -> Option<V> {
        let age = self.age.read();
        let entry = self.entries.get(key)?;
        if age.saturating_sub(entry.since) < ttl {
            return Some(entry.value.clone());
        }
        self.entries.remove(key);
        None
    }
}

impl<K: Eq + Hash, V> State<K, V> {
    /// Returns the flight of `key` if it is still the one that runs in `cell`: an insert or an invalidation takes a
    /// flight off the map and a later caller may have begun another.
    fn flight(&mut self, key: &K, cell: &Arc<OnceCell<V>>) -> Option<&mut Flight<V>> {
        let flight = self.flights.get_mut(key)?;
        Arc::ptr_eq(&flight.cell, cell).then_some(flight)
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Seat<'_, K, V> {
    /// Stores what the load brought, unless it is outdated already, and ends the flight.
    fn land(&self, value: V, since: Duration) {
        let mut state = self.cache.lock();
        if state.flight(self.key, &self.cell).is_some() {
            state.flights.remove(self.key);
            if state.age.read().saturating_sub(since) < self.cache.ttl {
                state.entries.insert(self.key.clone(), Entry { value, since });
            }
        }
    }
}

impl<K: Eq + Hash, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        let Some(flight) = state.flight(self.key, &self.cell) else {
            return;
        };
        flight.seats = flight.seats.saturating_sub(1);
        if flight.seats == 0 {
            state.flights.remove(self.key);
        }
    }
}

impl<K, V> fmt::Debug for ClockTtlCache<K, V> {
    /// Prints neither keys nor values: both may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockTtlCache").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}
