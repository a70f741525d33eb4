//! Appending: many tasks, each of which goes on when its event is on record.

use crate::{Fault, arguments::Arguments, plain::Plain, quantile::median, site};
use axess_audit::log::{AuditLog, FsyncPolicy, NewEntry};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// How many tasks append side by side.
const WRITERS: [usize; 4] = [1, 16, 64, 256];

/// What one number of writers gave: medians over the rounds.
pub(crate) struct Appended {
    pub(crate) writers: usize,
    /// Events per second, each on disk before its task went on.
    pub(crate) durable: f64,
    /// Events per second, each in the log's file, whenever the system writes it to the disk.
    pub(crate) cached: f64,
    /// Lines per second through `tracing-appender`, handed to its thread.
    pub(crate) plain: f64,
    /// Durable events per plain line, formed round by round.
    pub(crate) durable_ratio: f64,
    /// Cached events per plain line, formed round by round.
    pub(crate) cached_ratio: f64,
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<Vec<Appended>, Fault> {
    let mut results = Vec::new();
    for writers in WRITERS {
        results.push(one(arguments, writers).await?);
    }
    Ok(results)
}

async fn one(arguments: &Arguments, writers: usize) -> Result<Appended, Fault> {
    let mut rates: [Vec<f64>; 3] = Default::default();
    for round in 0..arguments.rounds {
        let events = site::events(per_writer(arguments, writers) * writers);
        let mut took = [Duration::ZERO; 3];
        for step in 0..took.len() {
            let side = (round + step) % took.len();
            let folder = arguments.fresh_folder()?;
            let spent = match side {
                0 => log(folder.path(), FsyncPolicy::Always, site::entries(&events)?, writers).await?,
                1 => log(folder.path(), FsyncPolicy::Never, site::entries(&events)?, writers).await?,
                _ => plain(folder.path(), site::entries(&events)?, writers).await?,
            };
            if let Some(took) = took.get_mut(side) {
                *took = spent;
            }
        }
        for (rates, took) in rates.iter_mut().zip(took) {
            rates.push(events.len() as f64 / took.as_secs_f64());
        }
    }
    let [durable, cached, plain] = rates;
    let ratio = |ours: &[f64]| median(ours.iter().zip(&plain).map(|(ours, plain)| ours / plain).collect());
    Ok(Appended {
        writers,
        durable_ratio: ratio(&durable),
        cached_ratio: ratio(&cached),
        durable: median(durable),
        cached: median(cached),
        plain: median(plain),
    })
}

/// A single writer waits for the disk each time: fewer events say as much.
fn per_writer(arguments: &Arguments, writers: usize) -> usize {
    let share = if writers == 1 { arguments.events / 16 } else { arguments.events / writers };
    share.max(1)
}

async fn log(
    folder: &std::path::Path,
    fsync: FsyncPolicy,
    entries: Vec<NewEntry>,
    writers: usize,
) -> Result<Duration, Fault> {
    let (log, keys) = site::open(folder, fsync)?;
    let count = entries.len();
    let started = Instant::now();
    let tasks = shares(entries, writers).into_iter().map(|share| {
        let log: AuditLog = log.clone();
        tokio::spawn(async move {
            for entry in share {
                log.record(entry).await?;
            }
            Ok::<_, Fault>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    let took = started.elapsed();
    log.close()?;
    crate::verify::check(&folder.join("log"), &keys, count)?;
    Ok(took)
}

async fn plain(folder: &std::path::Path, entries: Vec<NewEntry>, writers: usize) -> Result<Duration, Fault> {
    let count = entries.len();
    let plain = Plain::open(folder);
    let started = Instant::now();
    let tasks = shares(entries, writers).into_iter().map(|share| {
        let mut writer = plain.writer();
        tokio::spawn(async move {
            for entry in share {
                let line = [&entry.event[..], b"\n"].concat();
                writer.write_all(&line)?;
            }
            Ok::<_, Fault>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    // Until everything is in the file.
    drop(plain);
    let took = started.elapsed();
    let lines = std::fs::read_to_string(folder.join("plain.jsonl"))?.lines().count();
    if lines == count { Ok(took) } else { Err(format!("{lines} of {count} lines were written").into()) }
}

fn shares(entries: Vec<NewEntry>, writers: usize) -> Vec<Vec<NewEntry>> {
    let size = entries.len().div_ceil(writers).max(1);
    entries.chunks(size).map(<[_]>::to_vec).collect()
}
