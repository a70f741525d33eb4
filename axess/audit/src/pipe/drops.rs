use super::{
    PipeError,
    feed::Feed,
    worker::{Context, describe},
};
use axess_core::audit::EventContext;
use axess_events::{AuthEvent, trail::AuditEventsDropped};
use std::time::Duration;

/// How often it is looked whether there is something to report.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// After how many looks an episode that does not end is reported again: once a minute.
const REPORT_AGAIN: u32 = 240;

/// A time in which events of a sink are dropped. It is recorded once: when it ends, or as soon as nothing more is dropped
/// for a moment; one that goes on is recorded again every minute.
#[derive(Debug, Default)]
pub(super) struct Episode {
    /// What was not reported at the last look.
    last: u64,
    is_reported: bool,
    looks: u32,
}

impl Episode {
    /// Tells whether to report `unreported` events now. `is_over` means that there is room again.
    pub(super) fn look(&mut self, unreported: u64, is_over: bool) -> bool {
        let is_quiet = unreported == self.last;
        self.last = unreported;
        self.looks = self.looks.saturating_add(1);
        if is_over && unreported == 0 {
            *self = Self::default();
        }
        unreported > 0 && (is_over || (is_quiet && !self.is_reported) || self.looks >= REPORT_AGAIN)
    }

    /// Notes that it was recorded.
    pub(super) fn reported(&mut self) {
        (self.last, self.looks, self.is_reported) = (0, 0, true);
    }
}

/// Records what was dropped, sink by sink, as far as it is due; `all` makes it due.
pub(super) async fn report<F: Feed>(feed: &F, context: &Context, names: &[String], all: bool) {
    // Held while it is recorded: nothing is reported by two tasks.
    let mut episodes = context.episodes.lock().await;
    episodes.resize_with(names.len(), Episode::default);
    for ((place, name), episode) in names.iter().enumerate().zip(&mut *episodes) {
        let Some(gauge) = context.gauges.get(place) else { continue };
        let unreported = gauge.change(|readings| readings.unreported);
        let is_over = context.gate.depth(place) <= context.gate.max() / 2;
        if !(episode.look(unreported, is_over) || (all && unreported > 0)) {
            continue;
        }
        match record(feed, context, name, unreported).await {
            Ok(()) => {
                gauge.change(|readings| readings.unreported = readings.unreported.saturating_sub(unreported));
                episode.reported();
            }
            Err(error) => gauge.failed(&describe(&error)),
        }
    }
}

/// Records that a sink goes without some events.
pub(super) async fn record<F: Feed>(
    feed: &F,
    context: &Context,
    sink: &str,
    dropped: u64,
) -> Result<(), PipeError> {
    tracing::warn!(sink, dropped, "audit events were dropped");
    let event = AuthEvent::from(AuditEventsDropped { sink: sink.into(), dropped });
    feed.note(EventContext::system().wrap(event, context.clock.now(), &*context.rng)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_reported_once_it_is_quiet_and_the_rest_when_it_ends() {
        let mut episode = Episode::default();
        assert!(!episode.look(0, false));
        assert!(!episode.look(5, false), "it has just begun");
        assert!(!episode.look(9, false), "and goes on");
        assert!(episode.look(9, false), "quiet");
        episode.reported();
        assert!(!episode.look(3, false) && !episode.look(3, false), "once");
        assert!(episode.look(3, true), "over");
        episode.reported();
        assert!(!episode.look(0, true));
        assert!(!episode.look(2, false));
        assert!(episode.look(2, false), "another episode");
    }

    #[test]
    fn an_episode_without_end_is_reported_every_minute() {
        let mut episode = Episode::default();
        let mut reports = 0;
        let mut unreported = 0;
        for _ in 0..REPORT_AGAIN * 3 {
            unreported += 1;
            if episode.look(unreported, false) {
                reports += 1;
                unreported = 0;
                episode.reported();
            }
        }
        assert_eq!(reports, 3);
    }
}
