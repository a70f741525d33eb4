//! The tables, and the same as JSON.

use crate::{Fault, append::Appended, arguments::Arguments, memory::Memory, start::Started};
use serde_json::json;
use std::path::Path;

pub(crate) fn print_started(results: &[Started]) {
    println!(
        "\nfrom start to end, in milliseconds, without the stub's own time; ratios formed in each round\n"
    );
    println!("{:>40} {:>10} {:>10} {:>12} {:>14}", "program", "p50", "p99", "to `true`", "to our session");
    for Started { what, median, p99, to_nothing, to_ours } in results {
        let to_ours = to_ours.map_or_else(String::new, |ratio| format!("{ratio:.1}"));
        println!("{what:>40} {median:>10.2} {p99:>10.2} {to_nothing:>12.1} {to_ours:>14}");
    }
    if results.iter().all(|one| one.to_ours.is_none()) {
        println!("\nno program of others is here to compare with (cargo xtask peers install)");
    }
}

pub(crate) fn print_appended(results: &[Appended]) {
    println!("\nappending one event, in microseconds, medians over the rounds\n");
    println!("{:>10} {:>10} {:>16} {:>18}", "lines", "append", "open and append", "plain file, fsync");
    for Appended { lines, line, opened, plain } in results {
        println!("{lines:>10} {line:>10.0} {opened:>16.0} {plain:>18.0}");
    }
}

pub(crate) fn print_memory(results: &[Memory]) {
    println!("\npeak resident memory of all processes but the command, in KiB\n");
    println!("{:>40} {:>10} {:>10}", "program", "processes", "KiB");
    for Memory { what, processes, peak } in results {
        println!("{what:>40} {processes:>10} {peak:>10}");
    }
}

/// Writes the results.
pub(crate) fn write(
    file: &Path,
    arguments: &Arguments,
    started: &[Started],
    appended: &[Appended],
    memory: &[Memory],
) -> Result<(), Fault> {
    let started = started.iter().map(|one| {
        json!({
            "program": one.what,
            "p50_ms": one.median,
            "p99_ms": one.p99,
            "ratio_to_true": one.to_nothing,
            "ratio_to_our_session": one.to_ours,
        })
    });
    let appended = appended.iter().map(|one| {
        json!({ "lines": one.lines, "append_us": one.line, "open_and_append_us": one.opened, "plain_us": one.plain })
    });
    let memory = memory
        .iter()
        .map(|one| json!({ "program": one.what, "processes": one.processes, "peak_kib": one.peak }));
    let all = json!({
        "benchmark": "broker",
        "rounds": arguments.rounds,
        "start": started.collect::<Vec<_>>(),
        "append": appended.collect::<Vec<_>>(),
        "memory": memory.collect::<Vec<_>>(),
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}
