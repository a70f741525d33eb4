//! The table, the headline, and the same as JSON.

use crate::{Fault, rounds::Costs, site::Size};
use serde_json::{Value, json};
use std::path::Path;

/// The most that a decision may take, as a share of what the engine alone takes.
const AIM: f64 = 1.15;

pub(crate) fn print_header(rounds: usize) {
    println!("\n{rounds} rounds; microseconds per decision, medians over the rounds\n");
    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>12} {:>14} {:>14}",
        "policies", "entities", "engine", "axess", "axess/engine", "quartiles", "with session"
    );
}

/// Prints one line.
pub(crate) fn print(size: Size, costs: &Costs) {
    let [low, median, high] = costs.ratio;
    let [_, anew, _] = costs.anew;
    println!(
        "{:>8} {:>8} {:>9.1} {:>9.1} {median:>12.2} {:>14} {anew:>14.2}",
        size.policies,
        size.entities,
        costs.engine / 1e3,
        costs.ours / 1e3,
        format!("{low:.2} to {high:.2}"),
    );
}

/// Prints the greatest ratio.
pub(crate) fn print_headline(results: &[(Size, Costs)]) {
    if let Some(worst) = worst(results) {
        println!("\na decision takes at most {worst:.2} times what the engine alone takes (aim: {AIM:.2})");
    }
}

/// Writes the results.
pub(crate) fn write(file: &Path, rounds: usize, results: &[(Size, Costs)]) -> Result<(), Fault> {
    let all = json!({
        "benchmark": "authz",
        "rounds": rounds,
        "cases": results.iter().map(case).collect::<Vec<_>>(),
        "greatest_ratio": worst(results),
        "aim": AIM,
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}

fn case((size, costs): &(Size, Costs)) -> Value {
    json!({
        "policies": size.policies,
        "entities": size.entities,
        "engine_ns": costs.engine,
        "axess_ns": costs.ours,
        "ratio_quartiles": costs.ratio,
        "ratio_with_session_quartiles": costs.anew,
    })
}

fn worst(results: &[(Size, Costs)]) -> Option<f64> {
    results.iter().map(|(_, costs)| costs.ratio[1]).max_by(f64::total_cmp)
}
