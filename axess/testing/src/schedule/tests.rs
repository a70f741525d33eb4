use super::*;
use std::{collections::BTreeSet, panic::catch_unwind, sync::Mutex};
use tokio::sync::{Mutex as AsyncMutex, Notify};

fn message(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *catch_unwind(run).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn every_order_of_two_pausing_tasks_comes_up_and_a_seed_is_one_of_them() {
    let order = |seed| {
        let seen = Mutex::new(String::new());
        let tasks = ["a", "b"].map(|name| {
            let seen = &seen;
            task(async move {
                for _ in 0..3 {
                    pause().await;
                    seen.lock().unwrap().push_str(name);
                }
            })
        });
        run(seed, tasks.into());
        seen.into_inner().unwrap()
    };
    let orders: BTreeSet<_> = (0..2_000).map(order).collect();
    // Three steps of two tasks: 6! / (3! 3!) orders.
    assert_eq!(orders.len(), 20);
    assert!((0..50).all(|seed| order(seed) == order(seed)));
}

#[test]
fn a_task_that_waits_for_a_lock_is_woken_and_not_polled_in_vain() {
    for seed in 0..200 {
        let (lock, polls) = (AsyncMutex::new(0), Mutex::new(0));
        let tasks = (0..4).map(|_| {
            task(async {
                let mut held = lock.lock().await;
                let before = *held;
                pause().await;
                *held = before + 1;
                *polls.lock().unwrap() += 1;
            })
        });
        run(seed, tasks.collect());
        assert_eq!((lock.into_inner(), polls.into_inner().unwrap()), (4, 4), "seed {seed}");
    }
}

#[test]
fn tasks_that_wait_for_each_other_are_found() {
    let said = message(|| {
        let notify = Notify::new();
        run(11, vec![task(notify.notified()), task(notify.notified())]);
    });
    assert_eq!(said, "seed 11: the tasks wait for each other");
}

#[test]
fn tasks_without_an_end_are_found() {
    let said = message(|| {
        let endless = task(async {
            loop {
                pause().await;
            }
        });
        run::<()>(12, vec![endless]);
    });
    assert_eq!(said, "seed 12: the tasks come to no end");
}
