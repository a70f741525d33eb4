//! The ring of signing keys: pure, and a key's state is a matter of the clock alone.

mod stored;
#[cfg(test)]
mod tests;

use crate::{JwkSet, LocalIdpSigningKey, SigningAlgorithm, SigningKeyError};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::sync::Arc;

/// The longest a writer takes from reading the clock until others can read what it wrote.
const SLOW_WRITER: TimeDelta = TimeDelta::minutes(1);
/// The most keys of a ring.
pub const MAX_KEYS: usize = 16;

/// What a key does at a given time.
///
/// ```
/// use axess_local_idp::KeyState;
/// assert!(KeyState::Pending.is_published() && !KeyState::Gone.is_published());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published; does not sign yet.
    Pending,
    /// Signs.
    Active,
    /// Published until the last token it may have signed has expired.
    Retiring,
    /// No longer published; deleted by the next write.
    Gone,
}

/// One key of the ring, as an operator sees it.
///
/// ```
/// use axess_local_idp::{KeyInfo, KeyState};
/// let signs = |keys: &[KeyInfo]| keys.iter().filter(|key| key.state == KeyState::Active).count();
/// assert_eq!(signs(&[]), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// What it does now.
    pub state: KeyState,
    /// When it began or will begin to sign.
    pub active_from: DateTime<Utc>,
    /// When it stops being published; unknown until it has a successor.
    pub gone_at: Option<DateTime<Utc>>,
}

/// What became of a wish to rotate.
///
/// ```
/// use axess_local_idp::Rotation;
/// let rotation = Rotation::Waiting { kid: "k".into(), active_from: chrono::DateTime::UNIX_EPOCH };
/// assert_eq!(rotation.kid(), "k");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// A new key is published and will sign from then on.
    Scheduled {
        /// Its id.
        kid: String,
        /// When it begins to sign.
        active_from: DateTime<Utc>,
    },
    /// A new key was waiting already: a rotation that is run twice, or by two processes, makes one key.
    Waiting {
        /// Its id.
        kid: String,
        /// When it begins to sign.
        active_from: DateTime<Utc>,
    },
}

/// Says what is wrong with a ring of keys.
///
/// ```
/// use axess_local_idp::KeyRingError;
/// assert_eq!(KeyRingError::Version(2).to_string(), "the key ring has version 2; this program reads version 1");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The stored ring cannot be read: it was damaged.
    #[error("the stored key ring cannot be read: {0}")]
    Corrupt(&'static str),
    /// The stored ring was written by a newer program.
    #[error("the key ring has version {0}; this program reads version 1")]
    Version(u64),
    /// Too many keys are still published.
    #[error("16 keys are still published; wait until the tokens of the oldest have expired")]
    Full,
    /// The key is in the ring already.
    #[error("the key is in the ring already")]
    Known,
    /// No key of the ring has this id.
    #[error("no key of the ring has this id")]
    Unknown,
    /// A key could not be made or written.
    #[error("a key could not be made or written")]
    Key(#[from] SigningKeyError),
}

/// The keys of an issuer, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    keys: Vec<RingKey>,
}

/// A key and its times. Its end is the beginning of the next one.
#[derive(Debug, Clone)]
pub(crate) struct RingKey {
    pub(crate) key: Arc<LocalIdpSigningKey>,
    pub(crate) active_from: DateTime<Utc>,
    /// The longest lifetime of a token it signs, so that its end is known whatever is configured later.
    pub(crate) longest: TimeDelta,
}

impl Rotation {
    /// Returns the id of the key that signs next.
    #[must_use]
    pub fn kid(&self) -> &str {
        match self {
            Self::Scheduled { kid, .. } | Self::Waiting { kid, .. } => kid,
        }
    }

    /// Returns when that key begins to sign.
    #[must_use]
    pub fn active_from(&self) -> DateTime<Utc> {
        match self {
            Self::Scheduled { active_from, .. } | Self::Waiting { active_from, .. } => *active_from,
        }
    }
}

impl KeyState {
    /// Tells whether the key is in the JWKS.
    #[must_use]
    pub fn is_published(self) -> bool {
        self != Self::Gone
    }
}

impl KeyRing {
    /// Creates a ring whose only key signs at once: nobody has cached anything yet.
    pub(crate) fn new(key: Arc<LocalIdpSigningKey>, longest: TimeDelta, now: DateTime<Utc>) -> Self {
        Self { keys: vec![RingKey { key, active_from: whole_second(now), longest }] }
    }

    /// Returns the key that signs: the newest that has begun.
    ///
    /// After a jump of the clock to before all of them it is the oldest, which everybody knows by now.
    pub(crate) fn active(&self, now: DateTime<Utc>) -> Option<&RingKey> {
        self.keys.get(self.active_at(now))
    }

    /// Returns a published key by its id.
    pub(crate) fn find(&self, kid: &str, now: DateTime<Utc>) -> Option<&RingKey> {
        self.published(now).find(|ring_key| ring_key.key.key_id() == kid)
    }

    pub(crate) fn jwks(&self, now: DateTime<Utc>) -> JwkSet {
        JwkSet { keys: self.published(now).map(|ring_key| ring_key.key.public_jwk().clone()).collect() }
    }

    pub(crate) fn infos(&self, now: DateTime<Utc>) -> Vec<KeyInfo> {
        let info = |(at, ring_key): (usize, &RingKey)| KeyInfo {
            kid: ring_key.key.key_id().to_owned(),
            algorithm: ring_key.key.algorithm(),
            state: self.state(at, now),
            active_from: ring_key.active_from,
            gone_at: self.gone_at(at),
        };
        self.keys.iter().enumerate().map(info).collect()
    }

    /// Returns the longest lifetime of any token that the keys sign.
    pub(crate) fn longest(&self) -> TimeDelta {
        self.keys.iter().map(|ring_key| ring_key.longest).max().unwrap_or_default()
    }

    /// Tells whether the newest key is older than `every`, or signs for shorter than `longest`.
    pub(crate) fn is_rotation_due(&self, every: TimeDelta, longest: TimeDelta, now: DateTime<Utc>) -> bool {
        self.keys
            .last()
            .is_none_or(|newest| later(newest.active_from, every) <= now || newest.longest < longest)
    }

    /// Tells which key waits to sign, if one does.
    pub(crate) fn waiting(&self, now: DateTime<Utc>) -> Option<Rotation> {
        let newest = self.keys.last().filter(|newest| newest.active_from > now && self.keys.len() > 1)?;
        Some(Rotation::Waiting { kid: newest.key.key_id().to_owned(), active_from: newest.active_from })
    }

    /// Tells whether a key is gone and only waits to be deleted.
    pub(crate) fn has_gone(&self, now: DateTime<Utc>) -> bool {
        (0..self.keys.len()).any(|at| self.state(at, now) == KeyState::Gone)
    }

    /// Adds a key that signs after `propagation`, unless one is waiting already.
    pub(crate) fn rotate(
        &mut self,
        key: Arc<LocalIdpSigningKey>,
        propagation: TimeDelta,
        longest: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Rotation, KeyRingError> {
        self.sweep(now);
        if let Some(waiting) = self.waiting(now) {
            return Ok(waiting);
        }
        // A clock that went back must not make the new key older than the one it follows.
        let after = self.keys.last().map_or(DateTime::<Utc>::MIN_UTC, |newest| newest.active_from);
        let active_from = later(whole_second(now), propagation).max(after);
        let kid = key.key_id().to_owned();
        self.push(RingKey { key, active_from, longest })?;
        Ok(Rotation::Scheduled { kid, active_from })
    }

    /// Removes a key at once. If it was the one that signs, the waiting one or else `substitute` signs from now on.
    pub(crate) fn withdraw(
        &mut self,
        kid: &str,
        substitute: Arc<LocalIdpSigningKey>,
        longest: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(), KeyRingError> {
        self.sweep(now);
        let at = self.keys.iter().position(|ring_key| ring_key.key.key_id() == kid);
        let at = at.ok_or(KeyRingError::Unknown)?;
        let signed = at == self.active_at(now);
        self.keys.remove(at);
        if !signed {
            return Ok(());
        }
        match self.keys.get_mut(at) {
            Some(next) => {
                next.active_from = whole_second(now);
                Ok(())
            }
            None => self.push(RingKey { key: substitute, active_from: whole_second(now), longest }),
        }
    }

    /// Deletes what is gone.
    pub(crate) fn sweep(&mut self, now: DateTime<Utc>) {
        let gone = (0..self.keys.len()).filter(|at| self.state(*at, now) == KeyState::Gone);
        let gone: Vec<usize> = gone.collect();
        gone.into_iter().rev().for_each(|at| drop(self.keys.remove(at)));
    }

    fn push(&mut self, ring_key: RingKey) -> Result<(), KeyRingError> {
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyRingError::Full);
        }
        if self.keys.iter().any(|known| known.key.key_id() == ring_key.key.key_id()) {
            return Err(KeyRingError::Known);
        }
        self.keys.push(ring_key);
        Ok(())
    }

    fn published(&self, now: DateTime<Utc>) -> impl Iterator<Item = &RingKey> {
        let state = move |at: &usize| self.state(*at, now).is_published();
        (0..self.keys.len()).filter(state).filter_map(|at| self.keys.get(at))
    }

    fn active_at(&self, now: DateTime<Utc>) -> usize {
        self.keys.iter().rposition(|ring_key| ring_key.active_from <= now).unwrap_or(0)
    }

    fn state(&self, at: usize, now: DateTime<Utc>) -> KeyState {
        let active = self.active_at(now);
        match at.cmp(&active) {
            std::cmp::Ordering::Greater => KeyState::Pending,
            std::cmp::Ordering::Equal => KeyState::Active,
            std::cmp::Ordering::Less if self.gone_at(at).is_some_and(|gone_at| gone_at <= now) => {
                KeyState::Gone
            }
            std::cmp::Ordering::Less => KeyState::Retiring,
        }
    }

    fn gone_at(&self, at: usize) -> Option<DateTime<Utc>> {
        let (this, next) = (self.keys.get(at)?, self.keys.get(at + 1)?);
        Some(later(next.active_from, this.longest + SLOW_WRITER))
    }
}

/// Adds without overflow.
pub(crate) fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Rounds down to the second, as every time in a token and in a stored ring is.
pub(crate) fn whole_second(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::seconds(1)).unwrap_or(time)
}
