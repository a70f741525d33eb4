//! The servers that tests share, of every kind that this machine can start.

use std::time::{Duration, Instant};

use axess_peers::{Kind, Recorded, Server};

/// What became of one kind, and how long it took.
type Started<T> = (Kind, Result<T, String>, Duration);

/// Starts the servers for one run of the tests; dropping them ends them. One that cannot be had is printed and left out.
pub(crate) fn start() -> Vec<Server> {
    for_each_kind(Server::start)
}

/// Starts the servers so that they stay.
pub(super) fn start_lasting() -> Vec<Recorded> {
    for_each_kind(Server::start_lasting)
}

/// Starts all kinds at once: most of the time goes into waiting for them.
fn for_each_kind<T: Send>(start: fn(Kind) -> Result<T, String>) -> Vec<T> {
    let timed = |kind| -> Started<T> {
        let began = Instant::now();
        let outcome = start(kind);
        (kind, outcome, began.elapsed())
    };
    let all: Vec<Started<T>> = std::thread::scope(|scope| {
        let threads = Kind::ALL.map(|kind| scope.spawn(move || timed(kind)));
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    all.into_iter()
        .filter_map(|(kind, outcome, time)| match outcome {
            Ok(server) => {
                // Standard output is for what a shell may read back.
                eprintln!("peers: {} started in {:.1} s", kind.name(), time.as_secs_f64());
                Some(server)
            }
            Err(message) => {
                eprintln!("peers: {message}");
                None
            }
        })
        .collect()
}
