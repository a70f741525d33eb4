//! The cache against the obvious implementation: a list from least to most recently used.

use super::*;
use chrono::TimeDelta;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Insert(u8, u64),
    Load(u8, Result<u64, ()>, u64),
    Invalidate(u8),
    InvalidateMultiples(u8),
    Clear,
    /// Moves the clock by milliseconds, in either direction.
    Move(i64),
}

struct Model {
    capacity: usize,
    /// The sum of the steps forward, in milliseconds.
    age: i64,
    /// Key, value, age at birth.
    entries: Vec<(u8, u64, i64)>,
}

impl Model {
    fn get(&mut self, key: u8) -> Option<u64> {
        let at = self.entries.iter().position(|entry| entry.0 == key)?;
        let entry = self.entries.remove(at);
        if self.age - entry.2 >= 10_000 {
            return None;
        }
        self.entries.push(entry);
        Some(entry.1)
    }

    fn insert(&mut self, key: u8, value: u64, since: i64) {
        self.entries.retain(|entry| entry.0 != key);
        if self.entries.len() == self.capacity {
            self.entries.remove(0);
        }
        self.entries.push((key, value, since));
    }

    fn load(&mut self, key: u8, loaded: Result<u64, ()>, takes: u64) -> Result<u64, ()> {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let since = self.age;
        self.age += i64::try_from(takes).unwrap();
        let value = loaded?;
        if self.age - since < 10_000 {
            self.insert(key, value, since);
        }
        Ok(value)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..6_u8;
    prop_oneof![
        4 => key.clone().prop_map(Step::Get),
        4 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => (key.clone(), proptest::result::maybe_err(any::<u64>(), Just(())), 0..12_000_u64)
            .prop_map(|(key, loaded, takes)| Step::Load(key, loaded, takes)),
        1 => key.prop_map(Step::Invalidate),
        1 => (1..4_u8).prop_map(Step::InvalidateMultiples),
        1 => Just(Step::Clear),
        4 => (-8_000..8_000_i64).prop_map(Step::Move),
    ]
}

fn run(capacity: usize, steps: Vec<Step>) {
    let (cache, clock) = cache(capacity);
    let mut model = Model { capacity, age: 0, entries: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for step in steps {
        match step.clone() {
            Step::Get(key) => assert_eq!(cache.get(&key), model.get(key), "{step:?}"),
            Step::Insert(key, value) => {
                cache.insert(key, value);
                model.insert(key, value, model.age);
            }
            Step::Load(key, loaded, takes) => {
                let load = async || {
                    clock.advance(Duration::from_millis(takes));
                    loaded
                };
                let got = runtime.block_on(cache.get_or_try_load(key, load));
                assert_eq!(got, model.load(key, loaded, takes), "{step:?}");
            }
            Step::Invalidate(key) => {
                cache.invalidate(&key);
                model.entries.retain(|entry| entry.0 != key);
            }
            Step::InvalidateMultiples(of) => {
                cache.invalidate_where(|key| key % of == 0);
                model.entries.retain(|entry| entry.0 % of != 0);
            }
            Step::Clear => {
                cache.clear();
                model.entries.clear();
            }
            Step::Move(millis) => {
                clock.jump(TimeDelta::milliseconds(millis));
                model.age += millis.max(0);
            }
        }
        // The cache sees a moment only when it is asked, and the model sees every moment.
        cache.lock().age.read();
        assert_eq!(cache.len(), model.entries.len(), "{step:?}");
        assert!(cache.len() <= capacity);
        assert!(cache.lock().flights.is_empty(), "{step:?}");
    }
}

proptest! {
    #[test]
    fn behaves_like_the_obvious_implementation(
        capacity in 1..5_usize,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        run(capacity, steps);
    }
}
