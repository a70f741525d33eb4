use super::{
    EventEnrichment, RichAuthnEvent,
    enrich::{Enricher, Unanswered},
};
use crate::{
    AuditRecord,
    sink::{EventSink, SinkError, SinkFuture},
};
use axess_clock::Clock;
use axess_identity::EventId;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How many events of batches that failed are known to be sent. Beyond that they are sent again.
const MAX_SENT: usize = 65_536;
/// How many events wait enriched: one for each tenant that is held back, and one.
const MAX_ENRICHED: usize = 128;

/// Takes enriched events, one at a time.
///
/// ```
/// use axess_audit::{analytics::{AuthnAnalyticsSink, RichAuthnEvent}, sink::{SinkError, SinkFuture}};
/// struct Stream(tokio::sync::mpsc::Sender<Vec<u8>>);
/// impl AuthnAnalyticsSink for Stream {
///     fn dispatch(&self, event: RichAuthnEvent) -> SinkFuture<'_> {
///         Box::pin(async move {
///             let bytes = event.to_bytes().map_err(SinkError::retry)?;
///             self.0.send(bytes).await.map_err(SinkError::retry)
///         })
///     }
/// }
/// ```
pub trait AuthnAnalyticsSink: Send + Sync + 'static {
    /// Returns the sink's name among those of the pipe.
    fn name(&self) -> &str {
        "analytics"
    }

    /// Sends one event off.
    ///
    /// # Errors
    ///
    /// [`SinkError::Retry`] to be given it again later, [`SinkError::Refused`], whatever its index, to be spared it.
    fn dispatch(&self, event: RichAuthnEvent) -> SinkFuture<'_>;
}

/// Feeds an analytics sink from a pipe.
pub(crate) struct AnalyticsStream {
    sink: Arc<dyn AuthnAnalyticsSink>,
    enricher: Option<Enricher>,
    clock: Arc<dyn Clock>,
    under_way: Mutex<UnderWay>,
}

/// What batches that will come again have behind them.
#[derive(Debug, Default)]
struct UnderWay {
    sent: HashSet<EventId>,
    /// Events that were not taken, enriched already: that is done once.
    enriched: HashMap<EventId, RichAuthnEvent>,
}

impl AnalyticsStream {
    pub(crate) fn new(
        sink: Arc<dyn AuthnAnalyticsSink>,
        enrichment: Option<Arc<dyn EventEnrichment>>,
        limit: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let enricher = enrichment.map(|enrichment| Enricher::new(enrichment, limit));
        Self { sink, enricher, clock, under_way: Mutex::default() }
    }

    async fn send(&self, batch: &[AuditRecord]) -> Result<(), SinkError> {
        let mut enricher = self.enricher.as_ref();
        for (index, record) in batch.iter().enumerate() {
            let event_id = record.event_id();
            if self.under_way(|under_way| under_way.sent.contains(&event_id)) {
                continue;
            }
            let rich = self.rich(record, &mut enricher).await;
            match self.sink.dispatch(rich).await {
                Ok(()) => self.under_way(|under_way| under_way.is_sent(event_id)),
                Err(SinkError::Refused { reason, .. }) => {
                    let settled = batch.get(..=index).unwrap_or_default();
                    self.under_way(|under_way| under_way.forget(settled));
                    return Err(SinkError::Refused { index, reason });
                }
                Err(error) => return Err(error),
            }
        }
        self.under_way(|under_way| under_way.forget(batch));
        Ok(())
    }

    /// Enriches an event; an enricher that takes too long is not asked again.
    async fn rich(&self, record: &AuditRecord, enricher: &mut Option<&Enricher>) -> RichAuthnEvent {
        let event_id = record.event_id();
        if let Some(rich) = self.under_way(|under_way| under_way.enriched.get(&event_id).cloned()) {
            return rich;
        }
        let mut rich = Arc::new(RichAuthnEvent::of(record, self.clock.now()));
        if let Some(asked) = enricher {
            let enrichment = asked.ask(&rich).await;
            if enrichment == Err(Unanswered::Slow) {
                *enricher = None;
            }
            Arc::make_mut(&mut rich).enrichment = enrichment.ok();
        }
        let rich = Arc::unwrap_or_clone(rich);
        self.under_way(|under_way| under_way.is_enriched(rich.clone()));
        rich
    }

    fn under_way<T>(&self, change: impl FnOnce(&mut UnderWay) -> T) -> T {
        change(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl UnderWay {
    fn is_enriched(&mut self, rich: RichAuthnEvent) {
        if self.enriched.len() >= MAX_ENRICHED {
            self.enriched.clear();
        }
        self.enriched.insert(rich.event_id, rich);
    }

    fn is_sent(&mut self, event_id: EventId) {
        self.enriched.remove(&event_id);
        if self.sent.len() >= MAX_SENT {
            self.sent.clear();
        }
        self.sent.insert(event_id);
    }

    /// Forgets events that do not come again.
    fn forget(&mut self, settled: &[AuditRecord]) {
        for event_id in settled.iter().map(AuditRecord::event_id) {
            self.sent.remove(&event_id);
            self.enriched.remove(&event_id);
        }
    }
}

impl EventSink for AnalyticsStream {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn deliver<'a>(&'a self, batch: &'a [AuditRecord]) -> SinkFuture<'a> {
        Box::pin(self.send(batch))
    }
}
