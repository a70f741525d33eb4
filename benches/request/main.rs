//! What one request through a router costs: bare axum, axess, and axum-login on tower-sessions.
//!
//! Does not know about: networks, databases, or how long a login takes.
//!
//! 1. Build the three sites, each with the same routes; log in and store a value through their own routes.
//! 2. Check every case's answer, and that forged and missing cookies are refused: a wrong setup is not worth timing.
//! 3. Time all cases in turn, many rounds in one process; a case's cost is the median over the rounds.
//! 4. Print the table and the ratio, and write both as JSON.
//!
//! Arguments that are no options select cases by part of their name.
#![forbid(unsafe_code)]

mod bare;
mod browser;
mod case;
mod ours;
mod report;
mod rounds;
mod theirs;

use rounds::Timings;
use std::process::ExitCode;

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    match measure(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("request: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(wanted: &[String]) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A server polls each request as a task of its own; without this, tokio's budget for one task would run out every
    // few dozen requests and charge a turn of the scheduler to whoever waits for a lock next.
    let timings = runtime.block_on(tokio::task::unconstrained(async {
        let mut cases = vec![bare::case()?];
        cases.extend(ours::cases().await?);
        cases.extend(theirs::cases().await?);
        cases.retain(|case| {
            case.name == report::BARE
                || wanted.is_empty()
                || wanted.iter().any(|part| case.name.contains(&**part))
        });
        for case in &mut cases {
            case.check().await?;
        }
        Ok::<Timings, Fault>(Timings::of(&mut cases).await)
    }))?;
    report::print(&timings);
    println!("\nwritten to {}", report::write(&timings)?.display());
    Ok(())
}
