//! Values by key.

use super::{
    ground::{Ground, LOOKALIKES, NAMES, far_future},
    race::{CUTS, RACERS, cut_off, race, settles},
    suite::{Setting, Suite, suite},
    verdict::{Verdict, holds, same},
};
use axess_core::store::Store;
use std::sync::Arc;

/// Makes the suite of [`Store`] with text as keys and bytes as values.
///
/// ```
/// use axess_core::memory::MemoryStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::key_value_store(MemoryStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "keys_are_told_apart"));
/// ```
pub fn key_value_store<S: Store<String, Vec<u8>> + 'static>(store: S, setting: Setting) -> Suite {
    suite!("Store<String, Vec<u8>>", store, setting, [
        self:
            values_are_opaque_bytes,
            keys_are_told_apart,
            a_value_ends_at_its_time,
            a_write_replaces_value_and_end,
            deleting_tells_whether_there_was_one,
            of_racing_deletions_one_finds_it,
            racing_writes_leave_one_of_them,
            a_write_cut_off_is_there_or_not;
    ])
}

async fn values_are_opaque_bytes<S: Store<String, Vec<u8>>>(store: Arc<S>, ground: Ground) -> Verdict {
    let texts = NAMES.iter().map(|name| name.as_bytes().to_vec());
    let bytes = [vec![0], vec![0; 3], (0..=255).collect(), ground.bytes(100_000)];
    for value in texts.chain(bytes) {
        let key = ground.word();
        store.set(key.clone(), value.clone(), far_future()).await?;
        let got = store.get(key, ground.at(0)).await?;
        holds(&format!("{} bytes come back as they were", value.len()), got == Some(value))?;
    }
    same("a key that never was", store.get(ground.word(), ground.at(0)).await?, None)
}

async fn keys_are_told_apart<S: Store<String, Vec<u8>>>(store: Arc<S>, ground: Ground) -> Verdict {
    let word = ground.word();
    let names = || LOOKALIKES.iter().chain(&NAMES).map(|name| format!("{word}{name}"));
    for name in names() {
        same("before it is written", store.get(name.clone(), ground.at(0)).await?, None)?;
        store.set(name.clone(), name.clone().into_bytes(), ground.at(1_000)).await?;
    }
    for name in names() {
        same("each of them", store.get(name.clone(), ground.at(0)).await?, Some(name.clone().into_bytes()))?;
        same("deleted", store.delete(name.clone()).await?, true)?;
    }
    Ok(())
}

async fn a_value_ends_at_its_time<S: Store<String, Vec<u8>>>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = ground.word();
    store.set(key.clone(), vec![1], ground.at(1_000)).await?;
    same("just before the end", store.get(key.clone(), ground.just_before(1_000)).await?, Some(vec![1]))?;
    for late in [1_000, 1_001] {
        same("at or after the end", store.get(key.clone(), ground.at(late)).await?, None)?;
    }
    Ok(())
}

async fn a_write_replaces_value_and_end<S: Store<String, Vec<u8>>>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = ground.word();
    for (value, end) in [(1, 1_000), (2, 2_000), (3, 500)] {
        store.set(key.clone(), vec![value], ground.at(end)).await?;
        let last = store.get(key.clone(), ground.just_before(end)).await?;
        same("just before the new end", last, Some(vec![value]))?;
        same("at the new end", store.get(key.clone(), ground.at(end)).await?, None)?;
    }
    Ok(())
}

async fn deleting_tells_whether_there_was_one<S: Store<String, Vec<u8>>>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (key, other) = (ground.word(), ground.word());
    same("before it was written", store.delete(key.clone()).await?, false)?;
    for key in [&key, &other] {
        store.set(key.clone(), vec![1], ground.at(1_000)).await?;
    }
    same("the first time", store.delete(key.clone()).await?, true)?;
    same("the second time", store.delete(key.clone()).await?, false)?;
    same("the deleted one", store.get(key, ground.at(0)).await?, None)?;
    same("the other one", store.get(other, ground.at(0)).await?, Some(vec![1]))
}

async fn of_racing_deletions_one_finds_it<S: Store<String, Vec<u8>> + 'static>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let key = ground.word();
    store.set(key.clone(), vec![1], ground.at(1_000)).await?;
    let answers = race(RACERS, |_| {
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.delete(key).await }
    });
    same("how many found it", answers.await?.into_iter().filter(|found| *found).count(), 1)
}

async fn racing_writes_leave_one_of_them<S: Store<String, Vec<u8>> + 'static>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let key = ground.word();
    let values: Vec<_> = (0..RACERS).map(|_| ground.bytes(5_000)).collect();
    race(RACERS, |n| {
        let (store, key, end) = (Arc::clone(&store), key.clone(), ground.at(1_000));
        let value = values.get(n).cloned().unwrap_or_default();
        async move { store.set(key, value, end).await }
    })
    .await?;
    let got = store.get(key, ground.at(0)).await?;
    holds("what is left is one of them", got.is_some_and(|got| values.contains(&got)))
}

async fn a_write_cut_off_is_there_or_not<S: Store<String, Vec<u8>>>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let (key, now) = (ground.word(), ground.at(0));
        let (old, new) = (vec![1; 2_000], vec![2; 2_000]);
        store.set(key.clone(), old.clone(), ground.at(1_000)).await?;
        let _ = cut_off(store.set(key.clone(), new.clone(), ground.at(1_000)), cut).await.transpose()?;
        let got = store.get(key.clone(), now).await?;
        holds("the old or the new one", got.is_some_and(|got| got == old || got == new))?;
        store.set(key.clone(), new.clone(), ground.at(1_000)).await?;
        settles(async || {
            holds("after it was repeated", store.get(key.clone(), now).await? == Some(new.clone()))
        })
        .await?;
    }
    Ok(())
}
