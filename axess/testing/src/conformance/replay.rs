//! What is used once: exactly one of any number of callers is told that it is the first.

use super::{
    ground::{Ground, LOOKALIKES},
    race::{CUTS, RACERS, ROUNDS, cut_off, race},
    suite::{Setting, Suite, suite},
    sweep::drain,
    verdict::{Verdict, same},
};
use axess_core::store::{Claim, JtiReplayStore, ReplayKey};
use std::sync::Arc;

/// Makes the suite of [`JtiReplayStore`].
///
/// ```
/// use axess_core::memory::MemoryJtiReplayStore;
/// use axess_testing::conformance::{self, Setting};
/// let suite = conformance::jti_replay_store(MemoryJtiReplayStore::new(), Setting::default());
/// assert!(suite.cases().any(|case| case == "of_racing_claims_one_is_fresh"));
/// ```
pub fn jti_replay_store<S: JtiReplayStore>(store: S, setting: Setting) -> Suite {
    suite!("JtiReplayStore", store, setting, [
        self:
            a_key_is_claimed_once,
            a_claim_ends_at_its_time,
            a_replay_does_not_prolong_a_claim,
            keys_are_told_apart,
            no_claim_is_forgotten_early,
            cleanup_deletes_what_ended_and_nothing_else,
            of_racing_claims_one_is_fresh,
            of_racing_claims_on_an_ended_one_one_is_fresh,
            a_claim_cut_off_is_a_claim_or_none;
    ])
}

fn key(ground: &Ground) -> ReplayKey {
    ReplayKey::new("https://login.example.com", &ground.word())
}

async fn a_key_is_claimed_once<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = key(&ground);
    same("the first time", store.claim(key, ground.at(100), ground.at(0)).await?, Claim::Fresh)?;
    for now in [ground.at(0), ground.at(1), ground.just_before(100)] {
        same("after that", store.claim(key, ground.at(100), now).await?, Claim::Replayed)?;
    }
    Ok(())
}

async fn a_claim_ends_at_its_time<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = key(&ground);
    for start in [0, 100, 200] {
        let (now, until) = (ground.at(start), ground.at(start + 100));
        same("as the one before ends", store.claim(key, until, now).await?, Claim::Fresh)?;
        let last = ground.just_before(start + 100);
        same("just before it ends", store.claim(key, until, last).await?, Claim::Replayed)?;
    }
    Ok(())
}

async fn a_replay_does_not_prolong_a_claim<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let key = key(&ground);
    same("the first time", store.claim(key, ground.at(100), ground.at(0)).await?, Claim::Fresh)?;
    same("a replay", store.claim(key, ground.at(1_000), ground.at(50)).await?, Claim::Replayed)?;
    same("when it ended", store.claim(key, ground.at(1_000), ground.at(100)).await?, Claim::Fresh)
}

async fn keys_are_told_apart<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let word = ground.word();
    for issuer in LOOKALIKES {
        for jti in [word.clone(), word.to_uppercase(), format!("{word} ")] {
            let fresh = store.claim(ReplayKey::new(issuer, &jti), ground.at(100), ground.at(0)).await?;
            same(&format!("{issuer:?} and {jti:?}"), fresh, Claim::Fresh)?;
        }
    }
    Ok(())
}

async fn no_claim_is_forgotten_early<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let keys: Vec<_> = (0..300).map(|_| key(&ground)).collect();
    for (n, key) in (0..).zip(&keys) {
        let fresh = store.claim(*key, ground.at(1_000 + n), ground.at(0)).await?;
        same("the first time", fresh, Claim::Fresh)?;
    }
    for (n, key) in (0..).zip(&keys) {
        let again = store.claim(*key, ground.at(9_000), ground.just_before(1_000 + n)).await?;
        same(&format!("key {n}, just before it ends"), again, Claim::Replayed)?;
    }
    Ok(())
}

async fn cleanup_deletes_what_ended_and_nothing_else<S: JtiReplayStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(20_000);
    drain(|| store.cleanup_expired(now, 1_000)).await?;
    let live = key(&ground);
    same("a claim", store.claim(live, ground.at(20_001), ground.at(0)).await?, Claim::Fresh)?;
    for _ in 0..5 {
        same("a claim", store.claim(key(&ground), ground.at(1_000), ground.at(0)).await?, Claim::Fresh)?;
    }
    same("deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("deleted with limit 2", store.cleanup_expired(now, 2).await?, 2)?;
    same("deleted after that", store.cleanup_expired(now, usize::MAX).await?, 3)?;
    same("deleted after those", store.cleanup_expired(now, 1_000).await?, 0)?;
    same("what had not ended", store.claim(live, ground.at(20_001), now).await?, Claim::Replayed)
}

async fn one_is_fresh<S: JtiReplayStore>(
    store: Arc<S>,
    ground: &Ground,
    key: ReplayKey,
    second: i64,
) -> Verdict {
    let (now, until) = (ground.at(second), ground.at(second + 100));
    let answers = race(RACERS, |_| {
        let store = Arc::clone(&store);
        async move { store.claim(key, until, now).await }
    });
    let fresh = answers.await?.into_iter().filter(|claim| *claim == Claim::Fresh).count();
    same("how many were told that they are the first", fresh, 1)
}

async fn of_racing_claims_one_is_fresh<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for _ in 0..ROUNDS / 4 {
        one_is_fresh(Arc::clone(&store), &ground, key(&ground), 0).await?;
    }
    Ok(())
}

async fn of_racing_claims_on_an_ended_one_one_is_fresh<S: JtiReplayStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let key = key(&ground);
    for round in 0..8 {
        one_is_fresh(Arc::clone(&store), &ground, key, round * 100).await?;
    }
    Ok(())
}

async fn a_claim_cut_off_is_a_claim_or_none<S: JtiReplayStore>(store: Arc<S>, ground: Ground) -> Verdict {
    for cut in CUTS {
        let (key, now, until) = (key(&ground), ground.at(0), ground.at(100));
        let first = cut_off(store.claim(key, until, now), cut).await.transpose()?;
        let second = store.claim(key, until, now).await?;
        if first.is_some() {
            same("after a claim that was answered", second, Claim::Replayed)?;
        }
        same("after one that was not cut off", store.claim(key, until, now).await?, Claim::Replayed)?;
    }
    Ok(())
}
