use crate::SecureRng;

/// Draws from the operating system's generator.
///
/// # Panics
///
/// Panics when the operating system has no entropy source. Nothing secure can be done without one, and going on
/// with predictable bytes would be worse than stopping.
///
/// ```
/// use axess_rng::{SecureRng, SystemRng};
/// let mut key = [0u8; 32];
/// SystemRng.fill_bytes(&mut key);
/// assert_ne!(key, [0u8; 32]);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl SecureRng for SystemRng {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "this is the one place that asks the system, and without randomness nothing may go on"
    )]
    fn fill_bytes(&self, dest: &mut [u8]) {
        getrandom::fill(dest).expect("the operating system has no entropy source");
    }
}
