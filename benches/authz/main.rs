//! What a decision costs: through `AuthzSession`, and with the policy engine alone.
//!
//! Does not know about: HTTP, databases, or how facts are loaded: both sides have theirs in memory.
//!
//! 1. For each size make policies and entities, and give both sides the same.
//! 2. Check that both allow what is to be timed and refuse something else.
//! 3. Have them take turns in many short rounds; a ratio is formed in each round, and its median counts.
//! 4. Print the table, and write the same as JSON.
#![forbid(unsafe_code)]

mod arguments;
mod engine;
mod ours;
mod report;
mod rounds;
mod site;

use arguments::Arguments;
use engine::Engine;
use ours::Ours;
use site::{Site, Size};
use std::process::ExitCode;

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::of(&args).and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("authz: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report::print_header(arguments.rounds);
    let mut results = Vec::new();
    for size in Size::up_to(arguments.largest) {
        let site = Site::of(size);
        let (ours, engine) = (Ours::new(&site)?, Engine::new(&site)?);
        // A server polls each request as a task of its own, with tokio's budget for one task.
        let costs = runtime.block_on(tokio::task::unconstrained(async {
            ours.check(&engine).await?;
            rounds::measure(&ours, &engine, size, arguments.rounds).await
        }))?;
        report::print(size, &costs);
        results.push((size, costs));
    }
    report::print_headline(&results);
    if let Some(file) = &arguments.json {
        report::write(file, arguments.rounds, &results)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
