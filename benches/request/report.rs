//! The table, the headline, and the same as JSON.

use crate::{
    Fault,
    rounds::{REQUESTS, ROUNDS, Timing},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) const BARE: &str = "bare axum";
pub(crate) const OURS: &str = "axess: authenticated";
pub(crate) const THEIRS: &str = "axum-login: authenticated";

/// The most that axess may add to a request, as a share of what axum-login adds.
const AIM: f64 = 0.50;

/// Prints one line per case, and the headline when both sides of it were measured.
pub(crate) fn print(timings: &[Timing]) {
    println!("\n{ROUNDS} rounds of {REQUESTS} requests; ns per request, medians of the rounds' means\n");
    println!("{:<26} {:>9} {:>9} {:>9} {:>14}", "case", "ns", "spread", "added", "of axum-login");
    for timing in timings {
        let share = share(timings, timing).map_or_else(String::new, |share| format!("{share:.2}"));
        let added = added(timings, timing.name).map_or_else(String::new, |added| format!("{added:.0}"));
        println!("{:<26} {:>9.0} {:>9.0} {added:>9} {share:>14}", timing.name, timing.median, timing.spread);
    }
    if let (Some(ours), Some(theirs)) = (added(timings, OURS), added(timings, THEIRS)) {
        println!(
            "\nauthenticated: axess adds {ours:.0} ns, axum-login adds {theirs:.0} ns, ratio {:.2} (aim: at most {AIM:.2})",
            ours / theirs
        );
    }
}

/// Writes the results into the build folder and returns where.
pub(crate) fn write(timings: &[Timing]) -> Result<PathBuf, Fault> {
    // Cargo keeps a folder for benchmarks directly inside the build folder.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("the build folder has no name")?;
    let folder = target.join("axess-bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("request.json");
    std::fs::write(&file, format!("{:#}\n", as_json(timings)))?;
    Ok(file)
}

fn as_json(timings: &[Timing]) -> Value {
    let cases: Vec<Value> = timings
        .iter()
        .map(|timing| {
            json!({
                "name": timing.name,
                "ns_per_request": timing.median,
                "spread_ns": timing.spread,
                "added_ns": added(timings, timing.name),
                "of_axum_login": share(timings, timing),
            })
        })
        .collect();
    let ratio = added(timings, OURS).zip(added(timings, THEIRS)).map(|(ours, theirs)| ours / theirs);
    json!({
        "benchmark": "request",
        "rounds": ROUNDS,
        "requests_per_round": REQUESTS,
        "cases": cases,
        "authenticated_ratio": ratio,
        "aim": AIM,
    })
}

/// What a case costs more than bare axum, in nanoseconds.
fn added(timings: &[Timing], name: &str) -> Option<f64> {
    let median = |name: &str| timings.iter().find(|timing| timing.name == name).map(|timing| timing.median);
    Some(median(name)? - median(BARE)?).filter(|_| name != BARE)
}

/// What one of our cases adds, as a share of what the same case adds with axum-login.
fn share(timings: &[Timing], ours: &Timing) -> Option<f64> {
    let kind = ours.name.strip_prefix("axess: ")?;
    Some(added(timings, ours.name)? / added(timings, &format!("axum-login: {kind}"))?)
}
