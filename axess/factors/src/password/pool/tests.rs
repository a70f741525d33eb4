use super::*;
use std::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};

/// Starts a run that ends when its sender is dropped.
fn start(pool: &Arc<KdfPool>) -> (JoinHandle<Result<(), KdfError>>, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel();
    let pool = Arc::clone(pool);
    let task = tokio::spawn(async move {
        pool.run(move || {
            let _ = held.recv();
        })
        .await
    });
    (task, release)
}

/// Waits until `count` runs have started; the blocking threads need a moment.
async fn until_started(pool: &KdfPool, count: u64) {
    for _ in 0..30_000 {
        if pool.runs() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("only {} of {count} runs started", pool.runs());
}

/// Lets every task that is ready make a step.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// Tells whether one more job is refused at once. Waiting for a worker is not being refused.
async fn is_full(pool: &KdfPool) -> bool {
    let answer = tokio::time::timeout(Duration::from_secs(60), pool.run(|| ())).await;
    matches!(answer, Ok(Err(KdfError::Overloaded { retry_after })) if retry_after == MIN_RETRY)
}

#[tokio::test]
async fn beyond_the_queue_is_overload() {
    let pool = Arc::new(KdfPool::new(1, 1));
    let (running, release) = start(&pool);
    until_started(&pool, 1).await;
    let (waiting, release_next) = start(&pool);
    settle().await;
    assert_eq!(pool.runs(), 1, "one worker runs one job");
    assert!(is_full(&pool).await);
    drop(release);
    running.await.unwrap().unwrap();
    until_started(&pool, 2).await;
    drop(release_next);
    waiting.await.unwrap().unwrap();
    assert!(!is_full(&pool).await);
    assert_eq!(pool.runs(), 3, "a refused job is not a run");
}

#[tokio::test]
async fn a_waiter_that_goes_away_frees_its_place() {
    let pool = Arc::new(KdfPool::new(1, 1));
    let (running, release) = start(&pool);
    until_started(&pool, 1).await;
    for _ in 0..5 {
        let (waiting, _release) = start(&pool);
        settle().await;
        assert!(is_full(&pool).await);
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
    }
    let (waiting, release_next) = start(&pool);
    settle().await;
    assert!(!waiting.is_finished(), "the freed place was taken");
    drop((release, release_next));
    running.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(pool.runs(), 2, "cancelled waiters never ran");
}

#[tokio::test]
async fn a_run_without_a_caller_keeps_its_place_until_it_is_done() {
    let pool = Arc::new(KdfPool::new(1, 0));
    let (running, release) = start(&pool);
    until_started(&pool, 1).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    settle().await;
    assert!(is_full(&pool).await, "the thread is still busy");
    drop(release);
    for _ in 0..30_000 {
        if !is_full(&pool).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the permit leaked");
}

#[tokio::test]
async fn a_panicking_run_gives_its_place_back() {
    let pool = KdfPool::new(1, 0);
    let failed = pool.run(|| panic!("as a test")).await;
    assert!(matches!(failed, Err(KdfError::Stopped(error)) if error.is_panic()));
    assert!(!is_full(&pool).await);
}

#[tokio::test]
async fn inline_runs_without_waiting() {
    let pool = KdfPool::inline();
    assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    assert_eq!(pool.runs(), 1);
}

#[test]
fn the_advice_grows_with_the_queue_and_is_bounded() {
    let advice = |workers, queue| KdfPool::new(workers, queue).gate.unwrap().retry_after;
    assert_eq!(advice(2, 4), Duration::from_secs(1));
    assert_eq!(advice(2, 100), Duration::from_secs(5));
    assert_eq!(advice(0, usize::MAX), Duration::from_secs(30));
    assert_eq!(advice(usize::MAX, 0), Duration::from_secs(1));
}
