//! The outbox: every event once, in order, a batch as a whole.

use super::{
    ground::{Ground, far_future, long_ago},
    race::{CUTS, RACERS, cut_off, race, race_two, settles},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same},
};
use axess_core::store::{AuditOutbox, OutboxEntry, OutboxRecord};
use std::{collections::BTreeMap, sync::Arc};

/// How many records a batch of a race has.
const BATCH: usize = 5;
/// More pages than it takes to empty the outbox of any test.
const MAX_PAGES: usize = 10_000;

/// Makes the suite of [`AuditOutbox`].
///
/// It empties the outbox.
///
/// ```
/// use axess_core::memory::MemoryAuditOutbox;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::audit_outbox(MemoryAuditOutbox::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "a_batch_is_seen_as_a_whole"));
/// ```
pub fn audit_outbox<S: AuditOutbox>(store: S, setting: Setting) -> Suite {
    suite!("AuditOutbox", store, setting, [
        self:
            every_field_comes_back,
            records_are_read_in_the_order_of_writing,
            a_peek_has_a_limit_and_takes_nothing,
            an_event_is_kept_once,
            completing_removes_what_it_names,
            the_depth_is_what_waits,
            a_batch_is_seen_as_a_whole,
            racing_writers_lose_and_repeat_nothing,
            racing_writers_of_one_event_leave_one,
            a_batch_cut_off_is_there_or_not;
    ])
}

fn record(ground: &Ground, second: i64) -> OutboxRecord {
    OutboxRecord {
        event_id: ground.event(),
        tenant_id: Some(ground.tenant()),
        at: ground.at(second),
        body: ground.bytes(60).into(),
    }
}

fn batch(ground: &Ground, records: usize) -> Vec<OutboxRecord> {
    (0..records).map(|_| record(ground, 0)).collect()
}

async fn emptied(store: &impl AuditOutbox) -> Verdict {
    for _ in 0..MAX_PAGES {
        let page = store.peek(1_000).await?;
        if page.is_empty() {
            return Ok(());
        }
        store.complete(page.iter().map(|entry| entry.sequence).collect()).await?;
    }
    Err(Breach::new("what is completed comes back"))
}

async fn waiting(store: &impl AuditOutbox) -> Result<Vec<OutboxRecord>, Breach> {
    Ok(store.peek(1_000).await?.into_iter().map(|entry| entry.record).collect())
}

async fn every_field_comes_back<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let bodies = [vec![], vec![0], (0..=255).collect(), ground.bytes(100_000)];
    let times = [ground.just_before(0), long_ago(), far_future(), ground.at(0)];
    let mut records = Vec::new();
    for (n, (body, at)) in bodies.into_iter().zip(times).enumerate() {
        let tenant_id = (n != 0).then(|| ground.tenant());
        records.push(OutboxRecord { tenant_id, at, body: body.into(), ..record(&ground, 0) });
    }
    store.append(records.clone()).await?;
    let got = waiting(&*store).await?;
    holds("the records read back as they were written", got == records)
}

async fn records_are_read_in_the_order_of_writing<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let mut all = Vec::new();
    // The order is that of writing, not that of the events' times or ids.
    for (n, size) in (0..).zip([1, 3, 2]) {
        let mut batch: Vec<_> = (0..size).map(|m| record(&ground, 100 - 10 * n - m)).collect();
        batch.sort_by_key(|record| std::cmp::Reverse(record.event_id));
        store.append(batch.clone()).await?;
        all.extend(batch);
    }
    store.append(vec![]).await?;
    let entries = store.peek(1_000).await?;
    let grows = entries.windows(2).all(|pair| matches!(pair, [a, b] if a.sequence < b.sequence));
    holds("the sequence grows", grows)?;
    same("the order", entries.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), all)
}

async fn a_peek_has_a_limit_and_takes_nothing<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    store.append(batch(&ground, 5)).await?;
    let all = store.peek(usize::MAX).await?;
    same("how many without a limit", all.len(), 5)?;
    for limit in [0, 1, 3, 5, 6, 3] {
        let want: Vec<_> = all.iter().take(limit).cloned().collect();
        same(&format!("the first {limit}"), store.peek(limit).await?, want)?;
    }
    Ok(())
}

async fn an_event_is_kept_once<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let (first, second, third) = (record(&ground, 0), record(&ground, 1), record(&ground, 2));
    let other = OutboxRecord { body: ground.bytes(10).into(), at: ground.at(9), ..first.clone() };
    store.append(vec![first.clone(), other.clone()]).await?;
    store.append(vec![second.clone(), other, third.clone(), second.clone()]).await?;
    same("what waits", waiting(&*store).await?, vec![first, second, third])
}

async fn completing_removes_what_it_names<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    store.append(batch(&ground, 4)).await?;
    let entries = store.peek(10).await?;
    let pick =
        |at: &[usize]| -> Vec<OutboxEntry> { at.iter().filter_map(|n| entries.get(*n).cloned()).collect() };
    let numbers = |entries: &[OutboxEntry]| entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>();
    for _ in 0..2 {
        store.complete(numbers(&pick(&[1, 2]))).await?;
        same("what waits", store.peek(10).await?, pick(&[0, 3]))?;
    }
    store.complete(vec![]).await?;
    store.complete(vec![u64::MAX, 0]).await?;
    same("what waits after unknown ones", store.peek(10).await?, pick(&[0, 3]))?;
    store.complete(numbers(&entries)).await?;
    same("what waits after all", store.peek(10).await?, vec![])?;
    store.append(batch(&ground, 1)).await?;
    let last = entries.last().map_or(0, |entry| entry.sequence);
    let again = store.peek(10).await?;
    holds("no sequence is given out twice", again.iter().all(|entry| entry.sequence > last))
}

async fn the_depth_is_what_waits<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let depth = store.depth().await?;
    same("of an empty outbox", (depth.records, depth.oldest), (0, None))?;
    store.append((0..4).map(|second| record(&ground, second)).collect()).await?;
    let depth = store.depth().await?;
    same("of four", (depth.records, depth.oldest), (4, Some(ground.at(0))))?;
    let first = store.peek(1).await?;
    store.complete(first.iter().map(|entry| entry.sequence).collect()).await?;
    let depth = store.depth().await?;
    same("of the last three", (depth.records, depth.oldest), (3, Some(ground.at(1))))
}

async fn a_batch_is_seen_as_a_whole<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let batches: Vec<_> = (0..20).map(|_| batch(&ground, BATCH)).collect();
    let owner_of: BTreeMap<_, _> = batches
        .iter()
        .enumerate()
        .flat_map(|(n, batch)| batch.iter().map(move |record| (record.event_id, n)))
        .collect();
    let (writer, reader) = (Arc::clone(&store), Arc::clone(&store));
    let write = async move {
        for batch in batches {
            writer.append(batch).await?;
        }
        Ok(())
    };
    let watch = async move {
        let mut seen = Vec::new();
        for _ in 0..60 {
            seen.push(reader.peek(1_000).await?);
            tokio::task::yield_now().await;
        }
        Ok(seen)
    };
    let ((), seen) = race_two(0, write, watch).await?;
    for entries in seen {
        let mut counts = BTreeMap::<_, usize>::new();
        for entry in &entries {
            *counts.entry(owner_of.get(&entry.record.event_id)).or_default() += 1;
        }
        let whole = counts.values().all(|count| *count == BATCH);
        holds(&format!("batches of {BATCH}, not of {:?}", counts.values()), whole)?;
    }
    Ok(())
}

async fn racing_writers_lose_and_repeat_nothing<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let batches: Vec<_> = (0..RACERS).map(|_| batch(&ground, BATCH)).collect();
    race(RACERS, |n| {
        let (store, batch) = (Arc::clone(&store), batches.get(n).cloned().unwrap_or_default());
        async move { store.append(batch).await }
    })
    .await?;
    let got = waiting(&*store).await?;
    same("how many wait", got.len(), RACERS * BATCH)?;
    for batch in batches {
        let own: Vec<_> = got.iter().filter(|record| batch.contains(record)).cloned().collect();
        same("a batch, once and in its order", own, batch)?;
    }
    Ok(())
}

async fn racing_writers_of_one_event_leave_one<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    emptied(&*store).await?;
    let shared = record(&ground, 0);
    let own: Vec<_> = (0..RACERS).map(|_| record(&ground, 1)).collect();
    race(RACERS, |n| {
        let (store, shared) = (Arc::clone(&store), shared.clone());
        let batch = own.get(n).cloned().into_iter().chain([shared]).collect();
        async move { store.append(batch).await }
    })
    .await?;
    let got = waiting(&*store).await?;
    same("how often the shared event waits", got.iter().filter(|record| **record == shared).count(), 1)?;
    same("how many wait", got.len(), RACERS + 1)
}

async fn a_batch_cut_off_is_there_or_not<S: AuditOutbox>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        emptied(&*store).await?;
        let batch = batch(&ground, BATCH);
        let _ = cut_off(store.append(batch.clone()), cut).await.transpose()?;
        settles(async || {
            let got = waiting(&*store).await?;
            holds(&format!("all or none of {BATCH}, not {}", got.len()), got.is_empty() || got == batch)
        })
        .await?;
        store.append(batch.clone()).await?;
        settles(async || same("after it was repeated", waiting(&*store).await?, batch.clone())).await?;
    }
    Ok(())
}
