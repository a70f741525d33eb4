//! The servers in turns, round after round.

use crate::{
    Fault,
    arguments::Arguments,
    contestants::Contestant,
    quantile::{median, quantile},
};

/// How many clients ask at once.
pub(crate) const CLIENTS: [usize; 3] = [1, 16, 64];

/// What was measured of one server with so many clients.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    /// The median of the rounds.
    pub(crate) per_second: f64,
    /// In milliseconds, over all rounds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// For ours: the median of the rounds' ratios to the server of others.
    pub(crate) to_theirs: Option<f64>,
}

/// The rates of one server with so many clients, round by round, and all times.
#[derive(Debug, Default)]
struct Turns {
    rates: Vec<f64>,
    times: Vec<f64>,
}

pub(crate) fn measure(arguments: &Arguments, contestants: &[Contestant]) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = Vec::new();
    for clients in CLIENTS {
        let mut turns: Vec<Turns> = contestants.iter().map(|_| Turns::default()).collect();
        for _ in 0..arguments.rounds {
            for (contestant, turns) in contestants.iter().zip(&mut turns) {
                let measured = contestant
                    .target
                    .load(clients, arguments.span())
                    .map_err(|fault| format!("{} with {clients} clients: {fault}", contestant.name))?;
                turns.rates.push(measured.per_second);
                turns.times.extend(measured.times);
            }
        }
        let theirs = contestants.iter().zip(&turns).find(|(contestant, _)| !contestant.is_ours);
        let theirs = theirs.map(|(_, turns)| turns.rates.clone());
        for (contestant, turns) in contestants.iter().zip(turns) {
            let to_theirs = theirs.as_ref().filter(|_| contestant.is_ours);
            outcomes.push(Outcome {
                name: contestant.name,
                clients,
                to_theirs: to_theirs.map(|theirs| ratio(&turns.rates, theirs)),
                per_second: median(turns.rates),
                p50: median(turns.times.clone()),
                p99: quantile(turns.times, 0.99),
            });
        }
    }
    Ok(outcomes)
}

/// The median of the ratios of each round.
fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
}
