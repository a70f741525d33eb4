//! ID tokens: both sides in turn, so that whatever slows the machine down slows both of them down.

use crate::{
    Fault,
    alone::Alone,
    issuer::Issuer,
    ours::Ours,
    quantile::{quantile, ratio},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Rounds before anything counts.
const WARM_UP: usize = 5;

/// What verifying costs, in nanoseconds: the medians over the rounds.
pub(crate) struct Costs {
    pub(crate) ours: f64,
    pub(crate) alone: f64,
    /// Ours as a share of the other, formed round by round: the quartiles.
    pub(crate) ratio: [f64; 3],
}

pub(crate) async fn measure(
    issuer: &Issuer,
    ours: &Ours,
    alone: &Alone,
    rounds: usize,
) -> Result<Costs, Fault> {
    let mut spent = [Vec::new(), Vec::new()];
    for round in 0..WARM_UP + rounds {
        let mut costs = [Duration::ZERO; 2];
        // Neither is always the one that finds the caches as the other left them.
        for step in 0..costs.len() {
            let side = (round + step) % costs.len();
            let started = Instant::now();
            for token in &issuer.tokens {
                let taken = if side == 0 { alone.verify(token) } else { ours.verify(token).await };
                if !black_box(taken) {
                    return Err("an answer changed".into());
                }
            }
            if let Some(cost) = costs.get_mut(side) {
                *cost = started.elapsed();
            }
        }
        if round >= WARM_UP {
            for (spent, cost) in spent.iter_mut().zip(costs) {
                spent.push(cost.as_nanos() as f64 / issuer.tokens.len() as f64);
            }
        }
    }
    let [alone, ours] = spent;
    Ok(Costs { ratio: ratio(&ours, &alone), ours: quantile(&ours, 50), alone: quantile(&alone, 50) })
}
