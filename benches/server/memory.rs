//! How much memory sessions take that are active.

use crate::{
    Fault,
    arguments::Arguments,
    contestants::Contestant,
    load::{Span, Target},
};
use axess_peers::Process;
use std::{fs, time::Duration};

/// How many clients make the sessions.
const CLIENTS: usize = 16;
/// How long they go on between two looks.
const STEP: Span = Span { warm_up: Duration::ZERO, counted: Duration::from_millis(250) };

/// What was measured of one server.
#[derive(Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    /// How many sessions were made.
    pub(crate) sessions: usize,
    /// In KiB, before and after.
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl Memory {
    /// Returns what ten thousand sessions took, in KiB.
    pub(crate) fn per_ten_thousand(&self) -> f64 {
        let grown = self.after.saturating_sub(self.before);
        grown as f64 * 10_000.0 / self.sessions as f64
    }
}

pub(crate) fn measure(arguments: &Arguments, contestants: &mut [Contestant]) -> Result<Vec<Memory>, Fault> {
    let one = |contestant: &mut Contestant| {
        let before = resident(contestant.process)?;
        let sessions = make(&contestant.target, arguments.sessions)?;
        Ok(Memory { name: contestant.name, sessions, before, after: resident(contestant.process)? })
    };
    contestants.iter_mut().map(one).collect()
}

/// Makes at least so many sessions, and returns how many.
fn make(target: &Target, sessions: usize) -> Result<usize, Fault> {
    let mut made = 0;
    while made < sessions {
        made += target.load(CLIENTS, STEP)?.times.len();
    }
    Ok(made)
}

/// The resident memory of a process, in KiB. That of a database beside it is not counted.
fn resident(process: Process) -> Result<u64, Fault> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory is told")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
