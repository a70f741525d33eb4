//! The measurement: all sides in turn, so that whatever slows the machine down slows all of them down.

use crate::{Fault, engine::Engine, ours::Ours, site::Size};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Rounds before anything counts.
const WARM_UP: usize = 5;

/// What a decision costs, in nanoseconds: the medians over the rounds.
pub(crate) struct Costs {
    pub(crate) ours: f64,
    pub(crate) engine: f64,
    /// What a further decision of a request costs as a share of the engine's, formed round by round: the quartiles.
    pub(crate) ratio: [f64; 3],
    /// The same for the first decision of a request, which makes its session.
    pub(crate) anew: [f64; 3],
}

pub(crate) async fn measure(ours: &Ours, engine: &Engine, size: Size, rounds: usize) -> Result<Costs, Fault> {
    let mut spent = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..WARM_UP + rounds {
        let mut costs = [Duration::ZERO; 3];
        // Neither is always the one that finds the caches as the other left them.
        for step in 0..costs.len() {
            let side = (round + step) % costs.len();
            let started = Instant::now();
            for _ in 0..size.decisions() {
                let allowed = match side {
                    0 => engine.decide()?,
                    1 => ours.decide().await?,
                    _ => ours.decide_anew().await?,
                };
                if !black_box(allowed) {
                    return Err("an answer changed".into());
                }
            }
            if let Some(cost) = costs.get_mut(side) {
                *cost = started.elapsed();
            }
        }
        if round >= WARM_UP {
            for (spent, cost) in spent.iter_mut().zip(costs) {
                spent.push(cost.as_nanos() as f64 / size.decisions() as f64);
            }
        }
    }
    let [engine, ours, anew] = spent;
    Ok(Costs {
        ratio: ratio(&ours, &engine),
        anew: ratio(&anew, &engine),
        ours: quantile(ours, 2),
        engine: quantile(engine, 2),
    })
}

/// A machine changes its speed from second to second, but hardly within one round.
fn ratio(ours: &[f64], engine: &[f64]) -> [f64; 3] {
    let ratios: Vec<f64> = ours.iter().zip(engine).map(|(ours, engine)| ours / engine).collect();
    [1, 2, 3].map(|quarters| quantile(ratios.clone(), quarters))
}

/// Returns the value that `quarters` quarters of the values are below.
fn quantile(mut values: Vec<f64>, quarters: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * quarters / 4).copied().unwrap_or(f64::NAN)
}
