use super::{
    super::ground::{far_future, long_ago},
    *,
};
use std::sync::Arc;

pub(super) async fn every_field_comes_back<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let times = [
        (ground.at(0), ground.at(1_000)),
        (long_ago(), far_future()),
        (ground.just_before(0), ground.just_before(1)),
    ];
    for (created_at, expires_at) in times {
        for owner in [None, Some(ground.owner())] {
            let row =
                SessionRow { lineage: ground.session(), created_at, expires_at, ..fresh(&ground, owner) };
            same("insert", store.insert(row.clone()).await?, SaveOutcome::Saved)?;
            let read = store.load(row.id, ground.just_before(0)).await?;
            same("the row read back", read.as_ref(), Some(&row))?;
            let Some(owner) = owner else { continue };
            let listed = store.find_sessions_for_user(owner, ground.just_before(0), MANY).await?;
            let listed: Vec<_> = listed.iter().map(|one| (one.id, one.created_at, one.expires_at)).collect();
            same("the summary", listed, vec![(row.id, created_at, expires_at)])?;
        }
    }
    Ok(())
}

/// The payload of a session is up to about 64 KiB of custom data, the state, and what sealing adds.
pub(super) async fn payloads_are_opaque_bytes<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let every_byte: Vec<u8> = (0..=255).collect();
    for payload in [vec![], vec![0], every_byte, vec![0; 3_000], ground.bytes(100_000)] {
        let row = SessionRow { payload: payload.into(), ..fresh(&ground, None) };
        same("insert", store.insert(row.clone()).await?, SaveOutcome::Saved)?;
        let read = store.load(row.id, ground.at(0)).await?;
        let what = format!("a payload of {} bytes comes back as it was", row.payload.len());
        super::super::verdict::holds(&what, read.as_ref() == Some(&row))?;
    }
    Ok(())
}

pub(super) async fn an_expired_row_is_never_returned<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let row = inserted(&*store, &ground, Some(owner)).await?;
    let last = ground.just_before(1_000);
    same("load just before the end", store.load(row.id, last).await?.as_ref(), Some(&row))?;
    same("listed just before the end", store.find_sessions_for_user(owner, last, MANY).await?.len(), 1)?;
    for late in [1_000, 1_001, 1_000_000] {
        same("load at or after the end", store.load(row.id, ground.at(late)).await?, None)?;
        let listed = store.find_sessions_for_user(owner, ground.at(late), MANY).await?;
        same("listed at or after the end", listed.len(), 0)?;
    }
    Ok(())
}

pub(super) async fn an_insert_never_replaces<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, _] = ground.owners();
    let row = inserted(&*store, &ground, Some(me)).await?;
    for owner in [None, Some(me), Some(namesake)] {
        let other = SessionRow { id: row.id, lineage: row.id, ..fresh(&ground, owner) };
        same("insert of an id that exists", store.insert(other).await?, SaveOutcome::Conflict)?;
        reads(&*store, &ground, "the row after it", row.id, Some(&row)).await?;
    }
    lists(&*store, &ground, "the sessions of the other account", namesake, &[]).await
}

pub(super) async fn a_save_follows_the_stored_version<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let row = inserted(&*store, &ground, None).await?;
    for version in [0, 1, 3, 1 << 32, u64::MAX] {
        let late = SessionRow { version, ..changed(&ground, &row) };
        let what = format!("save of version {version} on version 1");
        same(&what, store.save(late).await?, SaveOutcome::Conflict)?;
        reads(&*store, &ground, "the row after it", row.id, Some(&row)).await?;
    }
    let second = changed(&ground, &row);
    same("save of version 2", store.save(second.clone()).await?, SaveOutcome::Saved)?;
    same("the same save again", store.save(second.clone()).await?, SaveOutcome::Conflict)?;
    let third = changed(&ground, &second);
    same("save of version 3", store.save(third.clone()).await?, SaveOutcome::Saved)?;
    reads(&*store, &ground, "the row after both", row.id, Some(&third)).await?;
    let unknown = SessionRow { id: ground.session(), ..third };
    same("save of a row that never was", store.save(unknown.clone()).await?, SaveOutcome::Conflict)?;
    reads(&*store, &ground, "that row", unknown.id, None).await
}

pub(super) async fn a_save_replaces_every_field<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mut row = inserted(&*store, &ground, None).await?;
    for owner in [Some(me), Some(namesake), Some(neighbour), None, Some(me)] {
        let expires_at = row.expires_at + chrono::TimeDelta::microseconds(1);
        row = SessionRow { owner, expires_at, ..changed(&ground, &row) };
        same("save", store.save(row.clone()).await?, SaveOutcome::Saved)?;
        reads(&*store, &ground, "the row after it", row.id, Some(&row)).await?;
        for one in [me, namesake, neighbour] {
            let want: &[_] = if owner == Some(one) { &[row.id] } else { &[] };
            lists(&*store, &ground, "the sessions of each account after it", one, want).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_cycle_moves_the_row<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let guest = inserted(&*store, &ground, None).await?;
    let user = SessionRow { owner: Some(owner), ..next(&ground, &guest) };
    let done = store.cycle(guest.id, 1, user.clone(), ground.at(0)).await?;
    same("cycle", done, SaveOutcome::Saved)?;
    reads(&*store, &ground, "the old id", guest.id, None).await?;
    reads(&*store, &ground, "the new id", user.id, Some(&user)).await?;
    lists(&*store, &ground, "the sessions of its owner", owner, &[user.id]).await?;
    let second = changed(&ground, &user);
    same("save under the new id", store.save(second.clone()).await?, SaveOutcome::Saved)?;
    let again = SessionRow { owner: None, expires_at: far_future(), ..next(&ground, &second) };
    let done = store.cycle(user.id, 2, again.clone(), ground.at(1)).await?;
    same("another cycle", done, SaveOutcome::Saved)?;
    reads(&*store, &ground, "the id after it", again.id, Some(&again)).await?;
    lists(&*store, &ground, "the sessions of whom it belonged to", owner, &[]).await
}

pub(super) async fn a_cycle_follows_the_stored_version<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let row = inserted(&*store, &ground, Some(owner)).await?;
    let taken = inserted(&*store, &ground, None).await?;
    for expected in [0, 2, 1 << 32, u64::MAX] {
        let into = next(&ground, &row);
        let done = store.cycle(row.id, expected, into.clone(), ground.at(0)).await?;
        same("cycle with another version", done, SaveOutcome::Conflict)?;
        reads(&*store, &ground, "the new id after it", into.id, None).await?;
    }
    let unknown = store.cycle(ground.session(), 1, next(&ground, &row), ground.at(0)).await?;
    same("cycle of a row that never was", unknown, SaveOutcome::Conflict)?;
    let onto = SessionRow { id: taken.id, ..next(&ground, &row) };
    let done = store.cycle(row.id, 1, onto, ground.at(0)).await?;
    same("cycle onto an id that exists", done, SaveOutcome::Conflict)?;
    reads(&*store, &ground, "the old row after all of them", row.id, Some(&row)).await?;
    reads(&*store, &ground, "the row in the way", taken.id, Some(&taken)).await?;
    lists(&*store, &ground, "the sessions of the owner", owner, &[row.id]).await
}
