//! The measurement: both programs in turn, so that whatever slows the machine down slows both of them down.

use crate::{
    backends::{Backend, Place},
    program::Program,
    turns::{CALLERS, Fault, Verb},
};
use std::path::Path;

/// Rounds before anything counts: connections are made, statements prepared, pages read.
const WARM_UP: usize = 3;
/// How much more is done in a turn of many callers than in a turn of one.
const CROWD: usize = 4;
/// Both may write to one table: what their ids come from lies far apart.
const OUR_SEED: &str = "0";
const THEIR_SEED: &str = "9000000000000000000";

/// One verb, by so many callers side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) verb: Verb,
    pub(crate) callers: usize,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        Verb::ALL.into_iter().flat_map(|verb| [1, CALLERS].map(|callers| Self { verb, callers }))
    }
}

/// What a case costs, in nanoseconds per session: the medians over the rounds.
pub(crate) struct Costs {
    pub(crate) case: Case,
    pub(crate) ours: Option<f64>,
    pub(crate) theirs: Option<f64>,
    /// What ours costs as a share of what theirs does, formed round by round: the quartiles.
    pub(crate) ratio: Option<[f64; 3]>,
}

/// The two programs: where theirs is, if it is to be compared with, and where ours is.
pub(crate) struct Files<'f> {
    pub(crate) ours: &'f Path,
    pub(crate) theirs: Option<&'f Path>,
}

/// Times every case on one backend.
pub(crate) fn measure(
    backend: Backend,
    place: &Place,
    files: &Files<'_>,
    rounds: usize,
) -> Result<Vec<Costs>, Fault> {
    let start =
        |name, file, seed| Program::start(name, file, &["serve", backend.name(), &place.url(name), seed]);
    let mut ours = start("ours", files.ours, OUR_SEED)?;
    let mut theirs = files.theirs.map(|file| start("theirs", file, THEIR_SEED)).transpose()?;
    let mut timings: Vec<Timings> = Case::all().map(Timings::of).collect();
    for round in 0..WARM_UP + rounds {
        for timings in &mut timings {
            // Neither is always the one that finds the caches and the server as the other left them.
            let theirs_first = round % 2 == 1;
            let before = if theirs_first { turn(theirs.as_mut(), backend, timings.case)? } else { None };
            let our_cost = turn(Some(&mut ours), backend, timings.case)?;
            let after = if theirs_first { None } else { turn(theirs.as_mut(), backend, timings.case)? };
            if round >= WARM_UP {
                timings.ours.extend(our_cost);
                timings.theirs.extend(before.or(after));
            }
        }
    }
    Ok(timings.into_iter().map(Timings::summed_up).collect())
}

/// Gives a program its turn and returns the nanoseconds per session.
fn turn(program: Option<&mut Program>, backend: Backend, case: Case) -> Result<Option<f64>, Fault> {
    let Some(program) = program else { return Ok(None) };
    // Callers side by side are faster than one, but not by their number.
    let count = backend.times() * if case.callers > 1 { CROWD } else { 1 };
    let spent = program.turn(case.verb, case.callers, count)?;
    Ok(Some(spent.as_nanos() as f64 / count as f64))
}

/// What every round of one case took.
struct Timings {
    case: Case,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Timings {
    const fn of(case: Case) -> Self {
        Self { case, ours: Vec::new(), theirs: Vec::new() }
    }

    fn summed_up(self) -> Costs {
        let pairs = self.ours.iter().zip(&self.theirs);
        // A machine changes its speed from second to second, but hardly within one round.
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        let quartile = |quarters| quantile(ratios.clone(), quarters);
        let ratio = quartile(1).zip(quartile(2)).zip(quartile(3)).map(|((low, mid), high)| [low, mid, high]);
        Costs { case: self.case, ours: quantile(self.ours, 2), theirs: quantile(self.theirs, 2), ratio }
    }
}

/// Returns the value that `quarters` quarters of the values are below.
fn quantile(mut values: Vec<f64>, quarters: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * quarters / 4).copied()
}
