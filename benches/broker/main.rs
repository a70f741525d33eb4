//! What the broker costs whoever types `tryaudex`: starting it, a session around a command, a line of evidence, memory.
//!
//! Does not know about: how the broker works; it starts the built program, beside programs of others that do a part of it.
//!
//! 1. Start the programs in turns, many times; a ratio is formed in each round, and its median counts.
//! 2. Have AWS played by a stub that answers at once and counts its own time, which is taken off.
//! 3. Append to logs that are empty, long and very long, beside a plain file that is flushed to disk as well.
//! 4. Look at each program's memory while it runs.
//! 5. Print the tables, and write the same as JSON.
#![forbid(unsafe_code)]

mod append;
mod arguments;
mod memory;
mod peers;
#[path = "../audit/quantile.rs"]
mod quantile;
mod report;
mod site;
mod start;
mod stub;

use arguments::Arguments;
use std::process::ExitCode;

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::of(&args).and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("broker: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let started = start::measure(arguments)?;
    report::print_started(&started);
    let appended = append::measure(arguments)?;
    report::print_appended(&appended);
    let memory = memory::measure(arguments)?;
    report::print_memory(&memory);
    if let Some(file) = &arguments.json {
        report::write(file, arguments, &started, &appended, &memory)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
