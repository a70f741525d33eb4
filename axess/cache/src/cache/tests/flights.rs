//! Concurrent loads. The scheduler is single-threaded unless a test says otherwise, so `settle` lets every task run
//! until it waits for something.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{sync::oneshot, task::JoinHandle};

type Cache = Arc<ClockTtlCache<u8, u64>>;
type Answer = Result<u64, &'static str>;

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Spawns a caller whose load, once begun, waits for `answer`.
fn caller(cache: &Cache) -> (JoinHandle<Answer>, oneshot::Sender<Answer>) {
    let (answer, answered) = oneshot::channel();
    let cache = cache.clone();
    let load = || async { answered.await.unwrap_or(Err("no answer")) };
    let task = tokio::spawn(async move { cache.get_or_try_load(1, load).await });
    (task, answer)
}

fn flights(cache: &Cache) -> usize {
    cache.lock().flights.len()
}

#[tokio::test]
async fn waiters_share_one_load() {
    let (cache, _) = cache(4);
    let (first, answer) = caller(&cache);
    settle().await;
    let waiters: Vec<_> = (0..10).map(|_| caller(&cache)).collect();
    settle().await;
    answer.send(Ok(7)).unwrap();
    assert_eq!(first.await.unwrap(), Ok(7));
    for (waiter, _unused) in waiters {
        assert_eq!(waiter.await.unwrap(), Ok(7));
    }
    assert_eq!((cache.get(&1), flights(&cache)), (Some(7), 0));
}

#[tokio::test]
async fn an_error_goes_to_its_caller_and_the_next_waiter_loads() {
    let (cache, _) = cache(4);
    let (first, first_answer) = caller(&cache);
    settle().await;
    let (second, second_answer) = caller(&cache);
    let (third, _unused) = caller(&cache);
    settle().await;
    first_answer.send(Err("down")).unwrap();
    assert_eq!(first.await.unwrap(), Err("down"));
    second_answer.send(Ok(8)).unwrap();
    assert_eq!(second.await.unwrap(), Ok(8));
    assert_eq!(third.await.unwrap(), Ok(8));
    assert_eq!((cache.get(&1), flights(&cache)), (Some(8), 0));
}

#[tokio::test]
async fn an_error_is_not_remembered() {
    let (cache, _) = cache(4);
    let failed: Answer = cache.get_or_try_load(1, async || Err("down")).await;
    assert_eq!((failed, cache.len(), flights(&cache)), (Err("down"), 0, 0));
    let loaded: Answer = cache.get_or_try_load(1, async || Ok(9)).await;
    assert_eq!(loaded, Ok(9));
}

#[tokio::test]
async fn a_dropped_loader_hands_the_key_on() {
    let (cache, _) = cache(4);
    let (first, _kept_open) = caller(&cache);
    settle().await;
    let (second, answer) = caller(&cache);
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    answer.send(Ok(5)).unwrap();
    assert_eq!(second.await.unwrap(), Ok(5));
    assert_eq!((cache.get(&1), flights(&cache)), (Some(5), 0));
}

#[tokio::test]
async fn a_flight_without_callers_leaves_nothing_behind() {
    let (cache, _) = cache(4);
    let (first, _kept_open) = caller(&cache);
    settle().await;
    let (waiter, _also_open) = caller(&cache);
    settle().await;
    assert_eq!(flights(&cache), 1);
    waiter.abort();
    assert!(waiter.await.unwrap_err().is_cancelled());
    assert_eq!(flights(&cache), 1, "the first caller still loads");
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(flights(&cache), 0);
}

#[tokio::test]
async fn a_panicking_load_hands_the_key_on() {
    let (cache, _) = cache(4);
    let (gate, opened) = oneshot::channel::<()>();
    let first = tokio::spawn({
        let cache = cache.clone();
        let load = || async {
            opened.await.unwrap();
            panic!("a defect in the loader")
        };
        async move { cache.get_or_try_load::<_, _, &str>(1, load).await }
    });
    settle().await;
    let (second, answer) = caller(&cache);
    settle().await;
    gate.send(()).unwrap();
    assert!(first.await.unwrap_err().is_panic());
    answer.send(Ok(4)).unwrap();
    assert_eq!(second.await.unwrap(), Ok(4));
    assert_eq!(flights(&cache), 0);
}

/// Checks that `forget` during a load keeps its value out of the cache, and that a later caller does not get it.
async fn wins_over_a_load(forget: impl Fn(&Cache)) {
    let (cache, _) = cache(4);
    let (before, old_answer) = caller(&cache);
    settle().await;
    forget(&cache);
    let (after, new_answer) = caller(&cache);
    settle().await;
    old_answer.send(Ok(1)).unwrap();
    assert_eq!(before.await.unwrap(), Ok(1), "the caller from before may have it");
    assert_eq!(cache.get(&1), None, "but it is not stored");
    assert_eq!(flights(&cache), 1, "and the later load goes on");
    new_answer.send(Ok(2)).unwrap();
    assert_eq!(after.await.unwrap(), Ok(2));
    assert_eq!((cache.get(&1), flights(&cache)), (Some(2), 0));
}

#[tokio::test]
async fn invalidation_wins_over_a_load() {
    wins_over_a_load(|cache| cache.invalidate(&1)).await;
    wins_over_a_load(|cache| cache.invalidate_where(|key| *key == 1)).await;
    wins_over_a_load(|cache| cache.clear()).await;
}

#[tokio::test]
async fn an_unrelated_invalidation_leaves_a_load_alone() {
    let (cache, _) = cache(4);
    let (task, answer) = caller(&cache);
    settle().await;
    cache.invalidate(&2);
    cache.invalidate_where(|key| *key != 1);
    answer.send(Ok(3)).unwrap();
    assert_eq!(task.await.unwrap(), Ok(3));
    assert_eq!(cache.get(&1), Some(3));
}

#[tokio::test]
async fn an_insert_wins_over_a_load() {
    let (cache, _) = cache(4);
    let (task, answer) = caller(&cache);
    settle().await;
    cache.insert(1, 50);
    answer.send(Ok(49)).unwrap();
    assert_eq!(task.await.unwrap(), Ok(49));
    assert_eq!(cache.get(&1), Some(50));
}

#[tokio::test]
async fn a_life_begins_when_its_load_begins() {
    let (cache, clock) = cache(4);
    let (task, answer) = caller(&cache);
    settle().await;
    clock.advance(TTL - Duration::from_secs(1));
    answer.send(Ok(3)).unwrap();
    task.await.unwrap().unwrap();
    assert_eq!(cache.get(&1), Some(3));
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&1), None);
}

#[tokio::test]
async fn a_load_that_outlasts_the_ttl_is_not_stored() {
    let (cache, clock) = cache(4);
    let (task, answer) = caller(&cache);
    settle().await;
    clock.advance(TTL);
    answer.send(Ok(3)).unwrap();
    assert_eq!(task.await.unwrap(), Ok(3));
    assert!(cache.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_never_load_one_key_twice_at_once() {
    const TASKS: u64 = 64;
    let (cache, _) = cache(4);
    let running: Arc<[AtomicUsize; 4]> = Arc::default();
    let loads = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (cache, running, loads) = (cache.clone(), running.clone(), loads.clone());
            tokio::spawn(async move {
                for round in 0..50_u64 {
                    let key = u8::try_from((task + round) % 4).unwrap();
                    let load = || async {
                        let running = &running[usize::from(key)];
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two loads of {key}");
                        tokio::task::yield_now().await;
                        running.fetch_sub(1, Ordering::SeqCst);
                        // Every third load fails, so that turns are handed on.
                        match loads.fetch_add(1, Ordering::SeqCst) % 3 {
                            0 => Err("down"),
                            _ => Ok(u64::from(key)),
                        }
                    };
                    match cache.get_or_try_load(key, load).await {
                        Ok(value) => assert_eq!(value, u64::from(key)),
                        Err(error) => assert_eq!(error, "down"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(flights(&cache), 0);
    assert!(loads.load(Ordering::SeqCst) >= 4);
}
