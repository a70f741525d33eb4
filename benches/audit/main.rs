//! What evidence costs: appending it durably, verifying it, and having it in a login.
//!
//! Does not know about: databases, HTTP, or where sinks send what they get.
//!
//! 1. Make the lines once; both sides write the same ones.
//! 2. Have the log and `tracing-appender` take turns in many short rounds; a ratio is formed in each round, and its
//!    median counts.
//! 3. Verify what was written: a log that does not verify is no result.
//! 4. Log a user in by turns with no trail on disk, with the log, and with a trail written by `tracing-appender`.
//! 5. Print the tables, and write the same as JSON.
#![forbid(unsafe_code)]

mod append;
mod arguments;
mod login;
mod plain;
mod quantile;
mod report;
mod site;
mod verify;

use arguments::Arguments;
use std::process::ExitCode;

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::of(&args).and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("audit: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let appended = runtime.block_on(append::measure(arguments))?;
    report::print_appended(&appended);
    let verified = verify::measure(arguments)?;
    report::print_verified(&verified);
    let logins = runtime.block_on(login::measure(arguments))?;
    report::print_logins(&logins);
    if let Some(file) = &arguments.json {
        report::write(file, arguments, &appended, &verified, &logins)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}
