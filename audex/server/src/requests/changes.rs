//! Wakes those who wait for a decision.

use audex_core::session::SessionId;
use std::time::Duration;
use tokio::sync::broadcast;

/// How many decisions a waiting client may be behind before it looks for itself.
const BEHIND: usize = 256;

/// How often a waiting client looks all the same: another server may have decided.
const LOOK: Duration = Duration::from_secs(2);

/// Tells which requests changed.
#[derive(Debug, Clone)]
pub(crate) struct Changes(broadcast::Sender<SessionId>);

/// Hears of changes from the time it was made.
#[derive(Debug)]
pub(crate) struct Heard(broadcast::Receiver<SessionId>);

impl Changes {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }

    /// Says that a request changed.
    pub(crate) fn tell(&self, id: SessionId) {
        // Nobody may be waiting.
        let _ = self.0.send(id);
    }

    /// Begins to listen.
    pub(crate) fn listen(&self) -> Heard {
        Heard(self.0.subscribe())
    }
}

impl Heard {
    /// Waits until a request may have changed.
    pub(crate) async fn change_of(&mut self, id: SessionId) {
        let told = async {
            loop {
                match self.0.recv().await {
                    Ok(changed) if changed != id => {}
                    // Too many at once: one of them may have been this one.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(LOOK, told).await;
    }
}
