//! The injected wall clock: every component that needs the time holds an `Arc<dyn Clock>`.
//!
//! Does not know about: timers, sleeping, time zones, or anything else in the workspace.
//!
//! Together with `axess-rng` this is the only place that may ask the operating system; `clippy.toml` refuses
//! the ambient calls everywhere else, which is what makes a login replayable from a seed.
#![forbid(unsafe_code)]

mod mock;
mod system;

pub use mock::MockClock;
pub use system::SystemClock;

use chrono::{DateTime, Utc};

/// Tells the current UTC time.
///
/// The clock is a *wall* clock: it may jump in either direction (NTP, suspend, an operator). Code that holds a
/// deadline must therefore stay safe when `now` goes backwards: it may wait longer, never accept something twice.
///
/// ```
/// use axess_clock::{Clock, MockClock};
/// use std::{sync::Arc, time::Duration};
///
/// let mock = MockClock::default();
/// let clock: Arc<dyn Clock> = Arc::new(mock.clone());
/// let before = clock.now();
/// mock.advance(Duration::from_secs(30));
/// assert_eq!((clock.now() - before).num_seconds(), 30);
/// ```
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current time in UTC.
    fn now(&self) -> DateTime<Utc>;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }
}
