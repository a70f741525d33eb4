//! Events that a sink never takes.

use crate::kit::*;
use axess_audit::pipe::{DeadLetter, PipeError, Redelivered, RetryPolicy};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

fn letters(folder: &Path, sink: &str) -> Vec<DeadLetter> {
    let text = fs::read_to_string(folder.join("dead").join(format!("{sink}.jsonl"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refuse_every_tenth() -> impl FnMut(&[axess_audit::AuditRecord], usize) -> Does + Send + 'static {
    |batch, _| {
        let refused = batch.iter().position(|record| number(record).is_multiple_of(10));
        refused.map_or(Does::Take, Does::Refuse)
    }
}

#[tokio::test]
async fn a_refused_event_is_kept_and_recorded_and_the_others_go_on() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (picky, good) = (Taker::new("picky", refuse_every_tenth()), Taker::good("good"));
        let settings = config(front, folder.path()).with_sink(picky.clone()).with_sink(good.clone());
        let pipe = start(settings).await;
        emit(&pipe, 1..=50, 2).await;
        eventually("five are recorded", || good.of_type("AuditEventDeadLettered").len() == 5).await;
        end(pipe.clone()).await;
        assert_eq!(picky.numbers(), (1..=50).filter(|n| n % 10 != 0).collect::<Vec<_>>(), "{front:?}");
        assert_eq!(good.numbers().len(), 50);
        let letters = letters(folder.path(), "picky");
        assert_eq!(letters.len(), 5, "{front:?}");
        for (letter, n) in letters.iter().zip([10, 20, 30, 40, 50]) {
            assert_eq!((letter.event_id, &*letter.reason, &*letter.sink), (event_id(n), "too long", "picky"));
            assert_eq!(letter.line.contains(r#""mac":"#), front == Front::Files, "the line, with its proof");
        }
        for record in good.of_type("AuditEventDeadLettered") {
            assert_eq!(record.envelope.tenant_id, Some(tenant(2)), "in the chain of the refused event");
        }
        assert_eq!(stats(&pipe, "picky").dead_lettered, 5);
    }
}

#[tokio::test]
async fn a_sink_that_refuses_everything_makes_no_endless_stream() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let none = Taker::always("none", Does::Refuse(0));
        let pipe = start(config(front, folder.path()).with_sink(none.clone())).await;
        emit(&pipe, 1..=20, 1).await;
        eventually("everything is dead", || stats(&pipe, "none").dead_lettered == 40).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(stats(&pipe, "none").dead_lettered, 40, "{front:?}: 20 events and what tells of them");
        end(pipe).await;
        assert_eq!(letters(folder.path(), "none").len(), 40);
    }
}

#[tokio::test]
async fn giving_up_is_for_one_event_at_a_time() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let sink = Taker::new("s", |batch, _| {
            if batch.iter().any(|record| number(record).is_multiple_of(7)) { Does::Fail } else { Does::Take }
        });
        let retry = RetryPolicy {
            first: Duration::from_millis(1),
            cap: Duration::from_millis(2),
            max_attempts: Some(3),
        };
        let settings = config(front, folder.path()).with_sink(sink.clone()).with_retry(retry).with_batch(10);
        let pipe = start(settings).await;
        emit(&pipe, 1..=30, 1).await;
        eventually("four are given up", || stats(&pipe, "s").dead_lettered == 4).await;
        end(pipe).await;
        assert_eq!(sink.numbers(), (1..=30).filter(|n| n % 7 != 0).collect::<Vec<_>>(), "{front:?}");
        let ids: Vec<_> = letters(folder.path(), "s").iter().map(|letter| letter.event_id).collect();
        assert_eq!(ids, [7, 14, 21, 28].map(event_id));
        let reason = &letters(folder.path(), "s")[0].reason;
        assert!(reason.contains("given up after 3") && reason.contains("network is down"), "{reason}");
    }
}

#[tokio::test]
async fn dead_letters_are_delivered_again_on_request() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let picky = Taker::new("picky", refuse_every_tenth());
        let pipe = start(config(front, folder.path()).with_sink(picky.clone())).await;
        emit(&pipe, 1..=40, 1).await;
        eventually("four are dead", || stats(&pipe, "picky").dead_lettered == 4).await;
        let none = pipe.redeliver_dead("picky").await.unwrap();
        assert_eq!(none, Redelivered { delivered: 0, left: 4 }, "{front:?}");
        picky.becomes(|batch, _| {
            batch.iter().position(|record| number(record) == 20).map_or(Does::Take, Does::Refuse)
        });
        let some = pipe.redeliver_dead("picky").await.unwrap();
        assert_eq!(some, Redelivered { delivered: 3, left: 1 }, "{front:?}");
        picky.becomes(|_, _| Does::Fail);
        assert_eq!(pipe.redeliver_dead("picky").await.unwrap().left, 1);
        picky.becomes(|_, _| Does::Take);
        assert_eq!(pipe.redeliver_dead("picky").await.unwrap(), Redelivered { delivered: 1, left: 0 });
        assert_eq!(pipe.redeliver_dead("picky").await.unwrap(), Redelivered::default());
        let mut all = picky.numbers();
        all.sort_unstable();
        assert_eq!(all, (1..=40).collect::<Vec<_>>(), "{front:?}: each once");
        let has_lines = picky.taken().iter().all(|record| record.line.is_some() == (front == Front::Files));
        assert!(has_lines, "a letter is delivered as it was");
        assert!(matches!(pipe.redeliver_dead("nobody").await, Err(PipeError::UnknownSink(_))));
        end(pipe.clone()).await;
        assert!(matches!(pipe.redeliver_dead("picky").await, Err(PipeError::NotDispatching)));
    }
}

#[tokio::test]
async fn a_torn_letter_is_cut_off_and_a_crash_before_the_cursor_makes_no_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |sink| config(Front::Files, folder.path()).with_sink(sink).with_batch(10);
    let pipe = start(settings(Taker::new("picky", refuse_every_tenth()))).await;
    emit(&pipe, 1..=10, 1).await;
    end(pipe).await;
    // The crash: the cursor is that of before the batch, and a letter is half written.
    fs::remove_file(folder.path().join("cursors/picky.json")).unwrap();
    let path = folder.path().join("dead/picky.jsonl");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at\":\"2026-01").unwrap();
    let again = Taker::new("picky", refuse_every_tenth());
    let pipe = start(settings(again.clone())).await;
    emit(&pipe, 11..=20, 1).await;
    eventually("all is delivered", || stats(&pipe, "picky").depth == 0).await;
    end(pipe).await;
    let ids: Vec<_> = letters(folder.path(), "picky").iter().map(|letter| letter.event_id).collect();
    assert_eq!(ids, [10, 20].map(event_id));
    assert_eq!(again.of_type("AuditEventDeadLettered").len(), 2, "recorded once each");
}

#[tokio::test]
async fn dead_letters_have_a_limit_and_beyond_it_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let picky = Taker::always("picky", Does::Refuse(0));
    let settings = config(Front::Files, folder.path()).with_sink(picky.clone());
    let pipe = start(settings.with_max_dead_letter_bytes(2_000)).await;
    emit(&pipe, 1..=10, 1).await;
    eventually("it says why it stands still", || {
        stats(&pipe, "picky").last_error.is_some_and(|text| text.contains("as much room"))
    })
    .await;
    assert!(stats(&pipe, "picky").dead_lettered < 4);
    picky.becomes(|_, _| Does::Take);
    end(pipe).await;
    let dead: Vec<_> = letters(folder.path(), "picky").iter().map(|letter| letter.event_id).collect();
    assert!(
        (1..=10).all(|n| picky.numbers().contains(&n) != dead.contains(&event_id(n))),
        "each is somewhere"
    );
}

#[tokio::test]
async fn a_sink_that_is_down_is_offered_dead_letters_once() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let sink = Taker::always("s", Does::Refuse(0));
        let pipe = start(config(front, folder.path()).with_sink(sink.clone())).await;
        emit(&pipe, 1..=70, 1).await;
        eventually("everything is dead", || stats(&pipe, "s").dead_lettered == 140).await;
        sink.becomes(|_, _| Does::Fail);
        let before = sink.calls();
        assert_eq!(pipe.redeliver_dead("s").await.unwrap(), Redelivered { delivered: 0, left: 140 });
        assert_eq!(sink.calls() - before, 1, "{front:?}");
        sink.becomes(|_, _| Does::Take);
        assert_eq!(pipe.redeliver_dead("s").await.unwrap(), Redelivered { delivered: 140, left: 0 });
        end(pipe).await;
        assert_eq!(sink.numbers(), (1..=70).collect::<Vec<_>>(), "{front:?}");
    }
}

#[tokio::test]
async fn dead_letters_without_room_hold_up_only_their_tenant() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let sink = Taker::new("s", |batch, _| {
            if batch.iter().any(|r| r.envelope.tenant_id == Some(tenant(3))) {
                Does::Fail
            } else {
                Does::Take
            }
        });
        let pause = Duration::from_millis(20);
        let retry = RetryPolicy { first: pause, cap: pause, max_attempts: Some(4) };
        let settings = config(front, folder.path()).with_sink(sink.clone()).with_batch(16);
        let pipe = start(settings.with_retry(retry).with_max_dead_letter_bytes(10)).await;
        for n in 1..=100 {
            emit(&pipe, [n], (n % 5) as u8).await;
        }
        eventually("it says why it stands still", || {
            stats(&pipe, "s").last_error.is_some_and(|text| text.contains("as much room"))
        })
        .await;
        for n in 101..=200 {
            emit(&pipe, [n], (n % 5) as u8).await;
        }
        eventually("the others have theirs", || sink.numbers().len() == 160).await;
        let before = sink.calls();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let calls = sink.calls() - before;
        assert!(calls < 100, "{front:?}: {calls} calls in 300 ms, 30 are due");
        sink.becomes(|_, _| Does::Take);
        end(pipe).await;
        assert_eq!(sink.numbers().len(), 200, "{front:?}");
    }
}
