//! Whether requests can be served, told once: strangers ask as often as they like, and are not told why not.

use std::sync::atomic::{AtomicBool, Ordering};

/// What was last said of it in the log of the process.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    is_hindered: AtomicBool,
}

impl Readiness {
    /// Notes what is in the way now, and logs it where that is new.
    pub(crate) fn note(&self, obstacle: Option<&str>) {
        let was_hindered = self.is_hindered.swap(obstacle.is_some(), Ordering::Relaxed);
        match obstacle {
            Some(reason) if !was_hindered => tracing::error!(reason, "the server is not ready"),
            None if was_hindered => tracing::info!("the server is ready again"),
            Some(_) | None => {}
        }
    }
}
