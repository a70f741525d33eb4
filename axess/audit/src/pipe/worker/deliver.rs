use super::{Feed, Stop, Worker, describe, monotonic};
use crate::{
    AuditRecord,
    pipe::{PipeError, dead::DeadLetter, folder},
    sink::SinkError,
};
use axess_events::{Actor, AuditText, AuthEvent, AuthEventEnvelope, trail::AuditEventDeadLettered};
use axess_identity::EventId;
use futures_util::FutureExt;
use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

/// The longest kept reason of a dead letter, in bytes.
const MAX_REASON: usize = 1_024;

/// A delivery that is to be tried again.
pub(super) struct Failure {
    pub(super) after: Option<Duration>,
    pub(super) text: String,
    /// The pipe ended it; nothing is wrong with the sink.
    pub(super) is_stop: bool,
}

/// What came of one call of the sink.
pub(super) enum Attempt {
    Taken,
    Refused { index: usize, reason: String },
    Failed(Failure),
}

impl Failure {
    pub(super) fn new(text: String) -> Self {
        Self { after: None, text, is_stop: false }
    }
}

impl<F: Feed> Worker<F> {
    /// Delivers events in order, and puts those that are refused to the dead letters. Returns how many of them are
    /// settled either way, and why not all.
    pub(super) async fn push(&mut self, records: &[AuditRecord]) -> (usize, Option<Failure>) {
        let mut settled = 0;
        while let Some(rest) = records.get(settled..).filter(|rest| !rest.is_empty()) {
            match self.attempt(rest).await {
                Attempt::Taken => {
                    self.delivered(rest.len());
                    return (records.len(), None);
                }
                Attempt::Refused { index, reason } => {
                    self.delivered(index);
                    settled += index;
                    let Some(refused) = records.get(settled) else { break };
                    if let Err(error) = self.bury(refused, &reason).await {
                        let text = describe(&error);
                        self.gauge(|gauge| gauge.failed(&text));
                        return (settled, Some(Failure::new(text)));
                    }
                    settled += 1;
                }
                Attempt::Failed(failure) => {
                    if !failure.is_stop {
                        self.gauge(|gauge| {
                            gauge.change(|readings| readings.retries += 1);
                            gauge.failed(&failure.text);
                        });
                        self.context.metrics.retried(self.sink.name());
                    }
                    return (settled, Some(failure));
                }
            }
        }
        (settled, None)
    }

    /// Calls the sink once, for no longer than it may take, whatever it does.
    pub(super) async fn attempt(&mut self, records: &[AuditRecord]) -> Attempt {
        let sink = &*self.sink;
        let call = AssertUnwindSafe(async { sink.deliver(records).await }).catch_unwind();
        let limit = self.context.delivery_timeout;
        let stop = &mut self.stop;
        let aborted = async { drop(stop.wait_for(|stop| *stop == Stop::Abort).await) };
        let outcome = tokio::select! {
            biased;
            () = aborted => {
                return Attempt::Failed(Failure { is_stop: true, ..Failure::new(String::new()) });
            }
            outcome = tokio::time::timeout(limit, call) => outcome,
        };
        match outcome {
            Ok(Ok(Ok(()))) => Attempt::Taken,
            Ok(Ok(Err(SinkError::Refused { index, reason }))) if index < records.len() => {
                Attempt::Refused { index, reason }
            }
            Ok(Ok(Err(error @ SinkError::Refused { .. }))) => {
                Attempt::Failed(Failure::new(format!("{error}, which is not in the batch")))
            }
            Ok(Ok(Err(error @ SinkError::Retry { .. }))) => {
                let text = describe(&error);
                let SinkError::Retry { after, .. } = error else {
                    return Attempt::Failed(Failure::new(text));
                };
                Attempt::Failed(Failure { after, ..Failure::new(text) })
            }
            Ok(Err(panic)) => Attempt::Failed(Failure::new(format!("the sink panicked: {}", said(&*panic)))),
            Err(_) => Attempt::Failed(Failure::new(format!("the sink took longer than {limit:?}"))),
        }
    }

    /// Puts an event to the dead letters, durably, and records that.
    pub(super) async fn bury(&mut self, record: &AuditRecord, reason: &str) -> Result<(), PipeError> {
        let now = self.context.clock.now();
        let event_id = record.event_id();
        let is_own = record.envelope.payload.event_type == "AuditEventDeadLettered";
        let reason = AuditText::from(cut(reason));
        let known = self.dead.as_ref().and_then(|dead| dead.find(event_id));
        let fresh = || (!is_own).then(|| EventId::generate(now, &*self.context.rng));
        let notice = known.unwrap_or_else(fresh);
        if known.is_none() {
            let letter = DeadLetter {
                at: now,
                sink: self.sink.name().to_owned(),
                event_id,
                reason: reason.as_str().to_owned(),
                notice,
                line: String::from_utf8_lossy(record.body()).into_owned(),
            };
            self.keep(letter).await?;
        }
        if let Some(id) = notice {
            let event = AuthEvent::from(AuditEventDeadLettered {
                sink: self.sink.name().into(),
                refused_event_id: event_id,
                failure_reason: reason,
            });
            let mut envelope = AuthEventEnvelope::new(id, now, event).with_actor(Actor::System);
            envelope.tenant_id = record.envelope.tenant_id;
            self.feed.note(envelope).await?;
        }
        self.gauge(|gauge| gauge.change(|readings| readings.dead_lettered += 1));
        self.context.metrics.dead_lettered(self.sink.name());
        Ok(())
    }

    async fn keep(&mut self, letter: DeadLetter) -> Result<(), PipeError> {
        let Some(mut dead) = self.dead.take() else {
            tracing::error!(sink = letter.sink, event_id = %letter.event_id, reason = letter.reason,
                "a refused audit event is lost: the pipe has no folder for dead letters");
            return Ok(());
        };
        let (dead, kept) = folder::blocking(move || {
            let kept = dead.add(&letter);
            Ok((dead, kept))
        })
        .await?;
        self.dead = Some(dead);
        kept
    }

    fn delivered(&mut self, events: usize) {
        if events == 0 {
            return;
        }
        self.may_suspect = true;
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.gauge(|gauge| {
            gauge.change(|readings| {
                readings.delivered += events;
                readings.last_error = None;
            });
        });
        self.context.metrics.delivered(self.sink.name(), events);
    }

    /// Decides when the events in hand are tried again, or gives the first of them up.
    pub(super) async fn main_failed(
        &mut self,
        failure: Failure,
        tried: usize,
        went_on: bool,
    ) -> Result<(), PipeError> {
        if failure.is_stop {
            return Ok(());
        }
        self.main.attempts = if went_on { 1 } else { self.main.attempts.saturating_add(1) };
        if self.context.retry.exhausted(self.main.attempts) {
            if tried == 1
                && let Some(first) = self.main.records.first().cloned()
            {
                self.bury(&first, &gave_up(self.main.attempts, &failure.text)).await?;
                self.settle_main(1).await;
                self.main.due = None;
                return Ok(());
            }
            self.main.limit = 1;
        } else if self.main.attempts >= super::lanes::SUSPECT_AFTER {
            self.tell_apart().await;
        }
        if !self.main.records.is_empty() {
            let pause = self.pause(self.main.attempts, failure.after);
            self.main.due = Some(monotonic() + pause);
        }
        Ok(())
    }
}

pub(super) fn gave_up(attempts: u32, text: &str) -> String {
    format!("given up after {attempts} attempts: {text}")
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_REASON);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Returns what a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
