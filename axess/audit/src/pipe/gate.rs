use super::{BufferFullPolicy, PipeError};
use axess_core::store::UnitOfWork;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The events that begin something: what is refused first when the buffer is full.
pub const BEGINNINGS: [&str; 5] = [
    "LoginStarted",
    "SignupStarted",
    "PasswordResetRequested",
    "RefreshTokenRotated",
    "WorkloadAuthenticated",
];

/// Lets events in while there is room, and keeps the count of what waits.
#[derive(Debug)]
pub(super) struct Gate {
    policy: BufferFullPolicy,
    max: u64,
    hard: u64,
    block_for: Duration,
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug)]
struct State {
    /// Events that were let in and are not in the buffer yet.
    entering: u64,
    /// Events of a database that the log may have already. They are counted upstream.
    arriving: u64,
    /// Events that were added to the buffer, ever.
    entered: u64,
    /// Events in front of the log, in a database.
    upstream: u64,
    /// Events that wait, per sink. Below zero when a sink had an event from the log before it was counted as added.
    depths: Vec<i64>,
    closed: bool,
    shut: bool,
}

/// What [`Gate::answer`] says to one event.
enum Answer {
    In,
    Wait,
    No(PipeError),
}

impl State {
    fn waiting(&self) -> u64 {
        let slowest = self.depths.iter().copied().max().unwrap_or(0);
        unsigned(slowest).saturating_add(self.upstream).saturating_add(self.entering)
    }

    fn add(&mut self, events: u64) {
        self.entered = self.entered.wrapping_add(events);
        self.depths.iter_mut().for_each(|depth| *depth = depth.saturating_add(signed(events)));
    }

    /// How many events the log may have that are not counted as added yet.
    fn uncounted(&self) -> i64 {
        signed(self.entering.saturating_add(self.arriving))
    }

    /// Closes at the limit and opens at half of it, so that it does not flutter.
    fn settle(&mut self, max: u64) {
        let waiting = self.waiting();
        self.closed = if self.closed { waiting > max / 2 } else { waiting >= max };
    }
}

impl Gate {
    pub(super) fn new(
        policy: BufferFullPolicy,
        max: usize,
        hard: usize,
        block_for: Duration,
        sinks: usize,
    ) -> Self {
        let state = State {
            entering: 0,
            arriving: 0,
            entered: 0,
            upstream: 0,
            depths: vec![0; sinks],
            closed: false,
            shut: false,
        };
        Self {
            policy,
            max: count(max),
            hard: count(hard),
            block_for,
            state: Mutex::new(state),
            room: Notify::new(),
        }
    }

    /// Lets one event in. Under [`BufferFullPolicy::Block`] this may take as long as the configuration allows.
    pub(super) async fn enter(&self, event_type: &str) -> Result<Entering<'_>, PipeError> {
        if let Some(entered) = self.answer(event_type)? {
            return Ok(entered);
        }
        // A unit of work holds locks of its database; what makes room may need them.
        if UnitOfWork::current().is_some() {
            return Err(PipeError::Full);
        }
        let waited = tokio::time::timeout(self.block_for, async {
            loop {
                let mut room = std::pin::pin!(self.room.notified());
                // Registered before the question, so that room made in between is not missed.
                room.as_mut().enable();
                if let Some(entered) = self.answer(event_type)? {
                    return Ok(entered);
                }
                room.await;
            }
        });
        waited.await.unwrap_or(Err(PipeError::Full))
    }

    fn answer(&self, event_type: &str) -> Result<Option<Entering<'_>>, PipeError> {
        let mut state = self.lock();
        match self.judge(&state, event_type) {
            Answer::In => state.entering += 1,
            Answer::Wait => return Ok(None),
            Answer::No(error) => return Err(error),
        }
        state.settle(self.max);
        Ok(Some(Entering { gate: self, inside: false }))
    }

    fn judge(&self, state: &State, event_type: &str) -> Answer {
        let waiting = state.waiting();
        match self.policy {
            _ if state.shut => Answer::No(PipeError::ShutDown),
            BufferFullPolicy::Block if waiting >= self.max => Answer::Wait,
            BufferFullPolicy::ShutdownAuthn if waiting >= self.hard => Answer::No(PipeError::Full),
            BufferFullPolicy::ShutdownAuthn
                if (state.closed || waiting >= self.max) && BEGINNINGS.contains(&event_type) =>
            {
                Answer::No(PipeError::Closed)
            }
            _ => Answer::In,
        }
    }

    /// Lets an event of the pipe itself in, always.
    pub(super) fn enter_own(&self) -> Entering<'_> {
        self.change(|state| state.entering += 1);
        Entering { gate: self, inside: false }
    }

    pub(super) fn set_depth(&self, sink: usize, events: u64) {
        self.change(|state| state.depths.get_mut(sink).map(|depth| *depth = signed(events)));
    }

    /// Takes over a count that was made after the mark while events were being added: at most those that were added
    /// since are missing from it, and at most those on their way are in it too early.
    pub(super) fn set_depth_near(&self, mark: u64, sink: usize, counted: u64) {
        self.change(|state| {
            let least = signed(counted).saturating_sub(state.uncounted());
            let most = signed(counted.saturating_add(state.entered.wrapping_sub(mark)));
            state.depths.get_mut(sink).map(|depth| *depth = (*depth).max(least).min(most))
        });
    }

    /// Returns a mark that changes when events are added.
    pub(super) fn mark(&self) -> u64 {
        self.lock().entered
    }

    /// Sets the depth, unless events were or are being added since the mark: they may be counted or not.
    pub(super) fn set_depth_since(&self, mark: u64, sink: usize, events: u64) -> bool {
        let mut state = self.lock();
        if state.entered != mark || state.uncounted() > 0 {
            return false;
        }
        if let Some(depth) = state.depths.get_mut(sink) {
            *depth = signed(events);
        }
        state.settle(self.max);
        drop(state);
        self.room.notify_waiters();
        true
    }

    pub(super) fn leave(&self, sink: usize, events: u64) {
        self.change(|state| {
            let least = -state.uncounted();
            state.depths.get_mut(sink).map(|depth| *depth = depth.saturating_sub(signed(events)).max(least))
        });
    }

    pub(super) fn set_upstream(&self, events: u64) {
        self.change(|state| state.upstream = events);
    }

    /// Announces events of the database that are about to be added to the log.
    pub(super) fn arrive(&self, events: usize) -> Arriving<'_> {
        let events = count(events);
        self.change(|state| state.arriving = state.arriving.saturating_add(events));
        Arriving { gate: self, events }
    }

    /// Counts events that left the database.
    pub(super) fn left_upstream(&self, events: usize) {
        self.change(|state| state.upstream = state.upstream.saturating_sub(count(events)));
    }

    /// Refuses everything from now on.
    pub(super) fn shut(&self) {
        self.change(|state| state.shut = true);
    }

    /// Waits until every event that was let in is in the buffer, or was given up.
    pub(super) async fn emptied(&self) {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if self.lock().entering == 0 {
                return;
            }
            room.await;
        }
    }

    pub(super) fn depth(&self, sink: usize) -> u64 {
        unsigned(self.lock().depths.get(sink).copied().unwrap_or(0))
    }

    /// Returns how many events wait, whether beginnings are refused, and whether everything is.
    pub(super) fn look(&self) -> (u64, bool, bool) {
        let state = self.lock();
        (state.waiting(), state.closed && self.policy == BufferFullPolicy::ShutdownAuthn, state.shut)
    }

    pub(super) fn policy(&self) -> BufferFullPolicy {
        self.policy
    }

    pub(super) fn max(&self) -> u64 {
        self.max
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) {
        let mut state = self.lock();
        change(&mut state);
        state.settle(self.max);
        drop(state);
        self.room.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event between the gate and the buffer; dropping it gives its place back.
#[derive(Debug)]
#[must_use]
pub(super) struct Entering<'g> {
    gate: &'g Gate,
    inside: bool,
}

impl Entering<'_> {
    /// Counts the event as waiting for every sink.
    pub(super) fn into_buffer(mut self) {
        self.inside = true;
        self.gate.change(|state| {
            state.entering = state.entering.saturating_sub(1);
            state.add(1);
        });
    }

    /// Counts the event as waiting in the database.
    pub(super) fn into_database(mut self) {
        self.inside = true;
        self.gate.change(|state| {
            state.entering = state.entering.saturating_sub(1);
            state.upstream = state.upstream.saturating_add(1);
        });
    }

    /// Gives its place back to a buffer that counts by itself.
    pub(super) fn counted(mut self) {
        self.inside = true;
        self.gate.change(|state| state.entering = state.entering.saturating_sub(1));
    }
}

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        if !self.inside {
            self.gate.change(|state| state.entering = state.entering.saturating_sub(1));
        }
    }
}

/// Events between a database and the log.
#[derive(Debug)]
#[must_use]
pub(super) struct Arriving<'g> {
    gate: &'g Gate,
    events: u64,
}

impl Arriving<'_> {
    /// Counts those that the log did not have yet as waiting for every sink.
    pub(super) fn arrived(mut self, fresh: usize) {
        let events = std::mem::take(&mut self.events);
        self.gate.change(|state| {
            state.arriving = state.arriving.saturating_sub(events);
            state.add(count(fresh));
        });
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        let events = self.events;
        self.gate.change(|state| state.arriving = state.arriving.saturating_sub(events));
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}

fn signed(events: u64) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

fn unsigned(events: i64) -> u64 {
    u64::try_from(events).unwrap_or(0)
}

#[cfg(test)]
mod tests;
