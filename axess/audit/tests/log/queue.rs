use crate::fixture::{Place, cents, entry, forget, ids, read_all};
use axess_audit::log::{AuditLogConfig, FsyncPolicy, LogError};
use std::task::{Poll, Waker};
use std::{collections::HashSet, fs::File, future::Future, pin::pin, task::Context, time::Duration};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what}: not within a minute");
}

#[test]
fn entries_of_many_tasks_are_written_together() {
    let place = Place::new();
    let log = place.open();
    runtime().block_on(async {
        let tasks: Vec<_> = (0..500)
            .map(|n| {
                let log = log.clone();
                tokio::spawn(async move { log.record(entry(Some((n % 10) as u8), n)).await.unwrap() })
            })
            .collect();
        let mut positions = HashSet::new();
        for task in tasks {
            positions.insert(task.await.unwrap());
        }
        assert_eq!(positions.len(), 500);
    });
    let mut found = cents(&read_all(&log));
    found.sort_unstable();
    assert_eq!(found, (0..500).collect::<Vec<_>>());
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn a_refused_entry_does_not_take_the_others_with_it() {
    let place = Place::new();
    let log = place.open();
    let mut bad = entry(None, 1);
    bad.event = "{}".into();
    runtime().block_on(async {
        let (good, refused) = tokio::join!(log.record(entry(None, 2)), log.record(bad));
        good.unwrap();
        assert!(matches!(refused, Err(LogError::Refused { .. })));
    });
    assert_eq!(cents(&read_all(&log)), [2]);
}

#[test]
fn a_full_queue_waits_and_a_dropped_future_tears_nothing() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { max_waiting: 3, ..place.config() });
    // Somebody else holds the lock: nothing is written for now.
    let lock = File::open(place.file("lock")).unwrap();
    lock.lock().unwrap();
    let context = &mut Context::from_waker(Waker::noop());
    for n in 0..3 {
        let queued = pin!(log.record(entry(None, n)));
        assert!(queued.poll(context).is_pending());
    }
    let kept = entry(None, 3);
    let (dropped, mut waiting) = (log.record(entry(None, 99)), Box::pin(log.record(kept.clone())));
    {
        let dropped = pin!(dropped);
        assert!(dropped.poll(context).is_pending());
    }
    assert!(waiting.as_mut().poll(context).is_pending());
    assert!(log.waiting() <= 3);
    lock.unlock().unwrap();
    runtime().block_on(waiting).unwrap();
    let all = read_all(&log);
    assert_eq!(cents(&all), [0, 1, 2, 3], "queued entries are written though nobody waits any more");
    assert_eq!(ids(&all)[3], kept.event_id);
    log.close().unwrap();
    place.assert_whole();
}

#[test]
fn a_runtime_that_goes_away_loses_nothing_that_was_queued() {
    let place = Place::new();
    let log = place.open();
    let lock = File::open(place.file("lock")).unwrap();
    lock.lock().unwrap();
    // The writer takes one entry and waits for the lock with it: the others stay in the queue.
    let first = pin!(log.record(entry(None, 99)));
    assert!(first.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    wait_until("the writer has the first entry", || log.waiting() == 0);
    let runtime = runtime();
    for n in 0..50 {
        let log = log.clone();
        runtime.spawn(async move { log.record(entry(None, n)).await });
    }
    wait_until("all are queued", || log.waiting() == 50);
    runtime.shutdown_background();
    lock.unlock().unwrap();
    log.close().unwrap();
    assert_eq!(read_all(&log).len(), 51);
    place.assert_whole();
    assert_eq!(place.verify().unattested(), 0);
}

#[test]
fn closing_writes_what_waits_and_refuses_the_rest() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig { max_waiting: 20, ..place.config() });
    let outcomes = runtime().block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let log = log.clone();
                tokio::spawn(async move { (n, log.record(entry(None, n)).await) })
            })
            .collect();
        let closing = log.clone();
        tokio::task::spawn_blocking(move || closing.close()).await.unwrap().unwrap();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        outcomes
    });
    let mut acknowledged = Vec::new();
    for (n, outcome) in outcomes {
        match outcome {
            Ok(_) => acknowledged.push(n),
            Err(error) => assert!(matches!(error, LogError::Closed), "{error}"),
        }
    }
    let mut found = cents(&read_all(&log));
    found.sort_unstable();
    assert_eq!(found, acknowledged);
    place.assert_whole();
}

#[test]
fn dropping_the_last_handle_signs_the_last_checkpoint() {
    let place = Place::new();
    let log = place.open();
    log.append(vec![entry(None, 1)]).unwrap();
    drop(log);
    assert_eq!(place.verify().unattested(), 0);
    place.assert_whole();
    // On a thread of a runtime the drop does not wait for it.
    runtime().block_on(async {
        let log = place.open();
        log.record(entry(None, 2)).await.unwrap();
        drop(log);
    });
    let log = place.open();
    wait_until("the checkpoint is signed", || place.verify().unattested() == 0);
    forget(log);
    place.assert_whole();
}

#[test]
fn a_poll_never_blocks_the_runtime() {
    let place = Place::new();
    let log = place
        .open_with(AuditLogConfig { fsync: FsyncPolicy::Every(Duration::from_millis(5)), ..place.config() });
    let lock = File::open(place.file("lock")).unwrap();
    lock.lock().unwrap();
    let single = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    single.block_on(async {
        let mut recording = pin!(log.record(entry(None, 1)));
        let early = tokio::time::timeout(Duration::from_millis(30), &mut recording).await;
        assert!(early.is_err(), "the lock is held elsewhere");
        lock.unlock().unwrap();
        recording.await.unwrap();
    });
    let context = &mut Context::from_waker(Waker::noop());
    log.close().unwrap();
    assert!(matches!(pin!(log.record(entry(None, 2))).poll(context), Poll::Ready(Err(LogError::Closed))));
}

#[test]
fn a_log_that_nobody_appends_to_is_attested_when_its_time_has_come() {
    let place = Place::new();
    let log = place.open_with(AuditLogConfig::new(&place.path));
    log.append(vec![entry(Some(1), 1)]).unwrap();
    assert_eq!(place.verify().attested, 0);
    place.clock.advance(Duration::from_secs(86_400));
    let is_attested = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        place.verify().attested == 1
    });
    assert!(is_attested, "no checkpoint was signed");
    log.close().unwrap();
    place.assert_whole();
}
