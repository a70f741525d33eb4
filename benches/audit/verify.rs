//! Verifying: what the program `axess-audit verify` does, with the public key alone.

use crate::{Fault, arguments::Arguments, quantile::median, site};
use axess_audit::{
    chain::{AuditKeys, VerifyOptions, verify_folder},
    log::FsyncPolicy,
};
use std::{path::Path, time::Instant};

/// How many times the events of one turn are in the log that is verified.
const TURNS: usize = 8;

/// What verifying gave: medians over the rounds.
pub(crate) struct Verified {
    pub(crate) events: usize,
    /// Events per second.
    pub(crate) rate: f64,
    /// The same for reading each line as JSON, without verifying anything.
    pub(crate) parsed: f64,
    /// Events verified per event that is only read, formed round by round.
    pub(crate) ratio: f64,
}

pub(crate) fn measure(arguments: &Arguments) -> Result<Verified, Fault> {
    let folder = arguments.fresh_folder()?;
    let (log, keys) = site::open(folder.path(), FsyncPolicy::Never)?;
    let events = arguments.events * TURNS;
    for batch in site::entries(&site::events(events))?.chunks(256) {
        log.append(batch.to_vec())?;
    }
    log.close()?;
    let path = folder.path().join("log");
    let (mut rates, mut parsed, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        let started = Instant::now();
        check(&path, &keys, events)?;
        let rate = events as f64 / started.elapsed().as_secs_f64();
        let started = Instant::now();
        parse(&path, events)?;
        let plain = events as f64 / started.elapsed().as_secs_f64();
        rates.push(rate);
        parsed.push(plain);
        ratios.push(rate / plain);
    }
    Ok(Verified { events, rate: median(rates), parsed: median(parsed), ratio: median(ratios) })
}

/// Verifies a log that must hold this many events.
pub(crate) fn check(log: &Path, keys: &AuditKeys, events: usize) -> Result<(), Fault> {
    let options = VerifyOptions { keys: vec![keys.signing.public_key()], ..VerifyOptions::default() };
    let report = verify_folder(log, &options)?;
    if !report.findings.is_empty() {
        return Err(format!("the log does not verify: {:?}", report.findings).into());
    }
    if report.entries != events as u64 {
        return Err(format!("the log has {} of {events} events", report.entries).into());
    }
    Ok(())
}

/// Reads every line as JSON.
fn parse(log: &Path, events: usize) -> Result<(), Fault> {
    let mut found = 0;
    for file in std::fs::read_dir(log)? {
        let file = file?.path();
        let is_segment = file.file_stem().is_some_and(|name| name.to_string_lossy().parse::<u64>().is_ok());
        if !is_segment {
            continue;
        }
        for line in std::fs::read_to_string(file)?.lines().skip(1) {
            found += usize::from(serde_json::from_str::<serde_json::Value>(line)?.is_object());
        }
    }
    if found == events { Ok(()) } else { Err(format!("{found} of {events} lines were read").into()) }
}
