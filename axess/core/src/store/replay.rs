use super::{StoreError, twin::storage_trait};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// Names one use of something that must be used once: a digest of who issued it and what they called it.
///
/// ```
/// use axess_core::store::ReplayKey;
/// assert_ne!(ReplayKey::new("https://a.example", "1"), ReplayKey::new("https://b.example", "1"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 32]);

/// Whether a use is the first.
///
/// ```
/// use axess_core::store::Claim;
/// assert_ne!(Claim::Fresh, Claim::Replayed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// It is, and it is taken now.
    Fresh,
    /// It was used before.
    Replayed,
}

impl ReplayKey {
    /// Names the token `jti` (RFC 7519 §4.1.7) of an issuer, or whatever else is unique within `issuer`.
    #[must_use]
    pub fn new(issuer: &str, jti: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [issuer, jti] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(digest.finalize().into())
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

storage_trait! {
    /// Remembers what was used, so that it is not used twice.
    ///
    /// ```
    /// use axess_core::{memory::MemoryJtiReplayStore, store::{Claim, JtiReplayStore, ReplayKey, StoreError}};
    /// # async fn example(now: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
    /// let (store, key) = (MemoryJtiReplayStore::new(), ReplayKey::new("https://login.example.com", "f47ac10b"));
    /// assert_eq!(store.claim(key, now + chrono::TimeDelta::minutes(5), now).await?, Claim::Fresh);
    /// assert_eq!(store.claim(key, now + chrono::TimeDelta::minutes(5), now).await?, Claim::Replayed);
    /// # Ok(()) }
    /// ```
    pub trait JtiReplayStore / DynJtiReplayStore for [DynJtiReplayStore] {
        /// Takes `key` until `until`, in one atomic step: of racing callers exactly one is told [`Claim::Fresh`]. A claim whose
        /// time is over at `now` does not count. A store without room fails; it never forgets a claim early.
        async fn claim(key: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Claim, StoreError>;
        /// Deletes at most `limit` claims that ended before `now`, and returns how many.
        async fn cleanup_expired(now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
    }
}
