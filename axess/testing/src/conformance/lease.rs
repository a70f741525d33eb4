//! Leases: one holder at a time, and fences that grow.

use super::{
    ground::{Ground, LOOKALIKES},
    race::{CUTS, RACERS, cut_off, race},
    suite::{Setting, Suite, suite},
    verdict::{Breach, Verdict, holds, same, some},
};
use axess_core::store::{LeaderLock, Lease};
use chrono::TimeDelta;
use std::sync::Arc;

const TTL: TimeDelta = TimeDelta::seconds(30);

/// Makes the suite of [`LeaderLock`].
///
/// ```
/// use axess_core::memory::MemoryLeaderLock;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::leader_lock(MemoryLeaderLock::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "a_race_has_one_holder"));
/// ```
pub fn leader_lock<S: LeaderLock>(store: S, setting: Setting) -> Suite {
    suite!("LeaderLock", store, setting, [
        self:
            a_lease_has_one_holder_until_it_ends,
            the_holder_renews_and_keeps_its_fence,
            a_lease_given_back_is_free,
            names_are_told_apart,
            a_race_has_one_holder,
            fences_grow_through_every_race,
            a_call_cut_off_leaves_at_most_one_holder;
    ])
}

async fn acquired(
    store: &impl LeaderLock,
    ground: &Ground,
    name: &str,
    holder: &str,
    second: i64,
) -> Result<Option<Lease>, Breach> {
    let lease = store.acquire(name.to_owned(), holder.to_owned(), TTL, ground.at(second)).await?;
    let until = lease.map(|lease| lease.until);
    same("when the lease ends", until, lease.map(|_| ground.at(second) + TTL))?;
    Ok(lease)
}

async fn a_lease_has_one_holder_until_it_ends<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    let name = ground.word();
    let first = some("the first lease", acquired(&*store, &ground, &name, "one", 0).await?)?;
    for now in [ground.at(0), ground.at(29), ground.just_before(30)] {
        let refused = store.acquire(name.clone(), "two".into(), TTL, now).await?;
        same("for somebody else, while it is held", refused, None)?;
    }
    let second = some("for somebody else, as it ends", acquired(&*store, &ground, &name, "two", 30).await?)?;
    holds("a new holder has a greater fence", second.fence > first.fence)?;
    let late = store.acquire(name, "one".into(), TTL, ground.at(31)).await?;
    same("for who held it before", late, None)
}

async fn the_holder_renews_and_keeps_its_fence<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    let name = ground.word();
    let first = some("the first lease", acquired(&*store, &ground, &name, "one", 0).await?)?;
    for second in [0, 10, 39] {
        let again = some("a renewal", acquired(&*store, &ground, &name, "one", second).await?)?;
        same("its fence", again.fence, first.fence)?;
    }
    same("for somebody else", acquired(&*store, &ground, &name, "two", 68).await?, None)?;
    some("when the renewed one ended", acquired(&*store, &ground, &name, "two", 69).await?).map(|_| ())
}

async fn a_lease_given_back_is_free<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    let name = ground.word();
    same("before anybody had it", store.release(name.clone(), "one".into()).await?, false)?;
    let first = some("the first lease", acquired(&*store, &ground, &name, "one", 0).await?)?;
    for stranger in ["two", "One", "one ", ""] {
        same("by somebody else", store.release(name.clone(), stranger.into()).await?, false)?;
        same("for somebody else", acquired(&*store, &ground, &name, "two", 1).await?, None)?;
    }
    same("by its holder", store.release(name.clone(), "one".into()).await?, true)?;
    same("by its holder again", store.release(name.clone(), "one".into()).await?, false)?;
    let second = some("for somebody else", acquired(&*store, &ground, &name, "two", 2).await?)?;
    holds("a fence is not given out again", second.fence > first.fence)?;
    same("by who held it before", store.release(name.clone(), "one".into()).await?, false)?;
    same("for who held it before", acquired(&*store, &ground, &name, "one", 3).await?, None)
}

async fn names_are_told_apart<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    let word = ground.word();
    for (n, text) in LOOKALIKES.into_iter().enumerate() {
        let name = format!("{word}{text}");
        let lease = acquired(&*store, &ground, &name, &format!("holder-{n}"), 0).await?;
        some(&format!("the lease {text:?}"), lease)?;
    }
    // Holders, too.
    let name = ground.word();
    some("the first lease", acquired(&*store, &ground, &name, "github", 0).await?)?;
    for other in LOOKALIKES.into_iter().skip(1) {
        same(&format!("for {other:?}"), acquired(&*store, &ground, &name, other, 1).await?, None)?;
    }
    Ok(())
}

async fn winners<S: LeaderLock>(
    store: &Arc<S>,
    ground: &Ground,
    name: &str,
    second: i64,
) -> Result<Vec<Lease>, Breach> {
    let now = ground.at(second);
    let answers = race(RACERS, |n| {
        let (store, name) = (Arc::clone(store), name.to_owned());
        async move { store.acquire(name, format!("instance-{n}-{second}"), TTL, now).await }
    });
    Ok(answers.await?.into_iter().flatten().collect())
}

async fn a_race_has_one_holder<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    for _ in 0..8 {
        same("how many hold it", winners(&store, &ground, &ground.word(), 0).await?.len(), 1)?;
    }
    Ok(())
}

async fn fences_grow_through_every_race<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    let name = ground.word();
    let mut last = None;
    for round in 0..8 {
        let won = winners(&store, &ground, &name, round * 30).await?;
        let [lease] = won[..] else {
            return Err(Breach::new(format!("one holder in round {round}, not {}", won.len())));
        };
        holds(&format!("{lease:?} after {last:?}"), last.is_none_or(|last: Lease| lease.fence > last.fence))?;
        last = Some(lease);
    }
    Ok(())
}

async fn a_call_cut_off_leaves_at_most_one_holder<S: LeaderLock>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let name = ground.word();
        let _ =
            cut_off(store.acquire(name.clone(), "one".into(), TTL, ground.at(0)), cut).await.transpose()?;
        let two = acquired(&*store, &ground, &name, "two", 1).await?;
        let one = acquired(&*store, &ground, &name, "one", 1).await?;
        let (one, two) = (one.is_some(), two.is_some());
        holds(&format!("one of both holds it: one {one}, two {two}"), one != two)?;
    }
    Ok(())
}
