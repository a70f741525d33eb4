//! How many requests one caller may make in a while: the pure rule, and what names a bucket.
//!
//! Where buckets live is [`RateLimitBuckets`](crate::store::RateLimitBuckets).

mod gcra;

pub use gcra::{GcraDecision, RateQuota, gcra_decide};

use sha2::{Digest, Sha256};
use std::time::Duration;

/// The largest burst.
pub const MAX_RATE_REQUESTS: u32 = 1_000_000;

/// The shortest window.
pub const MIN_RATE_WINDOW: Duration = Duration::from_millis(1);

/// The longest window: 30 days.
pub const MAX_RATE_WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The name of one bucket: a digest, so that it has one size whatever it was made of and carries no personal data.
///
/// ```
/// use axess_core::ratelimit::BucketKey;
/// let (login, api) = (BucketKey::new("login", "user:1"), BucketKey::new("api", "user:1"));
/// assert_ne!(login, api, "limiters do not share buckets");
/// assert_eq!(login.as_bytes().len(), 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey([u8; 16]);

/// Says whether a request may go on.
///
/// ```
/// use axess_core::ratelimit::Admission;
/// use std::time::Duration;
/// let refused = Admission::Refused { retry_after: Duration::from_millis(1_500) };
/// assert_ne!(refused, Admission::Admitted);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It was counted and may go on.
    Admitted,
    /// It was not counted and may not go on.
    Refused {
        /// The time until a request would be admitted; never zero.
        retry_after: Duration,
    },
}

impl BucketKey {
    /// Names the bucket of `key` in the limiter called `limiter`.
    #[must_use]
    pub fn new(limiter: &str, key: &str) -> Self {
        Self::digest([("limiter", limiter), ("key", key)])
    }

    /// Names the bucket of a list of tagged values: two different lists never read the same.
    #[must_use]
    pub fn digest<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut digest = Sha256::new();
        for part in values.into_iter().flat_map(|(tag, value)| [tag, value]) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut name = [0; 16];
        // Half of SHA-256: two keys share a bucket with a chance of 2^-128.
        for (byte, full) in name.iter_mut().zip(digest.finalize()) {
            *byte = full;
        }
        Self(name)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
