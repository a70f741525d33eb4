//! The injected source of randomness: every id, nonce, salt, code and key comes from a `SecureRng`.
//!
//! Does not know about: what the bytes are used for, or anything else in the workspace.
#![forbid(unsafe_code)]

mod mock;
mod system;

pub use mock::MockRng;
pub use system::SystemRng;

/// Fills buffers with random bytes.
///
/// `fill_bytes` takes `&self` so that one `Arc<dyn SecureRng>` serves every task. An implementation either fills
/// the whole buffer or does not return: there is no such thing as a short or weak read.
///
/// ```
/// use axess_rng::{SecureRng, SystemRng, random_array};
/// let a: [u8; 16] = random_array(&SystemRng);
/// let b: [u8; 16] = random_array(&SystemRng);
/// assert_ne!(a, b);
/// ```
pub trait SecureRng: Send + Sync + std::fmt::Debug {
    /// Overwrites all of `dest`.
    fn fill_bytes(&self, dest: &mut [u8]);
}

impl<R: SecureRng + ?Sized> SecureRng for std::sync::Arc<R> {
    fn fill_bytes(&self, dest: &mut [u8]) {
        (**self).fill_bytes(dest);
    }
}

/// Returns `N` random bytes.
#[must_use]
pub fn random_array<const N: usize>(rng: &(impl SecureRng + ?Sized)) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Returns a uniformly distributed number in `0..bound`, or 0 when `bound` is 0.
///
/// Uses rejection sampling, so there is no modulo bias however large `bound` is.
///
/// ```
/// use axess_rng::{MockRng, random_below};
/// let rng = MockRng::new(7);
/// assert!((0..1_000).all(|_| random_below(&rng, 10) < 10));
/// ```
#[must_use]
pub fn random_below(rng: &(impl SecureRng + ?Sized), bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let zone = u64::MAX - (u64::MAX % bound);
    loop {
        let draw = u64::from_le_bytes(random_array(rng));
        if draw < zone {
            return draw % bound;
        }
    }
}
