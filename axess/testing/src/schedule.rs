//! A deterministic executor: runs tasks on one thread, at speeds and in an order drawn from a seed, without any runtime.
//!
//! Together with [`Yielding`](crate::Yielding) stores, which pause before and after each storage call, every
//! interleaving of storage operations has a chance; a seed that shows a fault shows it again.

use axess_rng::{MockRng, SecureRng, random_below};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Names one seed to run instead of all.
const SEED_VARIABLE: &str = "AXESS_SEED";
/// A run's fastest task goes up to 2^6 times as often as its slowest.
const SPEEDS: u64 = 7;
/// The most polls of one run; more means that the tasks keep each other busy for ever.
const MAX_POLLS: usize = 1_000_000;

/// One task of a run.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Boxes a future for [`run`].
///
/// ```
/// use axess_testing::schedule::{run, task};
/// assert_eq!(run(7, vec![task(async { 1 }), task(async { 2 })]), [1, 2]);
/// ```
pub fn task<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Task<'a, T> {
    Box::pin(future)
}

/// Runs all tasks to their end, in an order drawn from `seed`, and returns what they returned, in the order given.
///
/// # Panics
///
/// Panics with the seed when the tasks wait for each other, or for something nobody will do, or do not come to an end
/// within a million polls.
///
/// ```
/// use axess_testing::schedule::{pause, run, task};
/// use std::sync::Mutex;
/// let order = |seed| {
///     let seen = Mutex::new(Vec::new());
///     let racer = |name| {
///         let seen = &seen;
///         task(async move {
///             pause().await;
///             seen.lock().unwrap().push(name);
///         })
///     };
///     run(seed, vec![racer('a'), racer('b')]);
///     seen.into_inner().unwrap()
/// };
/// assert_eq!(order(3), order(3), "a seed is one order");
/// assert!((0..50).any(|seed| order(seed) == ['b', 'a']), "seeds are different orders");
/// ```
pub fn run<T>(seed: u64, tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let rng = MockRng::new(seed);
    // Tasks of one speed would hardly ever let one of them finish before another has begun.
    let mut slots: Vec<Slot<'_, T>> =
        tasks.into_iter().map(|task| Slot::new(task, 1 << random_below(&rng, SPEEDS))).collect();
    for _ in 0..MAX_POLLS {
        let unfinished = slots.iter().filter(|slot| slot.outcome.is_none()).count();
        if unfinished == 0 {
            return slots.into_iter().filter_map(|slot| slot.outcome).collect();
        }
        match draw(&rng, &mut slots) {
            Some(slot) => slot.poll(),
            None => fault(seed, "the tasks wait for each other"),
        }
    }
    fault(seed, "the tasks come to no end")
}

/// Runs `check` with the seeds `0..count`, or only with the one in the environment variable `AXESS_SEED`.
///
/// When a check panics, prints the seed to set.
///
/// # Panics
///
/// Panics when `AXESS_SEED` is set but not a number, and as `check` does.
///
/// ```
/// let mut seeds = Vec::new();
/// axess_testing::schedule::for_each_seed(3, |seed| seeds.push(seed));
/// # if std::env::var("AXESS_SEED").is_err() {
/// assert_eq!(seeds, [0, 1, 2]);
/// # }
/// ```
pub fn for_each_seed(count: u64, mut check: impl FnMut(u64)) {
    let seeds = match std::env::var(SEED_VARIABLE) {
        Ok(text) => {
            let seed = text.parse::<u64>().unwrap_or_else(|_| fault(0, "AXESS_SEED is not a number"));
            seed..seed.saturating_add(1)
        }
        Err(_) => 0..count,
    };
    for seed in seeds {
        let _report = Report(seed);
        check(seed);
    }
}

/// Gives every other task of the run a chance to go first.
///
/// ```
/// use axess_testing::schedule::{pause, run, task};
/// run(1, vec![task(async { pause().await })]);
/// ```
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Slot<'a, T> {
    task: Task<'a, T>,
    speed: u64,
    outcome: Option<T>,
    signal: Arc<Signal>,
}

struct Signal(AtomicBool);

impl<'a, T> Slot<'a, T> {
    fn new(task: Task<'a, T>, speed: u64) -> Self {
        Self { task, speed, outcome: None, signal: Arc::new(Signal(AtomicBool::new(true))) }
    }

    fn is_ready(&self) -> bool {
        self.outcome.is_none() && self.signal.0.load(Ordering::SeqCst)
    }

    fn poll(&mut self) {
        self.signal.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.signal));
        if let Poll::Ready(outcome) = self.task.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.outcome = Some(outcome);
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Draws one of the tasks that can go on, fast ones more often.
fn draw<'s, 'a, T>(rng: &dyn SecureRng, slots: &'s mut [Slot<'a, T>]) -> Option<&'s mut Slot<'a, T>> {
    let total = slots.iter().filter(|slot| slot.is_ready()).map(|slot| slot.speed).sum();
    let mut left = random_below(rng, total);
    slots.iter_mut().filter(|slot| slot.is_ready()).find(|slot| match left.checked_sub(slot.speed) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

#[expect(clippy::panic, reason = "a run that cannot end must fail its test, with the seed")]
fn fault(seed: u64, what: &str) -> ! {
    panic!("seed {seed}: {what}")
}

struct Report(u64);

impl Drop for Report {
    #[expect(clippy::print_stderr, reason = "a failing test says how to run its seed again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing seed: run again with {SEED_VARIABLE}={}", self.0);
        }
    }
}

#[cfg(test)]
mod tests;
