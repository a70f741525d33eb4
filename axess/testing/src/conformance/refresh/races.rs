use super::{
    super::{
        race::{CUTS, RACERS, ROUNDS, cut_off, race, race_two, settles},
        verdict::holds,
    },
    *,
};
use axess_core::store::{SaveOutcome, StoreError};
use std::{collections::BTreeSet, sync::Arc};

pub(super) async fn the_cap_is_never_exceeded<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    const CAP: usize = 5;
    let (owner, now) = (ground.owner(), ground.at(100));
    let tokens: Vec<_> = (0..RACERS)
        .map(|n| RefreshToken {
            issued_at: ground.at(i64::try_from(n).unwrap_or(0)),
            ..fresh(&ground, owner)
        })
        .collect();
    let answers = race(RACERS, |n| {
        let (store, token) = (Arc::clone(&store), tokens.get(n).cloned());
        async move {
            let Some(token) = token else { return Ok((vec![], 0)) };
            let done = store.issue_with_eviction(token, CAP).await?;
            let seen = store.find_tokens_for_user(owner, now, MANY).await?.len();
            let IssueOutcome::Issued { evicted } = done else { return Ok((vec![], MANY)) };
            Ok((evicted, seen))
        }
    })
    .await?;
    let most = answers.iter().map(|(_, seen)| *seen).max().unwrap_or(0);
    holds(&format!("at most {CAP} are active at any time; somebody saw {most}"), most <= CAP)?;
    let evicted: Vec<_> = answers.into_iter().flat_map(|(evicted, _)| evicted).collect();
    let distinct: BTreeSet<_> = evicted.iter().collect();
    same("how many were evicted", evicted.len(), RACERS - CAP)?;
    same("each of them once", distinct.len(), RACERS - CAP)?;
    same("how many are active", store.find_tokens_for_user(owner, now, MANY).await?.len(), CAP)
}

pub(super) async fn racing_issues_of_one_token_have_one_winner<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (owner, id) = (ground.owner(), ground.token());
    let tokens: Vec<_> = (0..RACERS).map(|_| RefreshToken { id, ..fresh(&ground, owner) }).collect();
    let first = fresh(&ground, owner);
    let answers = race(RACERS, |n| {
        let (store, token) = (Arc::clone(&store), tokens.get(n).unwrap_or(&first).clone());
        async move { store.issue_with_eviction(token, MANY).await }
    })
    .await?;
    let won: Vec<_> =
        answers.iter().zip(&tokens).filter(|(answer, _)| **answer != IssueOutcome::Conflict).collect();
    same("how many won", won.len(), 1)?;
    let won = won.first().map(|(_, token)| (*token).clone());
    same("what the winner wrote", store.load_token(owner, id).await?, won)
}

pub(super) async fn racing_rotations_have_one_winner<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let token = issued(&*store, fresh(&ground, owner)).await?;
    let successors: Vec<_> = (0..RACERS).map(|_| next(&ground, &token, 5)).collect();
    let answers = race(RACERS, |n| {
        let (store, id) = (Arc::clone(&store), token.id);
        let into = successors.get(n).unwrap_or(&token).clone();
        async move { store.rotate_token(id, into, Bytes::from_static(b"sealed")).await }
    })
    .await?;
    let won = answers.iter().zip(&successors).filter(|(answer, _)| **answer == RotateOutcome::Rotated);
    let won: Vec<_> = won.map(|(_, into)| into.id).collect();
    same("how many won", won.len(), 1)?;
    let named = read(&*store, owner, token.id).await?.successor.map(|next| next.id);
    same("the successor of the rotated token", named, won.first().copied())?;
    active(&*store, &ground, "what is active", owner, &won).await
}

pub(super) async fn a_successor_goes_to_one_of_many<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (owner, now) = (ground.owner(), ground.at(6));
    let token = issued(&*store, fresh(&ground, owner)).await?;
    rotated(&*store, &ground, &token, 5).await?;
    let answers = race(RACERS, |_| {
        let (store, id) = (Arc::clone(&store), token.id);
        async move { store.take_successor(owner, id, now).await }
    });
    same("to how many", answers.await?.into_iter().flatten().count(), 1)
}

pub(super) async fn a_rotation_or_a_revocation_hits_the_token<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let (owner, now) = (ground.owner(), ground.at(5));
        let token = issued(&*store, fresh(&ground, owner)).await?;
        let (one, other, id) = (Arc::clone(&store), Arc::clone(&store), token.id);
        let (into, bytes) = (next(&ground, &token, 5), sealed(&ground));
        let (rotated, revoked) =
            race_two(round, async move { one.rotate_token(id, into, bytes).await }, async move {
                other.revoke_token(owner, id, now).await
            })
            .await?;
        let (rotated, revoked) = (rotated == RotateOutcome::Rotated, revoked.tokens == 1);
        holds(&format!("one of both: rotated {rotated}, revoked {revoked}"), rotated != revoked)?;
    }
    Ok(())
}

/// Rotates a token twice while it is revoked in some way, and demands that nothing of it is active.
async fn revoke_races_rotation<S, F>(
    store: Arc<S>,
    ground: Ground,
    revoke: impl Fn(Arc<S>, RefreshToken) -> F,
) -> Verdict
where
    S: RefreshTokenStore,
    F: Future<Output = Result<u64, StoreError>> + Send + 'static,
{
    for round in 0..ROUNDS {
        let owner = ground.owner();
        let token = issued(&*store, fresh(&ground, owner)).await?;
        let (second, bytes) = (next(&ground, &token, 5), sealed(&ground));
        let third = next(&ground, &second, 5);
        let rotate = {
            let (store, id) = (Arc::clone(&store), token.id);
            async move {
                let middle = second.id;
                let first = store.rotate_token(id, second, bytes.clone()).await?;
                Ok((first, store.rotate_token(middle, third, bytes).await?))
            }
        };
        let (rotated, tokens) = race_two(round, rotate, revoke(Arc::clone(&store), token.clone())).await?;
        same(&format!("revoked tokens, with rotations answered {rotated:?}"), tokens, 1)?;
        active(&*store, &ground, "what is active after it", owner, &[]).await?;
        let successor = store.take_successor(owner, token.id, ground.at(6)).await?;
        same("what the loser of a race is given", successor, None)?;
    }
    Ok(())
}

pub(super) async fn revoking_a_family_beats_a_racing_rotation<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(5);
    revoke_races_rotation(store, ground, move |store, token| async move {
        Ok(store.revoke_family(token.owner, token.family_id, now).await?.tokens)
    })
    .await
}

pub(super) async fn revoking_a_device_beats_a_racing_rotation<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(5);
    revoke_races_rotation(store, ground, move |store, token| async move {
        let Some(device) = token.device_id else { return Ok(0) };
        Ok(store.revoke_for_device(token.owner, device, now).await?.tokens)
    })
    .await
}

pub(super) async fn revoking_a_user_beats_a_racing_rotation<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(5);
    revoke_races_rotation(store, ground, move |store, token| async move {
        Ok(store.revoke_for_user(token.owner, now).await?.tokens)
    })
    .await
}

pub(super) async fn revoking_a_tenant_beats_a_racing_rotation<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(5);
    revoke_races_rotation(store, ground, move |store, token| async move {
        store.revoke_for_tenant(token.owner.tenant_id, now).await
    })
    .await
}

pub(super) async fn revoking_beats_a_racing_extension<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for round in 0..ROUNDS {
        let (owner, now) = (ground.owner(), ground.at(5));
        let token = issued(&*store, fresh(&ground, owner)).await?;
        let (one, other, id) = (Arc::clone(&store), Arc::clone(&store), token.id);
        let (hash, until) = (hash(&ground), ground.at(2_000));
        let (extended, revoked) =
            race_two(round, async move { one.extend_token(owner, id, hash, until, now).await }, async move {
                other.revoke_token(owner, id, now).await
            })
            .await?;
        same("revoked tokens", revoked.tokens, 1)?;
        active(&*store, &ground, "what is active after it", owner, &[]).await?;
        let after = read(&*store, owner, id).await?;
        let (saved, new) = (extended == SaveOutcome::Saved, after.token_hash != token.token_hash);
        same("whether the new hash is stored", new, saved)?;
    }
    Ok(())
}

pub(super) async fn a_call_cut_off_leaves_nothing_half_done<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    for cut in CUTS {
        let owner = ground.owner();
        let token = RefreshToken { issued_at: ground.at(1), ..fresh(&ground, owner) };
        let old = issued(&*store, fresh(&ground, owner)).await?;
        let _ = cut_off(store.issue_with_eviction(token.clone(), 1), cut).await;
        settles(async || one_active(&*store, &ground, owner, &[old.id, token.id]).await).await?;
        // Whether it happened is open; that it can be repeated is not.
        let _ = store.issue_with_eviction(token.clone(), 1).await?;
        settles(async || one_active(&*store, &ground, owner, &[token.id]).await).await?;
        let into = next(&ground, &token, 5);
        let _ = cut_off(store.rotate_token(token.id, into.clone(), sealed(&ground)), cut).await;
        settles(async || one_active(&*store, &ground, owner, &[token.id, into.id]).await).await?;
        let _ = store.rotate_token(token.id, into.clone(), sealed(&ground)).await?;
        settles(async || one_active(&*store, &ground, owner, &[into.id]).await).await?;
        let _ = cut_off(store.revoke_for_user(owner, ground.at(6)), cut).await;
        store.revoke_for_user(owner, ground.at(6)).await?;
        active(&*store, &ground, "what is active after all", owner, &[]).await?;
    }
    Ok(())
}

/// Demands that exactly one token is active, and that it is one of these.
async fn one_active(
    store: &impl RefreshTokenStore,
    ground: &Ground,
    owner: Owner,
    among: &[RefreshTokenId],
) -> Verdict {
    let found = store.find_tokens_for_user(owner, ground.at(10), MANY).await?;
    let ids: Vec<_> = found.iter().map(|token| token.id).collect();
    let one = matches!(ids[..], [id] if among.contains(&id));
    holds(&format!("one of {among:?} is active, not {ids:?}"), one)
}
