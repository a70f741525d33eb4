use super::{
    super::{
        race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
        verdict::{Breach, holds, some},
    },
    *,
};
use std::sync::Arc;

fn winners(outcomes: &[SaveOutcome]) -> usize {
    outcomes.iter().filter(|outcome| **outcome == SaveOutcome::Saved).count()
}

/// Demands that exactly one of `rows` was written, and that it is what is stored under `id` if it is the same for all.
async fn one_won(
    store: &impl SessionStore,
    ground: &Ground,
    outcomes: &[SaveOutcome],
    rows: &[SessionRow],
) -> Verdict {
    same("how many were told that they won", winners(outcomes), 1)?;
    let won = outcomes.iter().zip(rows).find(|(outcome, _)| **outcome == SaveOutcome::Saved);
    let won = some("the winner's row", won.map(|(_, row)| row))?;
    reads(store, ground, "what the winner wrote", won.id, Some(won)).await
}

pub(super) async fn racing_inserts_have_one_winner<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let id = ground.session();
    let rows: Vec<_> = (0..RACERS).map(|_| SessionRow { id, ..fresh(&ground, None) }).collect();
    let outcomes = race(RACERS, |n| {
        let (store, row) = (Arc::clone(&store), rows.get(n).cloned());
        async move { store.insert(row.unwrap_or_else(|| fresh_of(id))).await }
    });
    one_won(&*store, &ground, &outcomes.await?, &rows).await
}

/// Stands in for a row that is always there.
fn fresh_of(id: SessionId) -> SessionRow {
    let time = chrono::DateTime::UNIX_EPOCH;
    SessionRow {
        id,
        lineage: id,
        version: 1,
        owner: None,
        payload: Bytes::new(),
        created_at: time,
        expires_at: time,
    }
}

pub(super) async fn racing_saves_have_one_winner<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let row = inserted(&*store, &ground, Some(ground.owner())).await?;
    let rows: Vec<_> = (0..RACERS).map(|_| changed(&ground, &row)).collect();
    let outcomes = race(RACERS, |n| {
        let (store, row) = (Arc::clone(&store), rows.get(n).unwrap_or(&row).clone());
        async move { store.save(row).await }
    });
    one_won(&*store, &ground, &outcomes.await?, &rows).await
}

pub(super) async fn no_update_is_lost<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    const TASKS: usize = 8;
    const EACH: u64 = 6;
    let row = SessionRow { payload: 0_u64.to_be_bytes().to_vec().into(), ..fresh(&ground, None) };
    same("insert", store.insert(row.clone()).await?, SaveOutcome::Saved)?;
    let (id, now) = (row.id, ground.at(0));
    race(TASKS, |_| {
        let store = Arc::clone(&store);
        async move {
            let mut left = EACH;
            while left > 0 {
                let Some(row) = store.load(id, now).await? else { return Ok(()) };
                let count = u64::from_be_bytes(<[u8; 8]>::try_from(&row.payload[..]).unwrap_or_default());
                let payload = Bytes::from((count + 1).to_be_bytes().to_vec());
                let next = SessionRow { version: row.version + 1, payload, ..row };
                left -= u64::from(store.save(next).await? == SaveOutcome::Saved);
            }
            Ok(())
        }
    })
    .await?;
    let row = some("the row", store.load(id, now).await?)?;
    let total = EACH * u64::try_from(TASKS).unwrap_or(0);
    same("the version after every update", row.version, total + 1)?;
    same("the sum of every update", &row.payload[..], &total.to_be_bytes()[..])
}

pub(super) async fn racing_cycles_have_one_winner<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let row = inserted(&*store, &ground, Some(owner)).await?;
    let rows: Vec<_> = (0..RACERS).map(|_| next(&ground, &row)).collect();
    let outcomes = race(RACERS, |n| {
        let (store, into) = (Arc::clone(&store), rows.get(n).unwrap_or(&row).clone());
        let (old, now) = (row.id, ground.at(0));
        async move { store.cycle(old, 1, into, now).await }
    });
    one_won(&*store, &ground, &outcomes.await?, &rows).await?;
    reads(&*store, &ground, "the old id", row.id, None).await?;
    let listed = store.find_sessions_for_user(owner, ground.at(0), MANY).await?;
    same("how many sessions there are", listed.len(), 1)
}

pub(super) async fn of_a_save_and_a_cycle_one_wins<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let owner = ground.owner();
        let row = inserted(&*store, &ground, Some(owner)).await?;
        let (saved, into) = (changed(&ground, &row), next(&ground, &row));
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let (row_saved, row_into, old, now) = (saved.clone(), into.clone(), row.id, ground.at(0));
        let (save, cycle) = race_two(round, async move { one.save(row_saved).await }, async move {
            other.cycle(old, 1, row_into, now).await
        })
        .await?;
        one_won(&*store, &ground, &[save, cycle], &[saved, into.clone()]).await?;
        let left = if cycle == SaveOutcome::Saved { into.id } else { row.id };
        lists(&*store, &ground, "what is left", owner, &[left]).await?;
    }
    Ok(())
}

pub(super) async fn an_end_beats_a_racing_save<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for round in 0..ROUNDS {
        let owner = ground.owner();
        let row = inserted(&*store, &ground, Some(owner)).await?;
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        let (saved, id, now) = (changed(&ground, &row), row.id, ground.at(0));
        let (_, ended) =
            race_two(round, async move { one.save(saved).await }, async move { other.end(id, now).await })
                .await?;
        same("ended rows", ended, 1)?;
        reads(&*store, &ground, "the session after it", row.id, None).await?;
        lists(&*store, &ground, "what is left", owner, &[]).await?;
    }
    Ok(())
}

/// Ends a session in some way while it is rotated, and demands that nothing is left.
async fn end_races_cycle<S, F>(
    store: Arc<S>,
    ground: Ground,
    end: impl Fn(Arc<S>, SessionRow, Owner) -> F,
) -> Verdict
where
    S: SessionStore,
    F: Future<Output = Result<u64, axess_core::store::StoreError>> + Send + 'static,
{
    for round in 0..ROUNDS {
        let owner = ground.owner();
        let row = inserted(&*store, &ground, Some(owner)).await?;
        let (second, now) = (next(&ground, &row), ground.at(0));
        let third = next(&ground, &second);
        let cycles = {
            let (store, old, second, third) = (Arc::clone(&store), row.id, second.clone(), third.clone());
            async move {
                let first = store.cycle(old, 1, second.clone(), now).await?;
                Ok((first, store.cycle(second.id, 1, third, now).await?))
            }
        };
        let (cycled, ended) = race_two(round, cycles, end(Arc::clone(&store), row.clone(), owner)).await?;
        let what = format!("ended rows, with cycles answered {cycled:?}");
        same(&what, ended, 1)?;
        for id in [row.id, second.id, third.id] {
            reads(&*store, &ground, "each id after the end", id, None).await?;
        }
        lists(&*store, &ground, "what is left", owner, &[]).await?;
    }
    Ok(())
}

pub(super) async fn an_end_beats_a_racing_cycle<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let now = ground.at(0);
    end_races_cycle(store, ground, move |store, row, _| async move { store.end(row.id, now).await }).await
}

pub(super) async fn ending_a_user_beats_a_racing_cycle<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    end_races_cycle(store, ground, |store, _, owner| async move { store.end_for_user(owner, None).await })
        .await
}

pub(super) async fn ending_a_tenant_beats_a_racing_cycle<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    end_races_cycle(
        store,
        ground,
        |store, _, owner| async move { store.end_for_tenant(owner.tenant_id).await },
    )
    .await
}

pub(super) async fn a_call_cut_off_leaves_nothing_half_done<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let row = fresh(&ground, Some(owner));
        let _ = cut_off(store.insert(row.clone()), cut).await;
        // Whether it happened is open; that it can be repeated is not.
        let _ = store.insert(row.clone()).await?;
        let saved = changed(&ground, &row);
        let _ = cut_off(store.save(saved.clone()), cut).await;
        settles(async || one_of(&*store, &ground, owner, &[&row, &saved]).await).await?;
        let current = some("the row", store.load(row.id, ground.at(0)).await?)?;
        let into = next(&ground, &current);
        let _ = cut_off(store.cycle(row.id, current.version, into.clone(), ground.at(0)), cut).await;
        settles(async || one_of(&*store, &ground, owner, &[&row, &saved, &into]).await).await?;
        let _ = cut_off(store.end(row.id, ground.at(0)), cut).await;
        store.end(row.id, ground.at(0)).await?;
        settles(async || lists(&*store, &ground, "what is left after the end", owner, &[]).await).await?;
        for id in [row.id, into.id] {
            reads(&*store, &ground, "an ended session", id, None).await?;
        }
        end_of_many_cut_off(&*store, &ground, cut).await?;
    }
    Ok(())
}

/// Demands that exactly one of `rows` is there, and that the owner's list says the same.
async fn one_of(store: &impl SessionStore, ground: &Ground, owner: Owner, rows: &[&SessionRow]) -> Verdict {
    let mut found = Vec::new();
    for row in rows {
        let read = store.load(row.id, ground.at(0)).await?;
        found.extend(read.filter(|read| read == *row));
    }
    let [found] = &found[..] else {
        return Err(Breach::new(format!("a call cut off left {} sessions instead of one", found.len())));
    };
    lists(store, ground, "the sessions after a call that was cut off", owner, &[found.id]).await
}

async fn end_of_many_cut_off(store: &impl SessionStore, ground: &Ground, cut: u32) -> Verdict {
    let owner = ground.owner();
    for _ in 0..4 {
        inserted(store, ground, Some(owner)).await?;
    }
    let _ = cut_off(store.end_for_user(owner, None), cut).await;
    settles(async || {
        let left = store.find_sessions_for_user(owner, ground.at(0), MANY).await?.len();
        holds(&format!("all sessions or none, not {left} of 4"), left == 0 || left == 4)
    })
    .await?;
    store.end_for_user(owner, None).await?;
    lists(store, ground, "what is left after all", owner, &[]).await
}
