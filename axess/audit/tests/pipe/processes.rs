//! Several processes on one log: one delivers, and when it is gone another one does.

use crate::{
    kill::{begin, numbers_in, pipe},
    kit::*,
};
use std::{collections::HashSet, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_is_followed_by_one_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let received = folder.path().join("received");
    // A process of its own that has far more to do than there is time for.
    let mut leader = begin(folder.path(), 1, 10_000_000);
    eventually("it delivers", || !numbers_in(&received).is_empty()).await;
    let follower = pipe(folder.path()).await;
    assert!(!follower.stats().dispatching);
    for n in 1..=50 {
        follower.emit(event(n, 1)).await.unwrap();
    }
    eventually("the leader delivers what another process emitted", || {
        let received: HashSet<u64> = numbers_in(&received).into_iter().collect();
        (1..=50).all(|n| received.contains(&n))
    })
    .await;
    assert!(!follower.stats().dispatching);
    leader.kill().unwrap();
    leader.wait().unwrap();
    eventually("the follower takes over", || follower.stats().dispatching).await;
    follower.emit(event(51, 1)).await.unwrap();
    follower.shutdown(Duration::from_secs(60)).await.unwrap();
    let (received, acknowledged) = (numbers_in(&received), numbers_in(&folder.path().join("acknowledged")));
    let distinct: HashSet<u64> = received.iter().copied().collect();
    assert_eq!(distinct.len(), received.len());
    assert!(acknowledged.iter().all(|n| distinct.contains(n)), "what the dead process acknowledged arrives");
    assert!(distinct.contains(&51));
}

#[tokio::test]
async fn of_two_pipes_on_a_log_one_delivers_and_the_other_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Taker::good("s"), Taker::good("s"));
    let one = start(config(Front::Files, folder.path()).with_sink(first.clone())).await;
    eventually("it delivers", || one.stats().dispatching).await;
    let two = start(config(Front::Files, folder.path()).with_sink(second.clone())).await;
    first.becomes(|_, _| Does::Fail);
    emit(&one, 1..=10, 1).await;
    emit(&two, 11..=20, 1).await;
    eventually("both know what waits", || one.stats().buffered == 20 && two.stats().buffered == 20).await;
    assert_eq!(second.calls(), 0);
    one.shutdown(Duration::from_millis(20)).await.unwrap();
    eventually("the other one goes on", || second.numbers().len() == 20).await;
    emit(&two, [21], 1).await;
    end(two).await;
    assert_eq!(second.numbers(), (1..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_end_of_a_pipe_that_does_not_deliver_leaves_the_other_alone() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Taker::good("s");
    let one = start(config(Front::Files, folder.path()).with_sink(sink.clone())).await;
    eventually("it delivers", || one.stats().dispatching).await;
    let two = start(config(Front::Files, folder.path()).with_sink(Taker::good("s"))).await;
    emit(&two, 1..=5, 1).await;
    two.shutdown(Duration::from_secs(60)).await.unwrap();
    drop(two);
    emit(&one, 6..=9, 1).await;
    end(one).await;
    assert_eq!(sink.numbers(), (1..=9).collect::<Vec<_>>());
}
