use super::*;
use axess_clock::MockClock;

mod flights;
mod model;

const TTL: Duration = Duration::from_secs(10);

fn cache(capacity: usize) -> (Arc<ClockTtlCache<u8, u64>>, MockClock) {
    let clock = MockClock::default();
    let capacity = NonZeroUsize::new(capacity).unwrap();
    let cache = ClockTtlCache::new(capacity, TTL, Arc::new(clock.clone()));
    (Arc::new(cache), clock)
}

#[test]
fn an_entry_dies_exactly_at_its_ttl() {
    let (cache, clock) = cache(4);
    cache.insert(1, 100);
    clock.advance(TTL - Duration::from_micros(1));
    assert_eq!(cache.get(&1), Some(100));
    clock.advance(Duration::from_micros(1));
    assert_eq!(cache.get(&1), None);
    assert!(cache.is_empty(), "an expired entry is dropped when it is asked for");
}

#[test]
fn a_use_does_not_prolong_a_life_but_a_new_value_does() {
    let (cache, clock) = cache(4);
    cache.insert(1, 100);
    cache.insert(2, 200);
    clock.advance(TTL / 2);
    assert_eq!(cache.get(&1), Some(100));
    cache.insert(2, 201);
    clock.advance(TTL / 2);
    assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(201)));
}

#[test]
fn a_clock_set_back_does_not_prolong_a_life() {
    let (cache, clock) = cache(4);
    cache.insert(1, 100);
    clock.advance(Duration::from_secs(9));
    assert_eq!(cache.get(&1), Some(100));
    clock.jump(chrono::TimeDelta::hours(-1));
    assert_eq!(cache.get(&1), Some(100), "one second is left");
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&1), None, "and it has passed, whatever hour it is");
}

#[test]
fn a_ttl_of_zero_serves_nothing() {
    let capacity = NonZeroUsize::new(4).unwrap();
    let cache = ClockTtlCache::new(capacity, Duration::ZERO, Arc::new(MockClock::default()));
    cache.insert(1, 100);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn invalidation_hits_what_it_names() {
    let (cache, _) = cache(8);
    for key in 0..8 {
        cache.insert(key, u64::from(key));
    }
    cache.invalidate(&3);
    cache.invalidate_where(|key| key % 2 == 0);
    let left: Vec<_> = (0..8).filter_map(|key| cache.get(&key)).collect();
    assert_eq!((left, cache.len()), (vec![1, 5, 7], 3));
    cache.clear();
    assert!(cache.is_empty());
    cache.insert(9, 9);
    assert_eq!(cache.get(&9), Some(9), "a cleared cache is usable");
}

#[test]
fn debug_prints_no_content() {
    let clock = Arc::new(MockClock::default());
    let cache = ClockTtlCache::new(NonZeroUsize::MIN, TTL, clock);
    cache.insert("the key", "the value");
    let text = format!("{cache:?}");
    assert!(text.contains("10s") && !text.contains("the "), "{text}");
}
