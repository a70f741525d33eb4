//! Events that wait in a database.

use crate::kit::*;
use axess_audit::pipe::{
    AuditPipe, AuditPipeConfig, BufferFullPolicy, BufferStrategy, PipeError, outbox_record,
};
use axess_clock::MockClock;
use axess_core::{
    memory::{MemoryAuditOutbox, MemoryLeaderLock},
    store::{
        AuditOutbox, DynAuditOutbox, DynLeaderLock, OutboxDepth, OutboxEntry, OutboxRecord, StoreError,
        StoreErrorKind,
    },
};
use axess_events::{AuditPayload, AuthEventEnvelope};
use axess_rng::{MockRng, random_below};
use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// An outbox whose calls fail by dice, half of the time after they took effect.
struct Faulty {
    outbox: MemoryAuditOutbox,
    dice: MockRng,
    /// How many of a hundred calls fail.
    faults: AtomicU64,
}

impl Faulty {
    fn new(outbox: &MemoryAuditOutbox, seed: u64, faults: u64) -> Arc<Self> {
        Arc::new(Self { outbox: outbox.clone(), dice: MockRng::new(seed), faults: faults.into() })
    }

    fn fails(&self) -> bool {
        random_below(&self.dice, 100) < self.faults.load(Ordering::SeqCst)
    }

    async fn around<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        if !self.fails() {
            return call.await;
        }
        if random_below(&self.dice, 2) == 0 {
            call.await?;
        }
        Err(StoreError::bare(StoreErrorKind::Timeout))
    }
}

impl AuditOutbox for Faulty {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        self.around(AuditOutbox::append(&self.outbox, records)).await
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.around(AuditOutbox::peek(&self.outbox, limit)).await
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        self.around(AuditOutbox::complete(&self.outbox, sequences)).await
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        self.around(AuditOutbox::depth(&self.outbox)).await
    }
}

fn database(outbox: Arc<dyn DynAuditOutbox>, folder: &Path) -> AuditPipeConfig {
    impatient(AuditPipeConfig::new(BufferStrategy::Database { outbox, log: open_log(folder) }))
}

async fn is_empty(outbox: &MemoryAuditOutbox) -> bool {
    AuditOutbox::depth(outbox).await.unwrap().records == 0
}

#[tokio::test]
async fn events_go_through_the_database_into_the_log_and_to_the_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    let pipe = start(database(Arc::new(outbox.clone()), folder.path()).with_sink(sink.clone())).await;
    emit(&pipe, 1..=200, 1).await;
    end(pipe).await;
    assert_eq!(sink.numbers(), (1..=200).collect::<Vec<_>>());
    assert!(sink.taken().iter().all(|record| record.line.is_some()));
    assert!(is_empty(&outbox).await);
}

#[tokio::test]
async fn what_an_operation_wrote_in_its_own_transaction_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    let pipe = start(database(Arc::new(outbox.clone()), folder.path()).with_sink(sink.clone())).await;
    AuditOutbox::append(&outbox, vec![outbox_record(&event(1, 1)).unwrap()]).await.unwrap();
    // Another writer's spelling of the same event is brought into the canonical one.
    let spaced = serde_json::to_string_pretty(&event(2, 1)).unwrap();
    let record = OutboxRecord { body: spaced.into(), ..outbox_record(&event(2, 1)).unwrap() };
    AuditOutbox::append(&outbox, vec![record]).await.unwrap();
    eventually("both arrive", || sink.numbers() == [1, 2]).await;
    assert_eq!(sink.taken()[1].event, outbox_record(&event(2, 1)).unwrap().body);
    end(pipe).await;
}

#[tokio::test]
async fn a_database_that_fails_loses_nothing_and_doubles_nothing() {
    for seed in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let (inner, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
        let faulty = Faulty::new(&inner, seed, 40);
        let pipe = start(database(faulty.clone(), folder.path()).with_sink(sink.clone())).await;
        let mut acknowledged = Vec::new();
        for n in 1..=150 {
            if pipe.emit(event(n, (n % 3) as u8)).await.is_ok() {
                acknowledged.push(n);
            }
        }
        faulty.faults.store(0, Ordering::SeqCst);
        end(pipe).await;
        let got = sink.numbers();
        assert_eq!(once(&got), got, "seed {seed}: none twice");
        assert!(acknowledged.iter().all(|n| got.contains(n)), "seed {seed}: none lost");
        assert!(is_empty(&inner).await);
    }
}

#[tokio::test]
async fn a_crash_between_the_log_and_the_database_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (inner, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    // The records are moved and their completion is lost, as when the process dies in between.
    let records = (1..=20).map(|n| outbox_record(&event(n, 1)).unwrap()).collect();
    AuditOutbox::append(&inner, records).await.unwrap();
    struct NeverComplete(MemoryAuditOutbox);
    impl AuditOutbox for NeverComplete {
        async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
            AuditOutbox::append(&self.0, records).await
        }
        async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
            AuditOutbox::peek(&self.0, limit).await
        }
        async fn complete(&self, _: Vec<u64>) -> Result<(), StoreError> {
            Err(StoreError::bare(StoreErrorKind::Unavailable))
        }
        async fn depth(&self) -> Result<OutboxDepth, StoreError> {
            AuditOutbox::depth(&self.0).await
        }
    }
    let dying = Arc::new(NeverComplete(inner.clone()));
    let pipe = start(database(dying, folder.path()).with_sink(sink.clone())).await;
    eventually("they are in the log", || sink.numbers().len() == 20).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    pipe.shutdown(Duration::from_millis(20)).await.unwrap();
    drop(pipe);
    assert!(!is_empty(&inner).await);

    let pipe = start(database(Arc::new(inner.clone()), folder.path()).with_sink(sink.clone())).await;
    emit(&pipe, [21], 1).await;
    end(pipe).await;
    assert_eq!(sink.numbers(), (1..=21).collect::<Vec<_>>());
    assert!(is_empty(&inner).await);
}

#[tokio::test]
async fn what_is_no_event_is_put_aside_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    let of_another = OutboxRecord { event_id: event_id(77), ..outbox_record(&event(3, 1)).unwrap() };
    let records = vec![
        outbox_record(&event(1, 1)).unwrap(),
        OutboxRecord { body: vec![0xFF, 1, 2].into(), ..outbox_record(&event(2, 1)).unwrap() },
        of_another,
        outbox_record(&event(4, 1)).unwrap(),
    ];
    AuditOutbox::append(&outbox, records).await.unwrap();
    let pipe = start(database(Arc::new(outbox.clone()), folder.path()).with_sink(sink.clone())).await;
    eventually("the others arrive", || sink.numbers() == [1, 4]).await;
    end(pipe).await;
    assert_eq!(sink.of_type("AuditEventDeadLettered").len(), 2);
    let dead = std::fs::read_to_string(folder.path().join("dead/outbox.jsonl")).unwrap();
    assert_eq!(dead.lines().count(), 2);
    assert!(is_empty(&outbox).await);
}

#[tokio::test]
async fn a_database_that_is_away_refuses_operations_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (inner, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    let faulty = Faulty::new(&inner, 1, 100);
    let pipe = start(database(faulty.clone(), folder.path()).with_sink(sink.clone())).await;
    assert!(matches!(pipe.emit(event(1, 1)).await, Err(PipeError::Outbox(_))));
    eventually("it says so", || stats(&pipe, "s").last_error.is_some()).await;
    faulty.faults.store(0, Ordering::SeqCst);
    emit(&pipe, [2], 1).await;
    eventually("it goes on", || sink.numbers().contains(&2)).await;
    end(pipe).await;
}

#[derive(serde::Serialize)]
#[serde(tag = "event_type")]
struct Big {
    text: String,
}

impl AuditPayload for Big {
    fn event_type(&self) -> Cow<'static, str> {
        "Big".into()
    }
}

#[tokio::test]
async fn more_bytes_than_the_log_takes_at_once_are_moved_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, sink) = (MemoryAuditOutbox::new(), Taker::good("s"));
    let big = |n| {
        let payload = Big { text: "x".repeat(190 * 1_024) };
        AuthEventEnvelope::new(event_id(n), chrono::DateTime::UNIX_EPOCH, payload).with_tenant(tenant(1))
    };
    let records: Vec<_> = (1..=100).map(|n| outbox_record(&big(n)).unwrap()).collect();
    assert!(
        records.iter().map(|record| record.body.len()).sum::<usize>() > axess_audit::log::MAX_BATCH_BYTES
    );
    AuditOutbox::append(&outbox, records).await.unwrap();
    let settings = database(Arc::new(outbox.clone()), folder.path()).with_sink(sink.clone());
    end(start(settings.with_delivery_timeout(Duration::from_secs(10))).await).await;
    let ids: Vec<_> = sink.of_type("Big").iter().map(|record| record.event_id()).collect();
    assert_eq!(ids, (1..=100).map(event_id).collect::<Vec<_>>());
    assert!(is_empty(&outbox).await);
}

/// An outbox that stops answering.
#[derive(Default)]
struct Hanging {
    outbox: MemoryAuditOutbox,
    hangs: AtomicBool,
}

impl Hanging {
    async fn answer(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl AuditOutbox for Hanging {
    async fn append(&self, records: Vec<OutboxRecord>) -> Result<(), StoreError> {
        self.answer().await;
        AuditOutbox::append(&self.outbox, records).await
    }

    async fn peek(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.answer().await;
        AuditOutbox::peek(&self.outbox, limit).await
    }

    async fn complete(&self, sequences: Vec<u64>) -> Result<(), StoreError> {
        self.answer().await;
        AuditOutbox::complete(&self.outbox, sequences).await
    }

    async fn depth(&self) -> Result<OutboxDepth, StoreError> {
        self.answer().await;
        AuditOutbox::depth(&self.outbox).await
    }
}

#[tokio::test]
async fn a_database_that_hangs_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, sink) = (Arc::new(Hanging::default()), Taker::good("s"));
    let pipe = start(database(outbox.clone(), folder.path()).with_sink(sink.clone())).await;
    emit(&pipe, [1], 1).await;
    eventually("it arrives", || sink.numbers() == [1]).await;
    outbox.hangs.store(true, Ordering::SeqCst);
    let ended = tokio::time::timeout(Duration::from_secs(60), pipe.shutdown(Duration::from_millis(50)));
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_in_the_database_fills_the_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = MemoryAuditOutbox::new();
    let lock = MemoryLeaderLock::new();
    let now = axess_clock::Clock::now(&MockClock::default());
    // Another host has the lease: nothing is moved here.
    let elsewhere = ("axess-audit-outbox".to_owned(), "another host".to_owned());
    let ttl = chrono::TimeDelta::hours(1);
    DynLeaderLock::acquire(&lock, elsewhere.0.clone(), elsewhere.1.clone(), ttl, now).await.unwrap().unwrap();
    let sink = Taker::good("s");
    let settings = database(Arc::new(outbox.clone()), folder.path())
        .with_sink(sink.clone())
        .with_leader_lock(Arc::new(lock.clone()))
        .with_max_buffer_size(5)
        .with_policy(BufferFullPolicy::Block)
        .with_block_for(Duration::from_millis(30));
    let pipe: AuditPipe = start(settings).await;
    emit(&pipe, 1..=5, 1).await;
    assert!(matches!(pipe.emit(event(6, 1)).await, Err(PipeError::Full)));
    assert_eq!((pipe.stats().buffered, sink.calls()), (5, 0));
    assert!(DynLeaderLock::release(&lock, elsewhere.0, elsewhere.1).await.unwrap());
    eventually("it is our turn", || sink.numbers() == [1, 2, 3, 4, 5]).await;
    end(pipe).await;
}
