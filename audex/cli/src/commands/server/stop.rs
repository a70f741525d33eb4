//! When the server ends.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from now on; the future ends when SIGTERM or SIGINT tells the server to let what runs end, and from then on a second
/// one ends it at once.
pub(super) fn listen() -> io::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminated, &mut interrupted).await;
        tracing::info!("ending: what runs is finished first; a second signal ends it at once");
        tokio::spawn(async move {
            let number = either(&mut terminated, &mut interrupted).await;
            tracing::warn!("ended at once");
            std::process::exit(128 + number);
        });
    })
}

/// Waits for one of them and returns its number.
async fn either(terminated: &mut Signal, interrupted: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminated.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupted.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
