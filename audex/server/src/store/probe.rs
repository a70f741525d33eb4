//! Whether the database takes writes.

use super::{Store, StoreFault, sql::args, tx::Tx, writer::Work};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How long it counts that a write succeeded: strangers may ask as often as they like.
const COUNTS_FOR: TimeDelta = TimeDelta::seconds(1);

/// How much is written, in bytes: more than any request needs.
const ROOM: usize = 64 * 1_024;

const WRITE: &str = "INSERT INTO audex_probe (id, at, room) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, room = excluded.room";

/// When a write last succeeded that was made to see whether one does.
#[derive(Debug, Clone, Default)]
pub(super) struct Probed(Arc<Mutex<Option<DateTime<Utc>>>>);

struct Probe {
    at: DateTime<Utc>,
}

impl Store {
    /// Writes something, to see whether the database is there and takes it; at most once a second.
    ///
    /// A full disk and a database that only reads let nothing be issued, and are found out by nothing less.
    ///
    /// # Errors
    ///
    /// [`StoreFault`].
    pub async fn probe(&self) -> Result<(), StoreFault> {
        // Held while it is written: those who come meanwhile take the answer.
        let mut last = self.probed.0.lock().await;
        let now = self.clock.now();
        if last.is_some_and(|at| (now - at).abs() < COUNTS_FOR) {
            return Ok(());
        }
        *last = None;
        self.write(Probe { at: now }).await?;
        *last = Some(now);
        Ok(())
    }
}

impl Probe {
    /// Returns what is written: other bytes each time, as SQLite leaves pages alone that stay as they are.
    fn room(&self) -> Vec<u8> {
        self.at.timestamp_micros().to_le_bytes().repeat(ROOM / size_of::<i64>())
    }
}

impl Work for Probe {
    type Out = ();

    fn is_evidence(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx) -> Result<(), StoreFault> {
        tx.execute(WRITE, args![self.at, self.room()]).await.map(drop)
    }
}
