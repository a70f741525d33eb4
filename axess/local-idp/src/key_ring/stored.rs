//! The ring as a store keeps it: one JSON document, version 1.

use super::{KeyRing, KeyRingError, MAX_KEYS, RingKey};
use crate::{
    KeyRingBytes, LocalIdpSigningKey, MAX_LIFETIME, SigningAlgorithm, SigningKeyError,
    key_store::MAX_RING_BYTES,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The only version there is. Another one is refused: whoever does not know all of a ring must not write it back.
const VERSION: u64 = 1;
/// More than everything of a key but the key itself.
const ENTRY_BYTES: usize = 160;

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRing<'a> {
    version: u64,
    #[serde(borrow)]
    keys: Vec<StoredKey<'a>>,
}

// The key is borrowed from the wiped buffers on both ways, so no other copy of it is made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey<'a> {
    alg: SigningAlgorithm,
    /// Unix seconds.
    active_from: i64,
    /// Seconds.
    longest: i64,
    /// PKCS #8 in base64url.
    pkcs8: &'a str,
}

impl KeyRing {
    pub(crate) fn encode(&self) -> Result<KeyRingBytes, KeyRingError> {
        let text = |ring_key: &RingKey| -> Result<Zeroizing<String>, SigningKeyError> {
            Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(&*ring_key.key.to_pkcs8()?)))
        };
        let texts = self.keys.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let room: usize = texts.iter().map(|pkcs8| pkcs8.len() + ENTRY_BYTES).sum();
        let keys = self.keys.iter().zip(&texts).map(|(ring_key, pkcs8)| StoredKey {
            alg: ring_key.key.algorithm(),
            active_from: ring_key.active_from.timestamp(),
            longest: ring_key.longest.num_seconds(),
            pkcs8,
        });
        // With enough room from the start nothing is moved, and so nothing is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ENTRY_BYTES + room));
        serde_json::to_writer(&mut *bytes, &StoredRing { version: VERSION, keys: keys.collect() })
            .map_err(|_| KeyRingError::Corrupt("it cannot be written"))?;
        Ok(KeyRingBytes::from(std::mem::take(&mut *bytes)))
    }

    pub(crate) fn decode(bytes: &KeyRingBytes) -> Result<Self, KeyRingError> {
        let bytes = bytes.expose();
        if bytes.len() > MAX_RING_BYTES {
            return Err(KeyRingError::Corrupt("it is too long"));
        }
        let versioned: Versioned =
            serde_json::from_slice(bytes).map_err(|_| KeyRingError::Corrupt("no JSON object"))?;
        if versioned.version != VERSION {
            return Err(KeyRingError::Version(versioned.version));
        }
        let stored: StoredRing<'_> = serde_json::from_slice(bytes)
            .map_err(|_| KeyRingError::Corrupt("a field is missing or unknown"))?;
        if stored.keys.is_empty() || stored.keys.len() > MAX_KEYS {
            return Err(KeyRingError::Corrupt("it has no key, or too many"));
        }
        let keys = stored.keys.iter().map(StoredKey::read).collect::<Result<Vec<_>, _>>()?;
        if !keys.is_sorted_by_key(|ring_key| ring_key.active_from) {
            return Err(KeyRingError::Corrupt("its keys are out of order"));
        }
        let kid = |ring_key: &RingKey| ring_key.key.key_id().to_owned();
        if keys.iter().map(kid).collect::<std::collections::BTreeSet<_>>().len() != keys.len() {
            return Err(KeyRingError::Corrupt("a key is in it twice"));
        }
        Ok(Self { keys })
    }
}

impl StoredKey<'_> {
    fn read(&self) -> Result<RingKey, KeyRingError> {
        let der = URL_SAFE_NO_PAD.decode(self.pkcs8).map(Zeroizing::new);
        let der = der.map_err(|_| KeyRingError::Corrupt("a key is no base64url"))?;
        let key = LocalIdpSigningKey::from_pkcs8(self.alg, &der);
        let key = key.map_err(|_| KeyRingError::Corrupt("a key is none of its algorithm"))?;
        let active_from: Option<DateTime<Utc>> = DateTime::from_timestamp(self.active_from, 0);
        let longest = TimeDelta::try_seconds(self.longest).filter(|longest| *longest <= MAX_LIFETIME);
        let (Some(active_from), Some(longest)) =
            (active_from, longest.filter(|longest| *longest > TimeDelta::zero()))
        else {
            return Err(KeyRingError::Corrupt("a time is out of range"));
        };
        Ok(RingKey { key: Arc::new(key), active_from, longest })
    }
}
