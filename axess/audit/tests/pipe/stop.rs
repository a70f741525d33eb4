//! The end of a pipe, and the beginning after it.

use crate::kit::*;
use axess_audit::pipe::{AuditPipe, PipeError};
use axess_clock::{MockClock, SystemClock};
use axess_rng::SystemRng;
use chrono::TimeDelta;
use std::{fs, path::Path, sync::Arc, time::Duration};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_shutdown_delivers_what_waits_and_takes_nothing_more() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let slow = Taker::always("slow", Does::TakeAfter(Duration::from_millis(5)));
        let pipe = start(config(front, folder.path()).with_sink(slow.clone()).with_batch(5)).await;
        emit(&pipe, 1..=100, 1).await;
        let report = pipe.shutdown(Duration::from_secs(20)).await.unwrap();
        assert_eq!((report.waiting, report.lost, report.recovery), (0, 0, None), "{front:?}");
        assert_eq!(slow.numbers(), (1..=100).collect::<Vec<_>>());
        assert!(pipe.stats().shut);
        assert!(matches!(pipe.emit(event(101, 1)).await, Err(PipeError::ShutDown)));
        pipe.shutdown(SHORT).await.unwrap();
    }
}

#[tokio::test]
async fn a_shutdown_keeps_its_deadline_whatever_a_sink_does() {
    for front in FRONTS {
        for does in [Does::Hang, Does::Fail, Does::Panic, Does::FailFor(Duration::from_secs(3_000))] {
            let folder = tempfile::tempdir().unwrap();
            let settings = config(front, folder.path()).with_sink(Taker::always("bad", does.clone()));
            let pipe = start(settings.with_delivery_timeout(Duration::from_secs(3_000))).await;
            emit(&pipe, 1..=3, 1).await;
            let started = tokio::time::Instant::now();
            let report = pipe.shutdown(SHORT).await.unwrap();
            assert!(started.elapsed() < Duration::from_secs(60), "{front:?} {does:?}");
            assert_eq!((report.waiting, report.lost), (3, 0), "{front:?} {does:?}");
        }
    }
}

#[tokio::test]
async fn a_shutdown_ends_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = start(config(Front::Files, folder.path()).with_sink(Taker::good("a"))).await;
    emit(&pipe, 1..=3, 1).await;
    end(pipe).await;
    let checkpoints = fs::read_to_string(folder.path().join("checkpoints.jsonl")).unwrap();
    assert!(checkpoints.contains(r#""reason":"shutdown""#), "{checkpoints}");
}

/// Leaves events 1 to 6 in the recovery log: the good sink has all, the bad one none, and a third is slow.
async fn leave(folder: &Path) {
    let (bad, good) = (Taker::always("bad", Does::Fail), Taker::good("good"));
    let pipe = start(config(Front::Memory, folder).with_sink(bad).with_sink(good.clone())).await;
    emit(&pipe, 1..=6, 1).await;
    eventually("the good one has them", || good.numbers().len() == 6).await;
    let report = pipe.shutdown(SHORT).await.unwrap();
    assert_eq!((report.waiting, report.lost), (6, 0));
    assert_eq!(report.recovery.as_deref(), Some(&*folder.join("recovery.jsonl")));
}

#[tokio::test]
async fn the_next_start_brings_what_was_left_first_and_once_and_only_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    let (bad, good) = (Taker::good("bad"), Taker::good("good"));
    let settings = config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(good.clone());
    let pipe = start(settings).await;
    emit(&pipe, 7..=9, 1).await;
    end(pipe).await;
    assert_eq!((bad.numbers(), good.numbers()), ((1..=9).collect(), vec![7, 8, 9]));
    assert!(!folder.path().join("recovery.jsonl").exists(), "everything is delivered");

    let again = start(config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(good)).await;
    end(again).await;
    assert_eq!(bad.numbers().len(), 9, "once");
}

#[tokio::test]
async fn a_crash_while_recovering_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    // A copy of the folder as it is in mid-recovery stands for the crash.
    let bad = Taker::new("bad", |_, call| if call <= 2 { Does::Take } else { Does::Fail });
    let settings = config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(Taker::good("good"));
    let pipe = start(settings.with_batch(2)).await;
    eventually("four are delivered", || bad.numbers() == [1, 2, 3, 4]).await;
    eventually("and kept", || stats(&pipe, "bad").depth == 2).await;
    let crashed = tempfile::tempdir().unwrap();
    tokio::time::sleep(SHORT).await;
    for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|f| f.path().is_file()) {
        fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }
    let bad = Taker::good("bad");
    let settings =
        config(Front::Memory, crashed.path()).with_sink(bad.clone()).with_sink(Taker::good("good"));
    end(start(settings).await).await;
    assert_eq!(bad.numbers(), [5, 6]);
}

#[tokio::test]
async fn left_twice_is_delivered_once() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    let bad = Taker::new("bad", |_, call| if call == 1 { Does::Take } else { Does::Fail });
    let good = Taker::good("good");
    let settings = config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(good.clone());
    let pipe = start(settings.with_batch(2)).await;
    eventually("two are delivered", || bad.numbers() == [1, 2]).await;
    emit(&pipe, [7], 1).await;
    assert_eq!(pipe.shutdown(SHORT).await.unwrap().waiting, 5);
    bad.becomes(|_, _| Does::Take);
    let settings = config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(good.clone());
    end(start(settings).await).await;
    assert_eq!((bad.numbers(), good.numbers()), ((1..=7).collect(), vec![7]));
}

#[tokio::test]
async fn a_damaged_recovery_log_is_set_aside_and_its_good_lines_are_used() {
    type Damage = fn(String) -> Vec<u8>;
    let damages: [(Damage, Vec<u64>); 4] = [
        (|text| text.replacen("PasswordChanged", "PasswordChangeX", 1).into_bytes(), (2..=6).collect()),
        (|text| text.into_bytes()[..40].to_vec(), vec![]),
        (|text| [text.as_bytes(), b"\xFF\xFE\n{}\n"].concat(), (1..=6).collect()),
        (|_| vec![0; 4_096], vec![]),
    ];
    for (damage, good_lines) in damages {
        let folder = tempfile::tempdir().unwrap();
        leave(folder.path()).await;
        let path = folder.path().join("recovery.jsonl");
        fs::write(&path, damage(fs::read_to_string(&path).unwrap())).unwrap();
        let (bad, good) = (Taker::good("bad"), Taker::good("good"));
        let settings = || config(Front::Memory, folder.path()).with_sink(bad.clone()).with_sink(good.clone());
        end(start(settings()).await).await;
        assert_eq!(bad.numbers(), good_lines);
        let reports = good.of_type("AuditEventsDropped");
        assert_eq!((reports.len(), reports[0].envelope.payload.fields["sink"].as_str()), (1, Some("*")));
        let aside = |f: &fs::DirEntry| f.file_name().to_string_lossy().ends_with(".damaged");
        assert_eq!(fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(aside).count(), 1);
        end(start(settings()).await).await;
        assert_eq!(bad.numbers(), good_lines, "the next start has nothing to do with it");
        assert_eq!(good.of_type("AuditEventsDropped").len(), 1);
    }
}

#[tokio::test]
async fn a_recovery_folder_is_for_one_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = start(config(Front::Memory, folder.path()).with_sink(Taker::good("a"))).await;
    let settings = config(Front::Memory, folder.path()).with_sink(Taker::good("a"));
    let second = AuditPipe::start(settings, Arc::new(SystemClock), Arc::new(SystemRng)).await;
    assert!(matches!(second, Err(PipeError::InUse(_))));
    end(pipe.clone()).await;
    end(start(config(Front::Memory, folder.path()).with_sink(Taker::good("a"))).await).await;
}

#[tokio::test]
async fn a_pipe_that_is_dropped_loses_nothing_it_could_keep() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let sink = Taker::always("s", Does::Fail);
        let pipe = start(config(front, folder.path()).with_sink(sink.clone())).await;
        emit(&pipe, 1..=20, 1).await;
        drop(pipe);
        sink.becomes(|_, _| Does::Take);
        // Tasks that are told to end at once do so soon.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pipe = start(config(front, folder.path()).with_sink(sink.clone())).await;
        end(pipe).await;
        assert_eq!(once(&sink.numbers()), (1..=20).collect::<Vec<_>>(), "{front:?}");
    }
}

#[tokio::test]
async fn without_a_recovery_log_a_loss_is_told() {
    let bad = Taker::always("bad", Does::Fail);
    let plain = axess_audit::pipe::AuditPipeConfig::new(axess_audit::pipe::BufferStrategy::InMemory);
    let pipe = start(impatient(plain).with_sink(bad)).await;
    emit(&pipe, 1..=4, 1).await;
    let report = pipe.shutdown(SHORT).await.unwrap();
    assert_eq!((report.waiting, report.lost, report.recovery), (4, 4, None));
}

#[tokio::test]
async fn ages_follow_the_clock_and_survive_its_jumps() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let clock = MockClock::new(chrono::DateTime::UNIX_EPOCH);
        let flapping = Taker::always("f", Does::Fail);
        let pipe = start_with(config(front, folder.path()).with_sink(flapping.clone()), &clock).await;
        emit(&pipe, [1], 1).await;
        clock.advance(Duration::from_secs(90));
        let oldest = || stats(&pipe, "f").oldest;
        eventually("it is 90 s old", || oldest() == Some(TimeDelta::seconds(90))).await;
        clock.jump(TimeDelta::days(-400));
        assert_eq!(oldest(), Some(TimeDelta::zero()), "{front:?}: never negative");
        emit(&pipe, [2], 1).await;
        flapping.becomes(|_, _| Does::Take);
        eventually("the clock stops no retry", || flapping.numbers() == [1, 2]).await;
        assert_eq!(oldest(), None, "nothing waits");
        end(pipe).await;
    }
}
