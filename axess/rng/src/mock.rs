use crate::SecureRng;
use std::sync::{Mutex, PoisonError};

/// A seeded generator that replays the same bytes in every run. **Never for production**: its output is predictable.
///
/// The generator is SplitMix64: equal seeds give equal sequences on every platform, whatever the chunk sizes asked for.
///
/// ```
/// use axess_rng::{MockRng, random_array};
/// let first: [u8; 8] = random_array(&MockRng::new(42));
/// let again: [u8; 8] = random_array(&MockRng::new(42));
/// assert_eq!(first, again);
/// ```
#[derive(Debug)]
pub struct MockRng {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seed: u64,
    left: Vec<u8>,
}

impl MockRng {
    /// Creates a generator from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { seed, left: Vec::new() }) }
    }
}

impl Default for MockRng {
    fn default() -> Self {
        Self::new(0)
    }
}

impl SecureRng for MockRng {
    fn fill_bytes(&self, dest: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in dest {
            *byte = state.next_byte();
        }
    }
}

impl State {
    fn next_byte(&mut self) -> u8 {
        if let Some(byte) = self.left.pop() {
            return byte;
        }
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let [first, rest @ ..] = (z ^ (z >> 31)).to_be_bytes();
        self.left.extend(rest.iter().rev());
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random_array, random_below};

    #[test]
    fn chunking_does_not_change_the_sequence() {
        let whole: [u8; 20] = random_array(&MockRng::new(9));
        let rng = MockRng::new(9);
        let mut parts = [0; 20];
        let (a, b) = parts.split_at_mut(7);
        rng.fill_bytes(a);
        rng.fill_bytes(b);
        assert_eq!(whole, parts);
    }

    #[test]
    fn splitmix_reference_value() {
        // First output of SplitMix64 seeded with 0 (Vigna's reference implementation).
        assert_eq!(u64::from_be_bytes(random_array(&MockRng::new(0))), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn bounds_are_respected_and_zero_is_zero() {
        let rng = MockRng::new(1);
        assert_eq!(random_below(&rng, 0), 0);
        assert!((0..10_000).all(|_| random_below(&rng, 3) < 3));
    }
}
