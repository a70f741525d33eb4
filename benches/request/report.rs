//! The table, the headline, and the same as JSON.

use crate::{
    Fault,
    rounds::{REQUESTS, ROUNDS, Timings},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) const BARE: &str = "bare axum";
pub(crate) const OURS: &str = "axess: authenticated";
pub(crate) const THEIRS: &str = "axum-login: authenticated";

/// The most that axess may add to a request, as a share of what axum-login adds.
const AIM: f64 = 0.50;

/// Prints one line per case, and the headline when both sides of it were measured.
pub(crate) fn print(timings: &Timings) {
    println!("\n{ROUNDS} rounds of {REQUESTS} requests; ns per request, medians over the rounds\n");
    println!("{:<26} {:>9} {:>9} {:>9} {:>14}", "case", "ns", "spread", "added", "of axum-login");
    for name in timings.names() {
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.0}"));
        println!(
            "{name:<26} {:>9} {:>9} {:>9} {:>14}",
            cell(timings.median(name)),
            cell(timings.spread(name)),
            cell(added(timings, name)),
            share(timings, name).map_or_else(String::new, |share| format!("{share:.2}")),
        );
    }
    let headline = (added(timings, OURS), added(timings, THEIRS), share(timings, OURS));
    if let (Some(ours), Some(theirs), Some(ratio)) = headline {
        println!(
            "\nauthenticated: axess adds {ours:.0} ns, axum-login adds {theirs:.0} ns, \
             ratio {ratio:.2} (aim: at most {AIM:.2})"
        );
    }
}

/// Writes the results into the build folder and returns where.
pub(crate) fn write(timings: &Timings) -> Result<PathBuf, Fault> {
    // Cargo keeps a folder for benchmarks directly inside the build folder.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("the build folder has no name")?;
    let folder = target.join("axess-bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("request.json");
    std::fs::write(&file, format!("{:#}\n", as_json(timings)))?;
    Ok(file)
}

fn as_json(timings: &Timings) -> Value {
    let case = |name| {
        json!({
            "name": name,
            "ns_per_request": timings.median(name),
            "spread_ns": timings.spread(name),
            "added_ns": added(timings, name),
            "of_axum_login": share(timings, name),
        })
    };
    json!({
        "benchmark": "request",
        "rounds": ROUNDS,
        "requests_per_round": REQUESTS,
        "cases": timings.names().map(case).collect::<Vec<_>>(),
        "authenticated_ratio": share(timings, OURS),
        "aim": AIM,
    })
}

/// What a case costs more than bare axum.
fn added(timings: &Timings, name: &str) -> Option<f64> {
    timings.added(name, BARE).filter(|_| name != BARE)
}

/// What one of our cases adds, as a share of what the same case adds with axum-login.
fn share(timings: &Timings, name: &str) -> Option<f64> {
    let kind = name.strip_prefix("axess: ")?;
    timings.share(name, &format!("axum-login: {kind}"), BARE)
}
