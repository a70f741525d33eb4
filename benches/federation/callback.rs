//! What a callback costs: a browser comes back from a provider, and is signed in.
//!
//! 1. Start a provider on this machine that has every answer ready; its own work is not what is measured.
//! 2. In each round a login is begun at the site, and the time is that of the request to its callback alone.
//! 3. The exchange by hand takes turns with it: the same request to the provider, and the same signature.

mod by_hand;
mod provider;
mod site;

use crate::{
    Fault,
    quantile::{quantile, ratio},
};
use axess_jose::Algorithm;
use by_hand::ByHand;
use provider::Provider;
use site::Site;
use std::time::{Duration, Instant};

/// What providers sign with where they may choose, and what costs them and us the least.
pub(crate) const ALGORITHM: Algorithm = Algorithm::Es256;
/// Rounds before anything counts: in them the users get their accounts and the connections are made.
const WARM_UP: usize = 2 * provider::USERS;

/// What a callback costs, in nanoseconds.
pub(crate) struct Costs {
    pub(crate) median: f64,
    /// 99 of 100 callbacks take less.
    pub(crate) slowest: f64,
    /// The exchange by hand.
    pub(crate) by_hand: f64,
    /// Ours as a share of the other, formed round by round: the quartiles.
    pub(crate) ratio: [f64; 3],
}

pub(crate) async fn measure(rounds: usize) -> Result<Costs, Fault> {
    let provider = Provider::start()?;
    let site = Site::new(&provider)?;
    let by_hand = ByHand::new(&provider)?;
    site.check(&provider).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + rounds {
        let mut costs = [Duration::ZERO; 2];
        // Neither is always the one that finds the caches as the other left them.
        for step in 0..costs.len() {
            let side = (round + step) % costs.len();
            let spent = if side == 0 {
                one(&site, &provider, round).await?
            } else {
                by_hand.exchange(&provider, round).await?
            };
            if let Some(cost) = costs.get_mut(side) {
                *cost = spent;
            }
        }
        if round >= WARM_UP {
            let [own, other] = costs;
            ours.push(own.as_nanos() as f64);
            theirs.push(other.as_nanos() as f64);
        }
    }
    Ok(Costs {
        ratio: ratio(&ours, &theirs),
        median: quantile(&ours, 50),
        slowest: quantile(&ours, 99),
        by_hand: quantile(&theirs, 50),
    })
}

/// Begins a login, has the provider answer it, and times the callback.
async fn one(site: &Site, provider: &Provider, round: usize) -> Result<Duration, Fault> {
    let begun = site.begin().await?;
    let callback = provider.log_in(&begun, round)?;
    let started = Instant::now();
    let signed_in = site.complete(&begun, &callback).await?;
    let spent = started.elapsed();
    if signed_in { Ok(spent) } else { Err("a callback is refused".into()) }
}
