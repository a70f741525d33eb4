//! The tables, and the same as JSON.

use crate::{Fault, append::Appended, arguments::Arguments, login::Logins, verify::Verified};
use serde_json::json;
use std::path::Path;

pub(crate) fn print_appended(results: &[Appended]) {
    println!("\nappending: events per second, medians over the rounds; ratios formed in each round\n");
    println!(
        "{:>8} {:>12} {:>12} {:>18} {:>14} {:>13}",
        "writers", "log, fsync", "log, cached", "tracing-appender", "fsync/plain", "cached/plain"
    );
    for Appended { writers, durable, cached, plain, durable_ratio, cached_ratio } in results {
        println!(
            "{writers:>8} {durable:>12.0} {cached:>12.0} {plain:>18.0} {durable_ratio:>14.3} {cached_ratio:>13.3}"
        );
    }
}

pub(crate) fn print_verified(verified: &Verified) {
    println!(
        "\nverifying {} events: {:.0} per second; reading them as JSON: {:.0} per second; ratio {:.2}",
        verified.events, verified.rate, verified.parsed, verified.ratio
    );
}

pub(crate) fn print_logins(results: &[Logins]) {
    println!("\na login, in microseconds\n");
    println!("{:>18} {:>10} {:>10} {:>12} {:>12}", "trail", "p50", "p99", "adds to p50", "adds to p99");
    for (Logins { trail, median, p99 }, (to_median, to_p99)) in results.iter().zip(added(results)) {
        println!("{trail:>18} {median:>10.0} {p99:>10.0} {to_median:>12.0} {to_p99:>12.0}");
    }
}

/// Returns what each trail adds to the one in memory, the first.
fn added(results: &[Logins]) -> Vec<(f64, f64)> {
    let base = results.first().map_or((0.0, 0.0), |base| (base.median, base.p99));
    results.iter().map(|side| (side.median - base.0, side.p99 - base.1)).collect()
}

/// Writes the results.
pub(crate) fn write(
    file: &Path,
    arguments: &Arguments,
    appended: &[Appended],
    verified: &Verified,
    logins: &[Logins],
) -> Result<(), Fault> {
    let append = appended.iter().map(|case| {
        json!({
            "writers": case.writers,
            "durable_per_second": case.durable,
            "cached_per_second": case.cached,
            "plain_per_second": case.plain,
            "durable_ratio": case.durable_ratio,
            "cached_ratio": case.cached_ratio,
        })
    });
    let logins = logins.iter().zip(added(logins)).map(|(side, (to_median, to_p99))| {
        json!({
            "trail": side.trail,
            "p50_us": side.median,
            "p99_us": side.p99,
            "added_p50_us": to_median,
            "added_p99_us": to_p99,
        })
    });
    let all = json!({
        "benchmark": "audit",
        "rounds": arguments.rounds,
        "append": append.collect::<Vec<_>>(),
        "verify": {
            "events": verified.events,
            "per_second": verified.rate,
            "parsed_per_second": verified.parsed,
            "ratio": verified.ratio,
        },
        "logins": logins.collect::<Vec<_>>(),
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}
