//! The `tryaudex` program.
#![forbid(unsafe_code)]

use audex_cli::{commands, config::Surroundings, exit::Exit, hidden};
use axess_clock::SystemClock;
use axess_rng::SystemRng;
use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    if let Some(code) = hidden::start(&arguments, clock.clone(), rng.clone()) {
        return code;
    }
    let started =
        std::panic::catch_unwind(|| commands::start(Surroundings::of_process(), arguments, clock, rng));
    ExitCode::from(started.unwrap_or(Exit::Bug.code()))
}
