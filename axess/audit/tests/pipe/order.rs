//! Whatever a sink does, it has every event, and each tenant's in order.

use crate::kit::*;
use axess_rng::{MockRng, random_below};
use std::{collections::BTreeMap, time::Duration};

/// Delivers the events of eight tenants to a sink that fails by dice, and looks at what it got.
async fn round(front: Front, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let dice = MockRng::new(seed);
    let stubborn = random_below(&dice, 8) as u8;
    let sink = Taker::new("s", move |batch, call| {
        let is_stubborn = batch.iter().any(|r| r.envelope.tenant_id == Some(tenant(stubborn)));
        match random_below(&dice, 10) {
            _ if is_stubborn && call < 60 => Does::Fail,
            0..=2 => Does::Fail,
            3 => Does::Panic,
            4 => Does::TakeAfter(Duration::from_millis(random_below(&dice, 4))),
            5 if random_below(&dice, 8) == 0 => Does::Hang,
            _ => Does::Take,
        }
    });
    let dice = MockRng::new(seed ^ 0xFEED);
    let batch = 1 + random_below(&dice, 20) as usize;
    let settings = config(front, folder.path()).with_sink(sink.clone()).with_batch(batch);
    let pipe = start(settings.with_delivery_timeout(Duration::from_millis(15))).await;
    let mut sent: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for n in 1..=300 {
        let of = random_below(&dice, 8) as u8;
        emit(&pipe, [n], of).await;
        sent.entry(of).or_default().push(n);
    }
    end(pipe).await;
    let mut got: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for record in sink.taken() {
        let of = record.envelope.tenant_id.unwrap().as_uuid().into_bytes()[15];
        got.entry(of).or_default().push(number(&record));
    }
    assert_eq!(got, sent, "{front:?}, seed {seed}");
}

#[tokio::test]
async fn order_and_completeness_hold_for_every_seed_in_memory() {
    for seed in 0..25 {
        round(Front::Memory, seed).await;
    }
}

#[tokio::test]
async fn order_and_completeness_hold_for_every_seed_on_files() {
    for seed in 100..115 {
        round(Front::Files, seed).await;
    }
}

#[tokio::test]
async fn one_sink_sees_what_many_tasks_emit_each_in_its_order() {
    for front in FRONTS {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (Taker::good("a"), Taker::good("b"));
        let pipe = start(config(front, folder.path()).with_sink(a.clone()).with_sink(b.clone())).await;
        let tasks: Vec<_> = (0..8_u8)
            .map(|of| {
                let pipe = pipe.clone();
                tokio::spawn(async move {
                    emit(&pipe, (0..100).map(|n| u64::from(of) * 1_000 + n), of).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        end(pipe).await;
        assert_eq!(a.numbers(), b.numbers(), "every sink sees one order");
        assert_eq!(a.numbers().len(), 800);
        for of in 0..8 {
            let of_task: Vec<u64> = a.numbers().into_iter().filter(|n| n / 1_000 == of).collect();
            assert!(of_task.is_sorted(), "{front:?}");
        }
    }
}

/// Of seventy tenants that fail, more than can be held back, each recovers when the dice say so.
#[tokio::test]
async fn more_failing_tenants_than_can_be_held_back_get_everything_in_order() {
    const HEALTHY: u8 = 0;
    for (front, seed) in [(Front::Memory, 1), (Front::Memory, 2), (Front::Files, 3), (Front::Files, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let dice = MockRng::new(seed);
        let well_at: Vec<u64> = (0..=70).map(|of| u64::from(of > 0) * random_below(&dice, 600)).collect();
        let sink = Taker::new("s", move |batch, call| {
            let is_well = |of: u8| well_at[usize::from(of)] <= call as u64;
            match call {
                // Meanwhile all the others arrive, and are read at once.
                1 => Does::TakeAfter(Duration::from_millis(500)),
                _ if batch.iter().all(|record| is_well(tenant_of(record))) => Does::Take,
                _ => Does::Fail,
            }
        });
        let settings = config(front, folder.path()).with_sink(sink.clone()).with_batch(512);
        let pipe = start(settings.with_delivery_timeout(Duration::from_secs(5))).await;
        emit(&pipe, [1], HEALTHY).await;
        eventually("the first is under way", || sink.calls() == 1).await;
        let numbers = |of: u8| (2..7).map(move |n| u64::from(of) * 100 + n);
        futures_util::future::join_all((0..=70).map(|of| emit(&pipe, numbers(of), of))).await;
        end(pipe).await;
        let mut got: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for record in sink.taken() {
            got.entry(tenant_of(&record)).or_default().push(number(&record));
        }
        let mut sent: BTreeMap<u8, Vec<u64>> = (0..=70).map(|of| (of, numbers(of).collect())).collect();
        sent.get_mut(&HEALTHY).unwrap().insert(0, 1);
        assert_eq!(got, sent, "{front:?}, seed {seed}");
    }
}

fn tenant_of(record: &axess_audit::AuditRecord) -> u8 {
    record.envelope.tenant_id.unwrap().as_uuid().into_bytes()[15]
}
