//! The table, the headline, and the same as JSON.

use crate::{Fault, callback, rounds::Costs};
use axess_jose::Algorithm;
use serde_json::{Value, json};
use std::path::Path;

/// The most that verifying may take, as a share of what `jsonwebtoken` alone takes.
const AIM: f64 = 1.2;

pub(crate) fn print_header(rounds: usize) {
    println!("\n{rounds} rounds; microseconds per ID token, medians over the rounds\n");
    println!("{:>9} {:>13} {:>9} {:>7} {:>14}", "algorithm", "jsonwebtoken", "axess", "ratio", "quartiles");
}

/// Prints one line.
pub(crate) fn print(algorithm: Algorithm, costs: &Costs) {
    let [low, median, high] = costs.ratio;
    println!(
        "{:>9} {:>13.1} {:>9.1} {median:>7.2} {:>14}",
        algorithm.name(),
        costs.alone / 1e3,
        costs.ours / 1e3,
        format!("{low:.2} to {high:.2}"),
    );
}

/// Prints what a callback takes.
pub(crate) fn print_callback(costs: &callback::Costs) {
    let [low, median, high] = costs.ratio;
    println!(
        "\na callback takes {:.0} microseconds (99 of 100 less than {:.0}); the exchange by hand takes {:.0}",
        costs.median / 1e3,
        costs.slowest / 1e3,
        costs.by_hand / 1e3,
    );
    println!("a callback takes {median:.2} times what the exchange by hand takes ({low:.2} to {high:.2})");
}

/// Prints the greatest ratio.
pub(crate) fn print_headline(results: &[(Algorithm, Costs)]) {
    if let Some(worst) = worst(results) {
        println!(
            "\nan ID token takes at most {worst:.2} times what jsonwebtoken alone takes (aim: {AIM:.2})"
        );
    }
}

/// Writes the results.
pub(crate) fn write(
    file: &Path,
    rounds: usize,
    results: &[(Algorithm, Costs)],
    callback: &callback::Costs,
) -> Result<(), Fault> {
    let all = json!({
        "benchmark": "federation",
        "rounds": rounds,
        "cases": results.iter().map(case).collect::<Vec<_>>(),
        "greatest_ratio": worst(results),
        "aim": AIM,
        "callback": {
            "p50_ns": callback.median,
            "p99_ns": callback.slowest,
            "by_hand_ns": callback.by_hand,
            "ratio_quartiles": callback.ratio,
        },
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}

fn case((algorithm, costs): &(Algorithm, Costs)) -> Value {
    json!({
        "algorithm": algorithm.name(),
        "jsonwebtoken_ns": costs.alone,
        "axess_ns": costs.ours,
        "ratio_quartiles": costs.ratio,
    })
}

fn worst(results: &[(Algorithm, Costs)]) -> Option<f64> {
    results.iter().map(|(_, costs)| costs.ratio[1]).max_by(f64::total_cmp)
}
