//! Sinks that are slow, broken or gone, and those beside them.

use crate::kit::*;
use axess_audit::pipe::{AuditPipe, PipeError, RetryPolicy};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

#[tokio::test]
async fn every_sink_gets_every_event_in_order() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (Taker::good("a"), Taker::good("b"));
        let pipe =
            start(config(front, folder.path()).with_regulatory_sink(a.clone()).with_sink(b.clone())).await;
        emit(&pipe, 1..=500, 1).await;
        end(pipe).await;
        let all: Vec<u64> = (1..=500).collect();
        assert_eq!((a.numbers(), b.numbers()), (all.clone(), all), "{front:?}");
        let has_line = a.taken().iter().all(|record| record.line.is_some());
        assert_eq!(has_line, front == Front::Files, "a log gives its entries, memory the events");
    }
}

#[tokio::test]
async fn a_sink_that_misbehaves_holds_up_nobody_and_no_operation() {
    let behaviours = [
        Does::Fail,
        Does::Hang,
        Does::Panic,
        Does::PanicAtOnce,
        Does::FailFor(Duration::from_secs(3_000)),
        Does::Refuse(usize::MAX),
        Does::TakeAfter(Duration::from_secs(3_000)),
    ];
    for front in FRONTS {
        for does in &behaviours {
            let folder = tempfile::tempdir().unwrap();
            let (bad, good) = (Taker::always("bad", does.clone()), Taker::good("good"));
            let pipe =
                start(config(front, folder.path()).with_sink(bad.clone()).with_sink(good.clone())).await;
            let started = Instant::now();
            emit(&pipe, 1..=100, 1).await;
            assert!(started.elapsed() < Duration::from_secs(60), "{does:?} slowed the operations down");
            eventually("the good sink has everything", || good.numbers().len() == 100).await;
            eventually("the bad one says why not", || stats(&pipe, "bad").last_error.is_some()).await;
            assert_eq!(bad.numbers(), [] as [u64; 0], "{front:?} {does:?}");
            eventually("it is counted", || {
                (stats(&pipe, "bad").depth, stats(&pipe, "good").depth) == (100, 0)
            })
            .await;
            assert!(stats(&pipe, "bad").retries > 0);

            bad.becomes(|_, _| Does::Take);
            if !matches!(does, Does::FailFor(_)) {
                eventually("it recovers", || bad.numbers().len() == 100).await;
                assert_eq!(once(&bad.numbers()), (1..=100).collect::<Vec<_>>());
                assert_eq!(stats(&pipe, "bad").last_error, None);
            }
        }
    }
}

#[tokio::test]
async fn a_flapping_sink_gets_everything_once_in_order() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let flapping = Taker::new("f", |_, call| if call % 3 == 0 { Does::Take } else { Does::Fail });
        let pipe = start(config(front, folder.path()).with_sink(flapping.clone()).with_batch(10)).await;
        emit(&pipe, 1..=200, 1).await;
        end(pipe).await;
        assert_eq!(flapping.numbers(), (1..=200).collect::<Vec<_>>(), "{front:?}");
    }
}

#[tokio::test]
async fn what_the_receiver_asks_for_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let after = Duration::from_millis(400);
    let busy = Taker::new("busy", move |_, call| if call == 1 { Does::FailFor(after) } else { Does::Take });
    let pipe = start(config(Front::Memory, folder.path()).with_sink(busy.clone())).await;
    let started = Instant::now();
    emit(&pipe, [1], 1).await;
    eventually("taken", || busy.calls() == 2).await;
    assert!(started.elapsed() >= after, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_tenant_whose_events_fail_holds_up_no_other_tenant() {
    for front in FRONTS {
        for does in [Does::Fail, Does::Hang, Does::Panic] {
            let folder = tempfile::tempdir().unwrap();
            let poison = tenant(3);
            let sink = Taker::new("s", move |batch, _| {
                let is_poisoned = batch.iter().any(|record| record.envelope.tenant_id == Some(poison));
                if is_poisoned { does.clone() } else { Does::Take }
            });
            let settings = config(front, folder.path()).with_sink(sink.clone()).with_batch(16);
            let pipe = start(settings.with_delivery_timeout(Duration::from_millis(20))).await;
            for n in 1..=200 {
                emit(&pipe, [n], (n % 5) as u8).await;
            }
            eventually("the others have theirs", || sink.numbers().len() == 160).await;
            eventually("it is held back", || stats(&pipe, "s").held_back == 1).await;
            eventually("what it has waits", || stats(&pipe, "s").depth == 40).await;

            sink.becomes(|_, _| Does::Take);
            end(pipe).await;
            let all = sink.numbers();
            assert_eq!(all.len(), 200, "{front:?}");
            for of in 0..5 {
                let of_tenant: Vec<u64> = all.iter().copied().filter(|n| n % 5 == of).collect();
                assert!(of_tenant.is_sorted(), "{front:?} tenant {of}: {of_tenant:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_alone_in_front_of_the_others_does_not_hold_them_up_either() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let sink = Taker::new("s", |batch, _| {
            if batch.iter().any(|record| number(record) <= 50) { Does::Fail } else { Does::Take }
        });
        let pipe = start(config(front, folder.path()).with_sink(sink.clone()).with_batch(8)).await;
        emit(&pipe, 1..=50, 3).await;
        emit(&pipe, 51..=100, 4).await;
        eventually("the others have theirs", || sink.numbers().len() == 50).await;
        sink.becomes(|_, _| Does::Take);
        end(pipe).await;
        assert_eq!(sink.numbers(), (51..=100).chain(1..=50).collect::<Vec<_>>(), "{front:?}");
    }
}

#[tokio::test]
async fn a_sink_that_is_down_is_not_asked_for_every_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let down = Taker::always("down", Does::Fail);
    let retry =
        RetryPolicy { first: Duration::from_secs(900), cap: Duration::from_secs(900), max_attempts: None };
    let pipe = start(config(Front::Memory, folder.path()).with_sink(down.clone()).with_retry(retry)).await;
    for n in 1..=100 {
        emit(&pipe, [n], n as u8).await;
    }
    eventually("it was tried", || down.calls() > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(down.calls() <= 8, "{} calls", down.calls());
    assert_eq!(stats(&pipe, "down").held_back, 0);
}

#[tokio::test]
async fn held_back_tenants_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Taker::new("s", |batch, _| {
        if batch.iter().any(|r| r.envelope.tenant_id == Some(tenant(1))) { Does::Fail } else { Does::Take }
    });
    let pipe = start(config(Front::Files, folder.path()).with_sink(sink.clone()).with_batch(8)).await;
    for n in 1..=60 {
        emit(&pipe, [n], (n % 3) as u8).await;
    }
    eventually("the others have theirs", || sink.numbers().len() == 40).await;
    let report = pipe.shutdown(Duration::from_millis(50)).await.unwrap();
    assert_eq!((report.waiting, report.lost), (20, 0));
    drop(pipe);

    sink.becomes(|_, _| Does::Take);
    let pipe = start(config(Front::Files, folder.path()).with_sink(sink.clone())).await;
    emit(&pipe, [61], 1).await;
    end(pipe).await;
    let all = sink.numbers();
    assert_eq!(all.len(), 61, "none twice: {all:?}");
    let late: Vec<u64> = all.into_iter().filter(|n| n % 3 == 1).collect();
    assert_eq!(late, (1..=61).filter(|n| n % 3 == 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_configuration_that_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = || config(Front::Memory, folder.path());
    let wrong = [
        base(),
        base().with_sink(Taker::good("a")).with_sink(Taker::good("a")),
        base().with_sink(Taker::good("../a")),
        base().with_sink(Taker::good("")),
        base().with_sink(Taker::good("A")),
        base().with_sink(Taker::good("outbox")),
        base().with_sink(Taker::good(&"a".repeat(65))),
        base().with_sink(Taker::good("a")).with_max_buffer_size(0),
        base().with_sink(Taker::good("a")).with_batch(0),
        base().with_sink(Taker::good("a")).with_batch(1_000_000),
        base().with_sink(Taker::good("a")).with_takeover_every(Duration::ZERO),
    ];
    for config in wrong {
        let text = format!("{config:?}");
        let started =
            AuditPipe::start(config, Arc::new(axess_clock::SystemClock), Arc::new(axess_rng::SystemRng));
        assert!(matches!(started.await, Err(PipeError::Config(_))), "{text}");
    }
    let bare = start(config(Front::Files, folder.path())).await;
    bare.emit(event(1, 1)).await.unwrap();
    end(bare).await;
}
