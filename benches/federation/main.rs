//! What a login at a provider costs: verifying an ID token, beside `jsonwebtoken::decode` alone, and a whole callback, beside
//! the exchange by hand.
//!
//! Does not know about: networks, or what a provider needs for its answer: it has it ready.
//!
//! 1. For each algorithm make a key and many tokens, and give both sides the same.
//! 2. Check that both take what is to be timed and refuse something else.
//! 3. Have them take turns in many short rounds; a ratio is formed in each round, and its median counts.
//! 4. Print the table, and write the same as JSON.
#![forbid(unsafe_code)]

mod alone;
mod arguments;
mod callback;
mod issuer;
mod ours;
mod quantile;
mod report;
mod rounds;

use alone::Alone;
use arguments::Arguments;
use axess_jose::Algorithm;
use issuer::Issuer;
use ours::Ours;
use std::process::ExitCode;

/// What providers sign ID tokens with.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

/// Why a measurement did not happen.
type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::of(&args).and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("federation: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report::print_header(arguments.rounds);
    let mut results = Vec::new();
    for algorithm in ALGORITHMS {
        let issuer = Issuer::of(algorithm)?;
        let alone = Alone::new(&issuer.key, algorithm, issuer::NAME)?;
        // A server polls each request as a task of its own, with tokio's budget for one task.
        let costs = runtime.block_on(tokio::task::unconstrained(async {
            let ours = Ours::new(&issuer).await?;
            check(&issuer, &ours, &alone).await?;
            rounds::measure(&issuer, &ours, &alone, arguments.rounds).await
        }))?;
        report::print(algorithm, &costs);
        results.push((algorithm, costs));
    }
    let callback = runtime.block_on(tokio::task::unconstrained(callback::measure(arguments.rounds)))?;
    report::print_callback(&callback);
    report::print_headline(&results);
    if let Some(file) = &arguments.json {
        report::write(file, arguments.rounds, &results, &callback)?;
        println!("\nwritten to {}", file.display());
    }
    Ok(())
}

/// Both sides take each token, and none whose signature is another's.
async fn check(issuer: &Issuer, ours: &Ours, alone: &Alone) -> Result<(), Fault> {
    for token in &issuer.tokens {
        if !ours.verify(token).await || !alone.verify(token) {
            return Err("a good token is refused".into());
        }
    }
    let (Some(one), Some(other)) = (issuer.tokens.first(), issuer.tokens.last()) else {
        return Err("there are no tokens".into());
    };
    let signature = other.rsplit_once('.').ok_or("a token has no signature")?.1;
    let forged = format!("{}.{signature}", one.rsplit_once('.').ok_or("a token has no signature")?.0);
    if ours.verify(&forged).await || alone.verify(&forged) {
        return Err("a forged token is taken".into());
    }
    Ok(())
}
