//! The registry of sessions: what it says is valid, for whom, and until when.

use super::{
    ground::{Ground, far_future, long_ago},
    race::{CUTS, RACERS, cut_off, race, race_two, settles},
    suite::{Setting, Suite, suite},
    sweep::drain,
    verdict::{Breach, Verdict, holds, same},
};
use axess_core::store::{Owner, SessionEntry, SessionRegistry};
use axess_identity::SessionId;
use std::sync::Arc;

/// The most sessions a case looks for.
const MANY: usize = 1_000;

/// Makes the suite of [`SessionRegistry`].
///
/// ```
/// use axess_core::memory::MemorySessionRegistry;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::session_registry(MemorySessionRegistry::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "a_replacement_takes_its_place_at_once"));
/// ```
pub fn session_registry<S: SessionRegistry>(store: S, setting: Setting) -> Suite {
    suite!("SessionRegistry", store, setting, [
        self:
            every_field_comes_back,
            an_entry_is_valid_until_it_expires,
            an_entry_is_valid_for_its_owner_only,
            deregistering_takes_the_right_owner,
            a_replacement_takes_the_place_of_an_own_session_only,
            a_list_is_newest_first_and_has_a_limit,
            the_sessions_of_a_user_are_invalidated_together,
            the_sessions_of_a_tenant_are_invalidated_together,
            cleanup_deletes_what_expired_and_nothing_else,
            a_replacement_takes_its_place_at_once,
            racing_registrations_are_all_kept,
            a_call_cut_off_leaves_nothing_half_done;
    ])
}

fn entry(ground: &Ground, owner: Owner) -> SessionEntry {
    SessionEntry { id: ground.session(), owner, created_at: ground.at(0), expires_at: ground.at(1_000) }
}

async fn registered(
    store: &impl SessionRegistry,
    ground: &Ground,
    owner: Owner,
) -> Result<SessionEntry, Breach> {
    let entry = entry(ground, owner);
    store.register(entry, None).await?;
    Ok(entry)
}

async fn lists(
    store: &impl SessionRegistry,
    ground: &Ground,
    what: &str,
    owner: Owner,
    want: &[SessionEntry],
) -> Verdict {
    let mut got = store.find_for_user(owner, ground.at(0), MANY).await?;
    let mut want = want.to_vec();
    got.sort_by_key(|entry| entry.id);
    want.sort_by_key(|entry| entry.id);
    same(what, got, want)
}

async fn every_field_comes_back<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    let times = [
        (ground.at(0), ground.at(1_000)),
        (long_ago(), far_future()),
        (ground.just_before(0), ground.just_before(1)),
    ];
    for (created_at, expires_at) in times {
        let owner = ground.owner();
        let entry = SessionEntry { created_at, expires_at, ..entry(&ground, owner) };
        store.register(entry, None).await?;
        let valid = store.is_valid(owner, entry.id, ground.just_before(0)).await?;
        same("whether it is valid", valid, true)?;
        let listed = store.find_for_user(owner, ground.just_before(0), MANY).await?;
        same("the entry read back", listed, vec![entry])?;
        store.register(entry, None).await?;
        lists(&*store, &ground, "the same entry registered twice", owner, &[entry]).await?;
    }
    Ok(())
}

async fn an_entry_is_valid_until_it_expires<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let entry = registered(&*store, &ground, owner).await?;
    let times = [(ground.just_before(1_000), true), (ground.at(1_000), false), (ground.at(1_001), false)];
    for (now, want) in times {
        let what = format!("valid at {now}, expiring at {}", entry.expires_at);
        same(&what, store.is_valid(owner, entry.id, now).await?, want)?;
        same("listed", store.find_for_user(owner, now, MANY).await?.len(), usize::from(want))?;
    }
    let unknown = store.is_valid(owner, ground.session(), ground.at(0)).await?;
    same("valid without having been registered", unknown, false)
}

async fn an_entry_is_valid_for_its_owner_only<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let entry = registered(&*store, &ground, me).await?;
    for (owner, want) in [(me, true), (namesake, false), (neighbour, false)] {
        same("valid", store.is_valid(owner, entry.id, ground.at(0)).await?, want)?;
        let listed = store.find_for_user(owner, ground.at(0), MANY).await?;
        same("listed", listed.len(), usize::from(want))?;
    }
    Ok(())
}

async fn deregistering_takes_the_right_owner<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let (one, other) = (registered(&*store, &ground, me).await?, registered(&*store, &ground, me).await?);
    for stranger in [namesake, neighbour] {
        store.deregister(stranger, one.id).await?;
        lists(&*store, &ground, "after somebody else deregistered it", me, &[one, other]).await?;
    }
    for _ in 0..2 {
        store.deregister(me, one.id).await?;
        lists(&*store, &ground, "after its owner deregistered it", me, &[other]).await?;
        same("valid", store.is_valid(me, one.id, ground.at(0)).await?, false)?;
    }
    Ok(store.deregister(me, ground.session()).await?)
}

async fn a_replacement_takes_the_place_of_an_own_session_only<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let (old, kept) = (registered(&*store, &ground, me).await?, registered(&*store, &ground, me).await?);
    for stranger in [namesake, neighbour] {
        let theirs = entry(&ground, stranger);
        store.register(theirs, Some(old.id)).await?;
        lists(&*store, &ground, "after somebody else replaced it", me, &[old, kept]).await?;
        lists(&*store, &ground, "their own", stranger, &[theirs]).await?;
    }
    let new = entry(&ground, me);
    store.register(new, Some(old.id)).await?;
    lists(&*store, &ground, "after its owner replaced it", me, &[new, kept]).await?;
    same("the old one is valid", store.is_valid(me, old.id, ground.at(0)).await?, false)
}

async fn a_list_is_newest_first_and_has_a_limit<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let mut entries = Vec::new();
    for age in [3, 0, 4, 1, 2] {
        let entry = SessionEntry { created_at: ground.at(-age), ..entry(&ground, owner) };
        store.register(entry, None).await?;
        entries.push(entry);
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.created_at));
    for limit in [0, 1, 3, 5, 6, usize::MAX] {
        let got = store.find_for_user(owner, ground.at(0), limit).await?;
        let want: Vec<_> = entries.iter().take(limit).copied().collect();
        same(&format!("the first {limit}"), got, want)?;
    }
    Ok(())
}

async fn three_each(
    store: &impl SessionRegistry,
    ground: &Ground,
    owners: [Owner; 3],
) -> Result<[Vec<SessionEntry>; 3], Breach> {
    let mut all = [const { Vec::new() }; 3];
    for (own, owner) in all.iter_mut().zip(owners) {
        for _ in 0..3 {
            own.push(registered(store, ground, owner).await?);
        }
    }
    Ok(all)
}

async fn the_sessions_of_a_user_are_invalidated_together<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let [mine, namesakes, neighbours] = three_each(&*store, &ground, owners).await?;
    let kept: Vec<_> = mine.into_iter().take(1).collect();
    let keep = kept.first().map(|entry| entry.id);
    same("invalidated, keeping one", store.invalidate_user(me, keep).await?, 2)?;
    lists(&*store, &ground, "what is kept", me, &kept).await?;
    let stranger: Option<SessionId> = namesakes.first().map(|entry| entry.id);
    same("invalidated, keeping somebody else's", store.invalidate_user(me, stranger).await?, 1)?;
    lists(&*store, &ground, "what is left", me, &[]).await?;
    same("invalidated the second time", store.invalidate_user(me, None).await?, 0)?;
    lists(&*store, &ground, "the same user id in another tenant", namesake, &namesakes).await?;
    lists(&*store, &ground, "another user of the tenant", neighbour, &neighbours).await
}

async fn the_sessions_of_a_tenant_are_invalidated_together<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owners @ [me, namesake, neighbour] = ground.owners();
    let [_, namesakes, _] = three_each(&*store, &ground, owners).await?;
    same("invalidated", store.invalidate_tenant(me.tenant_id).await?, 6)?;
    lists(&*store, &ground, "one user of the tenant", me, &[]).await?;
    lists(&*store, &ground, "another user of the tenant", neighbour, &[]).await?;
    lists(&*store, &ground, "another tenant", namesake, &namesakes).await?;
    same("invalidated the second time", store.invalidate_tenant(me.tenant_id).await?, 0)
}

async fn cleanup_deletes_what_expired_and_nothing_else<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (now, owner) = (ground.at(2_000), ground.owner());
    drain(|| store.cleanup_expired(now, MANY)).await?;
    let live = SessionEntry { expires_at: ground.at(2_001), ..entry(&ground, owner) };
    store.register(live, None).await?;
    for _ in 0..5 {
        registered(&*store, &ground, owner).await?;
    }
    same("deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("deleted with limit 2", store.cleanup_expired(now, 2).await?, 2)?;
    same("deleted after that", store.cleanup_expired(now, usize::MAX).await?, 3)?;
    same("deleted after those", store.cleanup_expired(now, MANY).await?, 0)?;
    lists(&*store, &ground, "what was not expired", owner, &[live]).await
}

/// While a session is rotated again and again, nobody sees none of it and nobody sees it twice.
async fn a_replacement_takes_its_place_at_once<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    const ROTATIONS: usize = 64;
    let owner = ground.owner();
    let first = registered(&*store, &ground, owner).await?;
    let chain: Vec<_> = (0..ROTATIONS).map(|_| entry(&ground, owner)).collect();
    let (writer, reader, now) = (Arc::clone(&store), Arc::clone(&store), ground.at(0));
    let last = chain.last().copied();
    let rotate = async move {
        let mut old = first.id;
        for entry in chain {
            writer.register(entry, Some(old)).await?;
            old = entry.id;
        }
        Ok(())
    };
    let watch = async move {
        let mut seen = Vec::new();
        for _ in 0..2 * ROTATIONS {
            seen.push(reader.find_for_user(owner, now, MANY).await?.len());
            tokio::task::yield_now().await;
        }
        Ok(seen)
    };
    let ((), seen) = race_two(0, rotate, watch).await?;
    holds(&format!("one session at every time, not {seen:?}"), seen.iter().all(|count| *count == 1))?;
    lists(&*store, &ground, "the last rotation", owner, last.as_slice()).await
}

async fn racing_registrations_are_all_kept<S: SessionRegistry>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let entries: Vec<_> = (0..RACERS).map(|_| entry(&ground, owner)).collect();
    race(RACERS, |n| {
        let (store, entry) = (Arc::clone(&store), entries.get(n).copied());
        async move {
            match entry {
                Some(entry) => store.register(entry, None).await,
                None => Ok(()),
            }
        }
    })
    .await?;
    lists(&*store, &ground, "all that were registered", owner, &entries).await
}

async fn a_call_cut_off_leaves_nothing_half_done<S: SessionRegistry>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let (old, new) = (registered(&*store, &ground, owner).await?, entry(&ground, owner));
        let _ = cut_off(store.register(new, Some(old.id)), cut).await;
        settles(async || {
            let listed = store.find_for_user(owner, ground.at(0), MANY).await?;
            holds(&format!("the old or the new one, not {listed:?}"), listed == [old] || listed == [new])
        })
        .await?;
        store.register(new, Some(old.id)).await?;
        settles(async || lists(&*store, &ground, "after it was repeated", owner, &[new]).await).await?;
        let _ = cut_off(store.invalidate_user(owner, None), cut).await;
        store.invalidate_user(owner, None).await?;
        settles(async || lists(&*store, &ground, "after the end", owner, &[]).await).await?;
    }
    Ok(())
}
