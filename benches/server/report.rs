//! The tables, and the same as JSON.

use crate::{Fault, arguments::Arguments, memory::Memory, rounds::Outcome};
use serde_json::json;
use std::path::Path;

pub(crate) fn print(results: &[Outcome]) {
    println!("\ncredentials that were issued, recorded and handed over; times in milliseconds\n");
    println!(
        "{:>32} {:>8} {:>12} {:>9} {:>9} {:>11}",
        "server", "clients", "per second", "p50", "p99", "to OpenBao"
    );
    for Outcome { name, clients, per_second, p50, p99, to_theirs } in results {
        let to_theirs = to_theirs.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        println!("{name:>32} {clients:>8} {per_second:>12.0} {p50:>9.2} {p99:>9.2} {to_theirs:>11}");
    }
    if results.iter().all(|one| one.to_theirs.is_none()) {
        println!("\nno server of others is here to compare with (cargo xtask peers install)");
    }
}

pub(crate) fn print_memory(results: &[Memory]) {
    println!("\nresident memory of the server's process, in KiB\n");
    println!(
        "{:>32} {:>10} {:>10} {:>10} {:>20}",
        "server", "before", "after", "sessions", "per 10,000 sessions"
    );
    for one in results {
        let Memory { name, sessions, before, after } = one;
        println!("{name:>32} {before:>10} {after:>10} {sessions:>10} {:>20.0}", one.per_ten_thousand());
    }
}

/// Writes the results.
pub(crate) fn write(
    file: &Path,
    arguments: &Arguments,
    results: &[Outcome],
    memory: &[Memory],
) -> Result<(), Fault> {
    let results = results.iter().map(|one| {
        json!({
            "server": one.name,
            "clients": one.clients,
            "per_second": one.per_second,
            "p50_ms": one.p50,
            "p99_ms": one.p99,
            "ratio_to_openbao": one.to_theirs,
        })
    });
    let memory = memory.iter().map(|one| {
        json!({
            "server": one.name,
            "sessions": one.sessions,
            "before_kib": one.before,
            "after_kib": one.after,
            "per_10000_sessions_kib": one.per_ten_thousand(),
        })
    });
    let all = json!({
        "benchmark": "server",
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "load": results.collect::<Vec<_>>(),
        "memory": memory.collect::<Vec<_>>(),
    });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, format!("{all:#}\n"))?)
}
