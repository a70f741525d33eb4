//! What a line of evidence costs, in logs of several lengths.

use crate::{Fault, arguments::Arguments, quantile::median};
use audex_core::{
    Requester,
    audit::{BrokerEvent, LogTrail, Trail},
    session::SessionId,
};
use axess_audit::log::NewEntry;
use axess_clock::{Clock, SystemClock};
use axess_events::AuthEventEnvelope;
use axess_identity::EventId;
use axess_rng::SystemRng;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
    time::Instant,
};

/// How many lines are written at once where that is not measured.
const BATCH: usize = 1_000;

/// What was measured of one length, in microseconds.
#[derive(Debug, PartialEq)]
pub(crate) struct Appended {
    /// How many lines the log had.
    pub(crate) lines: usize,
    /// One more line.
    pub(crate) line: f64,
    /// Opening the log and one more line: what every program pays that has something to record.
    pub(crate) opened: f64,
    /// A line of the same length in a plain file, flushed to disk.
    pub(crate) plain: f64,
}

pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Appended>, Fault> {
    [0, arguments.lines / 10, arguments.lines].map(|lines| one(arguments, lines)).into_iter().collect()
}

fn one(arguments: &Arguments, lines: usize) -> Result<Appended, Fault> {
    let folder = arguments.fresh_folder()?;
    fill(folder.path(), lines)?;
    let (mut alone, mut opened, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let file = folder.path().join("plain");
    for _ in 0..arguments.rounds {
        let began = Instant::now();
        let trail = open(folder.path())?;
        record(&trail)?;
        opened.push(microseconds(began));
        let began = Instant::now();
        record(&trail)?;
        alone.push(microseconds(began));
        drop(trail);
        let text = fs::read_to_string(folder.path().join("audit/audit.jsonl"))?;
        let line = text.lines().last().unwrap_or_default();
        let began = Instant::now();
        let mut file = OpenOptions::new().append(true).create(true).open(&file)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()?;
        plain.push(microseconds(began));
    }
    Ok(Appended { lines, line: median(alone), opened: median(opened), plain: median(plain) })
}

fn open(folder: &Path) -> Result<LogTrail, Fault> {
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    Ok(LogTrail::open(&folder.join("audit"), &folder.join("keys"), clock, rng)?)
}

fn event() -> BrokerEvent {
    let session_id = SessionId::generate(&SystemRng);
    BrokerEvent::CredentialsFailed {
        session_id,
        access_key_id: None,
        reason: "the role does not trust the user".to_owned(),
    }
}

fn record(trail: &LogTrail) -> Result<(), Fault> {
    Ok(trail.record(&Requester::LocalUser { uid: 0, name: None }, event())?)
}

fn fill(folder: &Path, lines: usize) -> Result<(), Fault> {
    let trail = open(folder)?;
    let mut left = lines;
    while left > 0 {
        let batch = left.min(BATCH);
        let entry = |_| {
            let now = SystemClock.now();
            NewEntry::of(&AuthEventEnvelope::new(EventId::generate(now, &SystemRng), now, event()))
        };
        trail.log().append((0..batch).map(entry).collect::<Result<Vec<_>, _>>()?)?;
        left -= batch;
    }
    Ok(trail.close()?)
}

fn microseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}
