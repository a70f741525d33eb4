use chrono::{DateTime, TimeDelta, Utc};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

macro_rules! hooks {
    ($($(#[$meta:meta])* fn $hook:ident($($arg:ident : $ty:ty),*);)*) => {
        /// Is told what the pipe does, to count it.
        ///
        /// Every hook does nothing unless implemented.
        ///
        /// Hooks are called on the task of the operation or of the delivery: count and return.
        ///
        /// ```
        /// use axess_audit::pipe::AuditPipeMetrics;
        /// use std::sync::atomic::{AtomicU64, Ordering};
        /// #[derive(Default)]
        /// struct Dropped(AtomicU64);
        /// impl AuditPipeMetrics for Dropped {
        ///     fn dropped(&self, _sink: &str, events: u64) {
        ///         self.0.fetch_add(events, Ordering::Relaxed);
        ///     }
        /// }
        /// ```
        pub trait AuditPipeMetrics: Send + Sync + 'static {
            $(
                $(#[$meta])*
                fn $hook(&self, $($arg: $ty),*) {
                    let _ = ($($arg,)*);
                }
            )*
        }
    };
}

hooks! {
    /// Counts an event that was taken.
    fn emitted();
    /// Counts an event that was not taken.
    fn refused();
    /// Counts events a sink has taken.
    fn delivered(sink: &str, events: u64);
    /// Counts events a sink goes without.
    fn dropped(sink: &str, events: u64);
    /// Counts an event that was put to the dead letters.
    fn dead_lettered(sink: &str);
    /// Counts a delivery that failed and will be tried again.
    fn retried(sink: &str);
    /// Says how many events wait for a sink; a few times a second.
    fn depth(sink: &str, events: u64);
    /// Says how old the oldest event is that waits for a sink; a few times a second, while one waits.
    fn oldest(sink: &str, age: Duration);
}

/// Counts nothing.
///
/// ```
/// use axess_audit::pipe::{AuditPipeMetrics, NoPipeMetrics};
/// NoPipeMetrics.emitted();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPipeMetrics;

impl AuditPipeMetrics for NoPipeMetrics {}

/// What a pipe is doing.
///
/// ```
/// use axess_audit::pipe::AuditPipeStats;
/// assert!(AuditPipeStats::default().sinks.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPipeStats {
    /// How many events wait: those of the slowest sink, and those still in a database.
    pub buffered: u64,
    /// Whether events that begin something are refused until the buffer has drained.
    pub closed: bool,
    /// Whether the pipe takes no more events.
    pub shut: bool,
    /// Whether this process delivers; always true in memory.
    pub dispatching: bool,
    /// Its sinks, in the order of the configuration.
    pub sinks: Vec<SinkStats>,
}

/// How one sink is doing.
///
/// Counts are those of this process.
///
/// ```
/// use axess_audit::pipe::SinkStats;
/// assert_eq!(SinkStats::default().depth, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkStats {
    /// Its name.
    pub sink: String,
    /// How many events wait for it.
    pub depth: u64,
    /// How old the oldest of them is, by the pipe's clock; never negative.
    pub oldest: Option<TimeDelta>,
    /// How many events it has taken.
    pub delivered: u64,
    /// How many it goes without because the buffer was full.
    pub dropped: u64,
    /// How many were put to the dead letters.
    pub dead_lettered: u64,
    /// How many deliveries failed and were or will be tried again.
    pub retries: u64,
    /// How many tenants are held back by events of theirs that fail.
    pub held_back: usize,
    /// The last failure, until a delivery succeeds.
    pub last_error: Option<String>,
}

/// The longest kept text of a failure, in bytes.
const MAX_ERROR_TEXT: usize = 512;

/// What a worker says about its sink.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    inner: Mutex<Readings>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Readings {
    pub(super) oldest: Option<DateTime<Utc>>,
    pub(super) delivered: u64,
    pub(super) dropped: u64,
    /// Of the dropped ones, how many no event tells of yet.
    pub(super) unreported: u64,
    pub(super) dead_lettered: u64,
    pub(super) retries: u64,
    pub(super) held_back: usize,
    pub(super) last_error: Option<String>,
}

impl Gauge {
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Readings) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn failed(&self, text: &str) {
        let mut end = text.len().min(MAX_ERROR_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default().to_owned();
        self.change(|readings| readings.last_error = Some(kept));
    }

    pub(super) fn read(&self, sink: &str, depth: u64, now: DateTime<Utc>) -> SinkStats {
        let readings = self.change(|readings| readings.clone());
        SinkStats {
            sink: sink.to_owned(),
            depth,
            oldest: readings.oldest.filter(|_| depth > 0).map(|at| age(at, now)),
            delivered: readings.delivered,
            dropped: readings.dropped,
            dead_lettered: readings.dead_lettered,
            retries: readings.retries,
            held_back: readings.held_back,
            last_error: readings.last_error,
        }
    }
}

/// How long ago `at` was; nothing when the clock went backwards since.
pub(super) fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    now.signed_duration_since(at).max(TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_negative() {
        let at = DateTime::from_timestamp(1_000, 0).unwrap();
        assert_eq!(age(at, at + TimeDelta::seconds(3)), TimeDelta::seconds(3));
        assert_eq!(age(at, at - TimeDelta::days(3)), TimeDelta::zero());
    }

    #[test]
    fn a_long_error_is_cut_at_a_character() {
        let gauge = Gauge::default();
        gauge.failed(&"ä".repeat(MAX_ERROR_TEXT));
        let text = gauge.read("a", 0, DateTime::UNIX_EPOCH).last_error.unwrap();
        assert_eq!(text.len(), MAX_ERROR_TEXT);
        gauge.failed(&format!("x{}", "ä".repeat(MAX_ERROR_TEXT)));
        assert_eq!(gauge.read("a", 0, DateTime::UNIX_EPOCH).last_error.unwrap().len(), MAX_ERROR_TEXT - 1);
    }
}
