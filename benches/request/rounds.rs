//! The measurement: all cases in turn, so that whatever slows the machine down slows all of them down.

use crate::case::{Case, send};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How often each case has its turn.
pub(crate) const ROUNDS: usize = 1_000;
/// How many requests a turn has.
pub(crate) const REQUESTS: usize = 100;
/// Turns before anything counts.
const WARM_UP: usize = 100;
/// How many requests are made ahead of time and then sent: few enough to stay in the processor's caches.
const BATCH: usize = 50;

/// What one case cost.
pub(crate) struct Timing {
    pub(crate) name: &'static str,
    /// The median of the rounds' means, in nanoseconds per request.
    pub(crate) median: f64,
    /// The distance between the quartiles of the rounds' means, in nanoseconds.
    pub(crate) spread: f64,
}

/// Times every case.
pub(crate) async fn time_all(cases: &mut [Case]) -> Vec<Timing> {
    let mut means = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for round in 0..WARM_UP + ROUNDS {
        for (case, means) in cases.iter_mut().zip(&mut means) {
            let mean = turn(case).await.as_nanos() as f64 / REQUESTS as f64;
            if round >= WARM_UP {
                means.push(mean);
            }
        }
    }
    cases.iter().zip(means).map(|(case, means)| summary(case.name, means)).collect()
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

fn summary(name: &'static str, mut means: Vec<f64>) -> Timing {
    means.sort_by(f64::total_cmp);
    let at = |part: usize| means.get(means.len() * part / 4).copied().unwrap_or(f64::NAN);
    Timing { name, median: at(2), spread: at(3) - at(1) }
}
