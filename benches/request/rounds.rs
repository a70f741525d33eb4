//! The measurement: all cases in turn, so that whatever slows the machine down slows all of them down.

use crate::case::{Case, send};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How often each case has its turn.
pub(crate) const ROUNDS: usize = 1_000;
/// How many requests a turn has: few enough that most turns are over before the system gives the processor to others.
pub(crate) const REQUESTS: usize = 100;
/// Rounds before anything counts.
const WARM_UP: usize = 100;
/// How many requests are made ahead of time and then sent: few enough to stay in the processor's caches.
const BATCH: usize = 50;

/// What every case cost in every round, in nanoseconds per request.
pub(crate) struct Timings(Vec<(&'static str, Vec<f64>)>);

impl Timings {
    /// Times every case.
    pub(crate) async fn of(cases: &mut [Case]) -> Self {
        let mut timings: Vec<_> = cases.iter().map(|case| (case.name, Vec::with_capacity(ROUNDS))).collect();
        for round in 0..WARM_UP + ROUNDS {
            for (case, (_, means)) in cases.iter_mut().zip(&mut timings) {
                let mean = turn(case).await.as_nanos() as f64 / REQUESTS as f64;
                if round >= WARM_UP {
                    means.push(mean);
                }
            }
        }
        Self(timings)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Returns the median cost of a case.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        quantile(self.rounds(name)?.to_vec(), 2)
    }

    /// Returns the distance between the quartiles of a case's cost.
    pub(crate) fn spread(&self, name: &str) -> Option<f64> {
        let rounds = self.rounds(name)?.to_vec();
        Some(quantile(rounds.clone(), 3)? - quantile(rounds, 1)?)
    }

    /// Returns what a case costs more than `base`.
    pub(crate) fn added(&self, name: &str, base: &str) -> Option<f64> {
        quantile(self.differences(name, base)?, 2)
    }

    /// Returns what one case costs more than `base` as a share of what another one does. Shares are formed round by
    /// round: a machine changes its speed from second to second, but hardly within one round.
    pub(crate) fn share(&self, name: &str, of: &str, base: &str) -> Option<f64> {
        let (ours, theirs) = (self.differences(name, base)?, self.differences(of, base)?);
        quantile(ours.into_iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect(), 2)
    }

    fn differences(&self, name: &str, base: &str) -> Option<Vec<f64>> {
        let pairs = self.rounds(name)?.iter().zip(self.rounds(base)?);
        Some(pairs.map(|(cost, base)| cost - base).collect())
    }

    fn rounds(&self, name: &str) -> Option<&[f64]> {
        self.0.iter().find(|(case, _)| *case == name).map(|(_, means)| means.as_slice())
    }
}

async fn turn(case: &mut Case) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..REQUESTS / BATCH {
        let requests: Vec<_> = (0..BATCH).map(|_| case.template.request()).collect();
        let started = Instant::now();
        for request in requests {
            // The answer cannot be an error; dropping it is part of the cost.
            let _ = black_box(send(&mut case.site, black_box(request)).await);
        }
        spent += started.elapsed();
    }
    spent
}

/// Returns the value that `quarters` quarters of the values are below.
fn quantile(mut values: Vec<f64>, quarters: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * quarters / 4).copied()
}
