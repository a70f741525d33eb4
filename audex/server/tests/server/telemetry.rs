//! What an operator sees, as Prometheus, promtool, a collector and kubectl's schemas see it.

mod container;
mod dashboard;
mod deploy;
mod scraped;
mod traced;

use std::{path::PathBuf, time::Duration};

/// Files that operators take.
fn deploy_folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy"))
}

/// Looks again and again until there is something to see.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    for _ in 0..600 {
        if let Some(seen) = look().await {
            return Some(seen);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    None
}
