use super::{
    super::verdict::{Breach, holds},
    *,
};
use axess_core::store::ScanPage;
use std::{collections::BTreeSet, sync::Arc};

/// More pages than any scan of a test database has.
const MAX_PAGES: usize = 1_000_000;

pub(super) async fn sessions_of_a_user_are_listed_newest_first<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let mut rows = Vec::new();
    for age in [3, 0, 4, 1, 2] {
        let row = SessionRow { created_at: ground.at(-age), ..fresh(&ground, Some(owner)) };
        same("insert", store.insert(row.clone()).await?, SaveOutcome::Saved)?;
        rows.push((age, row.id));
    }
    rows.sort_unstable();
    let listed = store.find_sessions_for_user(owner, ground.at(0), MANY).await?;
    let got: Vec<_> = listed.iter().map(|summary| summary.id).collect();
    same("the order", got, rows.iter().map(|(_, id)| *id).collect())
}

pub(super) async fn a_list_has_a_limit<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    for age in 0..4 {
        let row = SessionRow { created_at: ground.at(-age), ..fresh(&ground, Some(owner)) };
        same("insert", store.insert(row).await?, SaveOutcome::Saved)?;
    }
    let all = store.find_sessions_for_user(owner, ground.at(0), usize::MAX).await?;
    same("how many without a limit", all.len(), 4)?;
    for limit in [0, 1, 3, 4, 5] {
        let some = store.find_sessions_for_user(owner, ground.at(0), limit).await?;
        let want: Vec<_> = all.iter().take(limit).copied().collect();
        same(&format!("the first {limit}"), some, want)?;
    }
    Ok(())
}

pub(super) async fn a_list_follows_the_owner<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owners = ground.owners();
    let mut ids = Vec::new();
    for owner in owners {
        ids.push((owner, inserted(&*store, &ground, Some(owner)).await?.id));
    }
    inserted(&*store, &ground, None).await?;
    for (owner, id) in ids {
        lists(&*store, &ground, "the sessions of each account", owner, &[id]).await?;
    }
    lists(&*store, &ground, "the sessions of a stranger", ground.owner(), &[]).await
}

/// Scans to the end and returns the ids of `mine` that were seen; `between` is run after each page.
async fn scanned<S: SessionStore>(
    store: &S,
    ground: &Ground,
    limit: usize,
    mine: &BTreeSet<SessionId>,
    mut between: impl AsyncFnMut(&ScanPage) -> Verdict,
) -> Result<BTreeSet<SessionId>, Breach> {
    let (mut seen, mut cursor) = (BTreeSet::new(), None);
    for _ in 0..MAX_PAGES {
        let page = store.scan(cursor.take(), ground.at(0), limit).await?;
        seen.extend(page.rows.iter().map(|row| row.id).filter(|id| mine.contains(id)));
        between(&page).await?;
        cursor = page.next;
        if cursor.is_none() {
            return Ok(seen);
        }
    }
    Err(Breach::new("the scan does not come to an end"))
}

pub(super) async fn a_scan_sees_every_row<S: SessionStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let mut rows = Vec::new();
    for _ in 0..7 {
        rows.push(inserted(&*store, &ground, Some(ground.owner())).await?);
    }
    let guest = inserted(&*store, &ground, None).await?;
    rows.push(guest);
    let expired = SessionRow { expires_at: ground.at(0), ..fresh(&ground, None) };
    same("insert", store.insert(expired.clone()).await?, SaveOutcome::Saved)?;
    let live: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let mine = live.iter().copied().chain([expired.id]).collect();
    for limit in [1, 3, 8, MANY] {
        let seen = scanned(&*store, &ground, limit, &mine, async |page: &ScanPage| {
            let mut known =
                page.rows.iter().filter_map(|row| Some((row, rows.iter().find(|r| r.id == row.id)?)));
            holds("a scanned row reads as it was written", known.all(|(got, want)| got == want))
        });
        same(&format!("the rows seen by {limit}, without the expired one"), seen.await?, live.clone())?;
    }
    Ok(())
}

pub(super) async fn a_scan_goes_on_while_rows_change<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let mut staying = BTreeSet::new();
    let mut leaving = Vec::new();
    for _ in 0..12 {
        staying.insert(inserted(&*store, &ground, None).await?.id);
        leaving.push(inserted(&*store, &ground, None).await?);
    }
    let seen = scanned(&*store, &ground, 2, &staying, async |_: &ScanPage| {
        let Some(row) = leaving.pop() else { return Ok(()) };
        if leaving.len() % 2 == 0 {
            same("ended rows", store.end(row.id, ground.at(0)).await?, 1)
        } else {
            let done = store.cycle(row.id, 1, next(&ground, &row), ground.at(0)).await?;
            same("cycle", done, SaveOutcome::Saved)
        }
    });
    same("the rows that exist throughout", seen.await?, staying.clone())
}

pub(super) async fn cleanup_deletes_what_expired_and_nothing_else<S: SessionStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (now, owner) = (ground.at(2_000), ground.owner());
    super::super::sweep::drain(|| store.cleanup_expired(now, MANY)).await?;
    let live = SessionRow { expires_at: ground.at(2_001), ..fresh(&ground, Some(owner)) };
    same("insert", store.insert(live.clone()).await?, SaveOutcome::Saved)?;
    let mut expired = Vec::new();
    for _ in 0..5 {
        expired.push(inserted(&*store, &ground, Some(owner)).await?);
    }
    same("rows deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("rows deleted with limit 2", store.cleanup_expired(now, 2).await?, 2)?;
    same("the rows after it", store.cleanup_expired(now, usize::MAX).await?, 3)?;
    same("the rows after those", store.cleanup_expired(now, MANY).await?, 0)?;
    for row in expired {
        // A deleted row is gone for earlier times too, and is no obstacle.
        same("what was deleted", store.load(row.id, ground.at(0)).await?, None)?;
        same("a late save of it", store.save(changed(&ground, &row)).await?, SaveOutcome::Conflict)?;
    }
    same("what was not expired", store.load(live.id, now).await?.as_ref(), Some(&live))?;
    lists(&*store, &ground, "the sessions of the owner", owner, &[live.id]).await
}
