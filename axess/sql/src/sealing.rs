//! Secrets in columns: sealed for the row they are in, and sealed again when the key was rotated.

use crate::db::{Db, Row, Value, args, corrupt, misuse};
use axess_core::{
    envelope::Envelope,
    store::{StoreError, StoreErrorKind},
};
use axess_rng::{SecureRng, SystemRng};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The most bytes a secret has before it is sealed.
const MAX_SECRET: usize = 64 * 1024;
/// How many rows a sweep reads at a time.
const BATCH: usize = 100;

/// How a store keeps its secrets.
#[derive(Debug, Clone)]
pub(crate) struct Sealing {
    /// `None`: as they are.
    envelope: Option<Envelope>,
    rng: Arc<dyn SecureRng>,
}

/// A secret as its row has it.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    /// What key it is sealed under; `None` for a plain one.
    pub(crate) key_id: Option<i64>,
}

/// A secret that was read.
pub(crate) struct Opened {
    pub(crate) plain: Zeroizing<Vec<u8>>,
    /// The bytes it was sealed in, if that was under an old key.
    pub(crate) stale: Option<Vec<u8>>,
}

/// A table with a secret in each row: where it is, and how it is replaced.
pub(crate) struct SealedTable {
    /// Reads the rows with a key between two, at most so many, leaving out so many: the columns of the row's key, and the
    /// secret as `sealed` and `key_id`.
    pub(crate) between: &'static str,
    /// Replaces secret and key of one row, if it still has these bytes. Bytes are sealed once: whoever changed the row
    /// meanwhile has sealed others, and a version alone begins anew when a row is deleted and made again.
    pub(crate) replace: &'static str,
    pub(crate) locate: fn(&Row) -> Result<Located, StoreError>,
}

/// One row of a [`SealedTable`].
pub(crate) struct Located {
    /// What its secret is bound to.
    pub(crate) place: Vec<u8>,
    pub(crate) key: Vec<Value>,
}

impl Sealing {
    pub(crate) fn under(envelope: Envelope) -> Self {
        Self { envelope: Some(envelope), rng: Arc::new(SystemRng) }
    }

    pub(crate) fn none() -> Self {
        Self { envelope: None, rng: Arc::new(SystemRng) }
    }

    pub(crate) fn set_rng(&mut self, rng: Arc<dyn SecureRng>) {
        self.rng = rng;
    }

    pub(crate) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Sealed, StoreError> {
        if plain.len() > MAX_SECRET {
            return Err(misuse("a stored secret has at most 64 KiB"));
        }
        let Some(envelope) = &self.envelope else {
            return Ok(Sealed { bytes: plain.to_vec(), key_id: None });
        };
        let sealed = envelope.seal(place, plain, &*self.rng);
        let bytes = sealed.ok_or_else(|| StoreError::bare(StoreErrorKind::Backend))?;
        Ok(Sealed { key_id: key_id(&bytes), bytes })
    }

    /// Opens a secret. A plain one is refused where secrets are sealed, and a sealed one where they are not.
    pub(crate) fn open(&self, place: &[u8], sealed: Sealed) -> Result<Opened, StoreError> {
        match &self.envelope {
            Some(envelope) => {
                let opened = envelope.open(place, &sealed.bytes).ok_or_else(|| corrupt("sealed"))?;
                Ok(Opened { plain: opened.plain, stale: opened.stale.then_some(sealed.bytes) })
            }
            None if sealed.key_id.is_none() => Ok(Opened { plain: sealed.bytes.into(), stale: None }),
            None => Err(corrupt("sealed")),
        }
    }

    /// Seals a row's secret again, as its reader found it stale. That this fails is no reason for the reader to fail.
    pub(crate) async fn renew(&self, db: &Db, table: &SealedTable, row: Located, old: Vec<u8>, plain: &[u8]) {
        if let Err(error) = self.replace(db, table, row, old, plain).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a secret stays under an old key");
        }
    }

    /// Seals up to `limit` rows again that are under another key than the current one, and returns how many.
    ///
    /// A row that cannot be opened does not keep the others from it; when only such rows are left, that is an error.
    pub(crate) async fn renew_all(
        &self,
        db: &Db,
        table: &SealedTable,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let Some(current) = self.seal(&[], &[])?.key_id else { return Ok(0) };
        let (mut renewed, mut unreadable) = (0, 0);
        for (above, below) in [(-1, current), (current, i64::MAX)] {
            // What was sealed again is gone from the range, so only what could not be opened is left out.
            let mut left_out = 0_usize;
            loop {
                let want = BATCH.min(limit.saturating_sub(renewed));
                if want == 0 {
                    return Ok(count(renewed));
                }
                let rows = db.fetch_all(table.between, args![above, below, want, left_out]).await?;
                for row in &rows {
                    let (located, sealed) = ((table.locate)(row)?, Sealed::read(row)?);
                    let old = sealed.bytes.clone();
                    match self.open(&located.place, sealed) {
                        Ok(opened) => {
                            self.replace(db, table, located, old, &opened.plain).await?;
                            renewed += 1;
                        }
                        Err(_) => left_out += 1,
                    }
                }
                if rows.len() < want {
                    break;
                }
            }
            unreadable += left_out;
        }
        match (renewed, unreadable) {
            (0, 1..) => Err(corrupt("sealed")),
            _ => Ok(count(renewed)),
        }
    }

    async fn replace(
        &self,
        db: &Db,
        table: &SealedTable,
        row: Located,
        old: Vec<u8>,
        plain: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self.seal(&row.place, plain)?;
        let mut args = args![sealed.bytes, sealed.key_id];
        args.extend(row.key);
        args.extend(args![old]);
        db.execute(table.replace, args).await.map(drop)
    }
}

impl Sealed {
    /// Reads the columns `sealed` and `key_id`.
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { bytes: row.get("sealed")?, key_id: row.find("key_id")? })
    }
}

/// Names a row, so that no two rows have one name.
pub(crate) fn place(table: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut place = Vec::new();
    for part in [table.as_bytes()].iter().chain(parts) {
        place.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        place.extend_from_slice(part);
    }
    place
}

/// An envelope begins with the id of its key.
fn key_id(sealed: &[u8]) -> Option<i64> {
    sealed.first_chunk().map(|id| u32::from_be_bytes(*id).into())
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own() {
        assert_ne!(place("t", &[b"ab", b"c"]), place("t", &[b"a", b"bc"]));
        assert_ne!(place("t", &[b"a"]), place("ta", &[]));
    }

    #[test]
    fn plain_and_sealed_secrets_are_not_taken_for_each_other() {
        let sealing = Sealing::under(Envelope::new([1; 32]).unwrap());
        let sealed = sealing.seal(b"row", b"secret").unwrap();
        assert!(sealing.open(b"row", sealed.clone()).is_ok_and(|opened| *opened.plain == b"secret"));
        assert!(sealing.open(b"another", sealed.clone()).is_err());
        assert!(Sealing::none().open(b"row", sealed).is_err());
        let plain = Sealing::none().seal(b"row", b"secret").unwrap();
        assert!(Sealing::none().open(b"row", plain.clone()).is_ok());
        assert!(sealing.open(b"row", plain).is_err());
    }
}
