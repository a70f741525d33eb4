use super::*;
use axess_core::store::ROTATION_MEMORY;
use chrono::TimeDelta;
use std::sync::Arc;

/// Rotates `row` at `seconds`.
async fn rotated(
    store: &impl SessionStore,
    ground: &Ground,
    row: &SessionRow,
    seconds: i64,
) -> Result<SessionRow, super::super::verdict::Breach> {
    let into = next(ground, row);
    let done = store.cycle(row.id, row.version, into.clone(), ground.at(seconds)).await?;
    same("cycle", done, SaveOutcome::Saved)?;
    Ok(into)
}

pub(super) async fn ending_follows_rotations<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for by in 0..3 {
        let owner = ground.owner();
        let first = inserted(&*store, &ground, Some(owner)).await?;
        let second = rotated(&*store, &ground, &first, 0).await?;
        let third = rotated(&*store, &ground, &second, 0).await?;
        let id = [first.id, second.id, third.id].get(by).copied().unwrap_or(third.id);
        let late = ground.at(0) + ROTATION_MEMORY - TimeDelta::microseconds(1);
        let what = format!("ended rows, by the id before {} rotations, just inside the memory", 2 - by);
        same(&what, store.end(id, late).await?, 1)?;
        reads(&*store, &ground, "the session after it", third.id, None).await?;
        lists(&*store, &ground, "the sessions of its owner", owner, &[]).await?;
        same("ended rows the second time", store.end(id, late).await?, 0)?;
    }
    same("ended rows of an id that never was", store.end(ground.session(), ground.at(0)).await?, 0)
}

pub(super) async fn what_ended_never_comes_back<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let row = inserted(&*store, &ground, Some(owner)).await?;
    same("ended rows", store.end(row.id, ground.at(0)).await?, 1)?;
    let late = changed(&ground, &row);
    same("a late save", store.save(late).await?, SaveOutcome::Conflict)?;
    let into = next(&ground, &row);
    let done = store.cycle(row.id, 1, into.clone(), ground.at(0)).await?;
    same("a late cycle", done, SaveOutcome::Conflict)?;
    reads(&*store, &ground, "the ended id", row.id, None).await?;
    reads(&*store, &ground, "the id of the late cycle", into.id, None).await?;

    // A row that was rotated away is gone in the same way.
    let old = inserted(&*store, &ground, Some(owner)).await?;
    let new = rotated(&*store, &ground, &old, 0).await?;
    same("a late save under the old id", store.save(changed(&ground, &old)).await?, SaveOutcome::Conflict)?;
    let done = store.cycle(old.id, 1, next(&ground, &old), ground.at(0)).await?;
    same("a late cycle of the old id", done, SaveOutcome::Conflict)?;
    lists(&*store, &ground, "the sessions of the owner", owner, &[new.id]).await
}

pub(super) async fn ending_leaves_other_sessions_alone<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mut others = Vec::new();
    for owner in [Some(me), Some(namesake), Some(neighbour), None] {
        others.push(inserted(&*store, &ground, owner).await?);
    }
    let mine = inserted(&*store, &ground, Some(me)).await?;
    let mine = rotated(&*store, &ground, &mine, 0).await?;
    same("ended rows", store.end(mine.lineage, ground.at(1)).await?, 1)?;
    for other in &others {
        reads(&*store, &ground, "another session", other.id, Some(other)).await?;
    }
    Ok(())
}

pub(super) async fn the_sessions_of_a_user_end_together<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let guest = inserted(&*store, &ground, None).await?;
    let mut ids = Vec::new();
    for owner in owners {
        let mut own = Vec::new();
        for _ in 0..3 {
            own.push(inserted(&*store, &ground, Some(owner)).await?.id);
        }
        ids.push(own);
    }
    let [mine, namesakes, neighbours] = &ids[..] else { return Ok(()) };
    let kept = mine.first().copied();
    same("ended rows, keeping one", store.end_for_user(me, kept).await?, 2)?;
    lists(&*store, &ground, "what is kept", me, kept.as_slice()).await?;
    let stranger = namesakes.first().copied();
    same("ended rows, keeping one of somebody else", store.end_for_user(me, stranger).await?, 1)?;
    lists(&*store, &ground, "what is left", me, &[]).await?;
    same("ended rows the second time", store.end_for_user(me, None).await?, 0)?;
    lists(&*store, &ground, "the same user id in another tenant", namesake, namesakes).await?;
    lists(&*store, &ground, "another user of the tenant", neighbour, neighbours).await?;
    reads(&*store, &ground, "a guest's session", guest.id, Some(&guest)).await
}

pub(super) async fn the_sessions_of_a_tenant_end_together<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let guest = inserted(&*store, &ground, None).await?;
    let mut rows = Vec::new();
    for owner in owners.into_iter().cycle().take(6) {
        rows.push(inserted(&*store, &ground, Some(owner)).await?);
    }
    same("ended rows", store.end_for_tenant(me.tenant_id).await?, 4)?;
    lists(&*store, &ground, "one user of the tenant", me, &[]).await?;
    lists(&*store, &ground, "another user of the tenant", neighbour, &[]).await?;
    let theirs = rows.iter().filter(|row| row.owner == Some(namesake)).map(|row| row.id);
    lists(&*store, &ground, "another tenant", namesake, &theirs.collect::<Vec<_>>()).await?;
    reads(&*store, &ground, "a guest's session", guest.id, Some(&guest)).await?;
    same("ended rows the second time", store.end_for_tenant(me.tenant_id).await?, 0)
}
