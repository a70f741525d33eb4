use super::verdict::{Breach, Verdict};
use axess_core::store::StoreError;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};
use tokio::{sync::Barrier, task::JoinHandle};

/// How many tasks race each other.
pub(super) const RACERS: usize = 24;
/// How many times a race of two is run.
pub(super) const ROUNDS: usize = 32;
/// How often a call is polled before it is dropped.
pub(super) const CUTS: [u32; 14] = [0, 1, 2, 3, 4, 6, 8, 16, 32, 128, 512, 2_048, 8_192, 16_384];
/// How often a look at the store is repeated until what a dropped call left in flight has landed.
const LOOKS: u32 = 200;

/// Starts `tasks` tasks at once and returns their answers in the order of their numbers.
pub(super) async fn race<T, F>(tasks: usize, work: impl Fn(usize) -> F) -> Result<Vec<T>, Breach>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(tasks));
    let running: Vec<_> = (0..tasks).map(|number| start(&barrier, work(number))).collect();
    let mut answers = Vec::with_capacity(tasks);
    for task in running {
        answers.push(finish(task).await?);
    }
    Ok(answers)
}

/// Starts two tasks at once, every other time the second one first.
pub(super) async fn race_two<A, B>(
    round: usize,
    first: impl Future<Output = Result<A, StoreError>> + Send + 'static,
    second: impl Future<Output = Result<B, StoreError>> + Send + 'static,
) -> Result<(A, B), Breach>
where
    A: Send + 'static,
    B: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(2));
    let (a, b);
    if round.is_multiple_of(2) {
        a = start(&barrier, first);
        b = start(&barrier, second);
    } else {
        b = start(&barrier, second);
        a = start(&barrier, first);
    }
    Ok((finish(a).await?, finish(b).await?))
}

/// Polls a call `cut` times and then drops it; returns its answer if it was that quick.
pub(super) async fn cut_off<T>(work: impl Future<Output = T>, cut: u32) -> Option<T> {
    let mut work = pin!(work);
    for _ in 0..cut {
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Repeats a look at the store until it is satisfied: a call that was dropped may still be in flight at the server.
pub(super) async fn settles(mut look: impl AsyncFnMut() -> Verdict) -> Verdict {
    for patience in 0..LOOKS {
        if look().await.is_ok() {
            return Ok(());
        }
        for _ in 0..patience {
            tokio::task::yield_now().await;
        }
    }
    look().await
}

fn start<T, F>(barrier: &Arc<Barrier>, work: F) -> JoinHandle<Result<T, StoreError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let barrier = Arc::clone(barrier);
    tokio::spawn(async move {
        barrier.wait().await;
        work.await
    })
}

async fn finish<T>(task: JoinHandle<Result<T, StoreError>>) -> Result<T, Breach> {
    match task.await {
        Ok(answer) => Ok(answer?),
        Err(ended) => Err(match ended.try_into_panic() {
            Ok(panic) => Breach::panic(&*panic),
            Err(ended) => Breach::new(ended.to_string()),
        }),
    }
}
