//! How many sessions a second our stores read and write, beside the stores one would pick instead.
//!
//! Does not know about: HTTP, cookies, or what is checked before a session is believed.
//!
//! 1. For each backend make an empty one: nothing, a file, or a server on loopback.
//! 2. Start two programs on it: this one again, and that of `benches/peer-stores`. Each prepares its store and its sessions.
//! 3. Have them take turns: every verb, by one caller and by many, in many short rounds. Each measures its own turns; a
//!    ratio is the median over the rounds.
//! 4. Count what a whole login asks of the storage.
//! 5. Print the tables, and write the same as JSON.
//!
//! Arguments that are no options select backends.
#![forbid(unsafe_code)]

mod arguments;
mod backends;
mod login;
mod ours;
mod program;
mod report;
mod rounds;
mod turns;

use arguments::Arguments;
use rounds::Files;
use std::process::ExitCode;
use turns::Fault;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["serve", backend, url, seed] => serve(backend, url, seed),
        _ => Arguments::of(&args).and_then(|arguments| compare(&arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("stores: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Is one of the two programs that take turns.
#[tokio::main]
async fn serve(backend: &str, url: &str, seed: &str) -> Result<(), Fault> {
    ours::take_turns(backend, url, seed.parse()?).await
}

/// Compares the two programs.
fn compare(arguments: &Arguments) -> Result<(), Fault> {
    let ours = std::env::current_exe()?;
    let files = Files { ours: &ours, theirs: arguments.peer.as_deref() };
    let mut results = Vec::new();
    for backend in &arguments.backends {
        if let Some(reason) = backend.missing() {
            println!("\n{}: left out, {reason}", backend.name());
            continue;
        }
        let place = backend.open(arguments.is_durable)?;
        let costs = rounds::measure(*backend, &place, &files, arguments.rounds)
            .map_err(|fault| format!("{}: {fault}", backend.name()))?;
        report::print(*backend, &costs);
        results.push((*backend, costs));
    }
    if results.is_empty() {
        return Err("no backend can be started here".into());
    }
    let login = login::count()?;
    report::print_login(&login);
    if let Some(file) = &arguments.json {
        report::write(file, arguments, &results, &login)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
