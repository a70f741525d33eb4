//! What the team server gives in a second, beside a server of others that issues tokens.
//!
//! Does not know about: how either works; they are asked over HTTP by the same clients, in turns.
//!
//! 1. Each server runs as a process of its own, with everything durable: the state, and the evidence.
//! 2. Clients on kept connections ask again as soon as they are answered; a warm-up is not counted.
//! 3. The servers have turns in each round; a ratio is formed in each round, and its median counts.
//! 4. Memory is looked at once ten thousand more sessions are active.
//! 5. Print the tables, and write the same as JSON.
#![forbid(unsafe_code)]

mod arguments;
mod contestants;
mod load;
mod memory;
mod ours;
#[path = "../audit/quantile.rs"]
mod quantile;
mod report;
mod rounds;

use arguments::{Arguments, Mode};
use std::process::ExitCode;

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = Arguments::of(&args).and_then(|arguments| match &arguments.mode {
        Mode::Measure => measure(&arguments),
        Mode::Serve { folder, database } => ours::serve(folder, database.as_deref()),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("server: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let mut contestants = contestants::start(arguments)?;
    let results = rounds::measure(arguments, &contestants)?;
    report::print(&results);
    let memory = memory::measure(arguments, &mut contestants)?;
    report::print_memory(&memory);
    if let Some(file) = &arguments.json {
        report::write(file, arguments, &results, &memory)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
