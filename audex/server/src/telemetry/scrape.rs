use super::text::Text;
use crate::app::App;
use std::time::Duration;

/// How long the store has to say what a scrape wants to know. Prometheus itself gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is read elsewhere when somebody asks for metrics; what cannot be read is left out.
///
/// ```
/// use audex_server::telemetry::{Meters, Readings};
/// let readings = Readings { sessions_active: Some(3), ..Readings::default() };
/// assert!(Meters::new().render(&readings).contains("\naudex_sessions_active 3\n"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// How many sessions are active.
    pub sessions_active: Option<u64>,
    /// How many requests wait for an approval.
    pub approvals_pending: Option<u64>,
    /// How many events are not yet where they are kept.
    pub audit_backlog: Option<u64>,
}

impl Readings {
    pub(super) fn render(self, text: &mut Text) {
        let gauges = [
            ("audex_sessions_active", "Sessions that are active.", self.sessions_active),
            ("audex_approvals_pending", "Requests that wait for an approval.", self.approvals_pending),
            ("audex_audit_backlog", "Events that are on their way to the audit log.", self.audit_backlog),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                text.single(name, "gauge", help, value);
            }
        }
        let is_up = self.sessions_active.is_some() && self.approvals_pending.is_some();
        text.single("audex_store_up", "gauge", "Whether the database answered in time.", u8::from(is_up));
    }
}

/// Renders the metrics, gauges of the store included.
pub async fn scrape(app: &App) -> String {
    let now = app.clock.now();
    let ask = async { tokio::join!(app.store.active_sessions(now), app.store.waiting_requests(now)) };
    let (active, waiting) = match tokio::time::timeout(PATIENCE, ask).await {
        Ok((active, waiting)) => (active.ok(), waiting.ok()),
        Err(_) => (None, None),
    };
    let readings = Readings {
        sessions_active: active,
        approvals_pending: waiting,
        audit_backlog: u64::try_from(app.evidence.depth()).ok(),
    };
    app.meters.render(&readings)
}
