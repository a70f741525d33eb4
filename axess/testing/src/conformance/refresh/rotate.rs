use super::*;
use axess_core::{refresh::Successor, store::SaveOutcome};
use std::sync::Arc;

pub(super) async fn a_rotation_hands_over<S: RefreshTokenStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let token = issued(&*store, fresh(&ground, owner)).await?;
    let (into, bytes) = (next(&ground, &token, 5), sealed(&ground));
    let done = store.rotate_token(token.id, into.clone(), bytes.clone()).await?;
    same("rotation", done, RotateOutcome::Rotated)?;
    let want = RefreshToken {
        rotated_at: Some(ground.at(5)),
        successor: Some(Successor { id: into.id, sealed: bytes }),
        ..token.clone()
    };
    same("the rotated token", read(&*store, owner, token.id).await?, want)?;
    same("its successor", read(&*store, owner, into.id).await?, into.clone())?;
    active(&*store, &ground, "what is active", owner, &[into.id]).await
}

pub(super) async fn only_an_active_token_is_rotated<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let token = issued(&*store, fresh(&ground, me)).await?;
    let refused = async |what: &str, id: RefreshTokenId, into: RefreshToken| {
        let done = store.rotate_token(id, into.clone(), sealed(&ground)).await?;
        same(what, done, RotateOutcome::NotActive)?;
        same("nothing is written then", store.load_token(into.owner, into.id).await?, None)
    };
    refused("rotation at the moment it expires", token.id, next(&ground, &token, 1_000)).await?;
    let other_family = RefreshToken { family_id: ground.family(), ..next(&ground, &token, 5) };
    refused("rotation into another family", token.id, other_family).await?;
    for owner in [namesake, neighbour] {
        let theirs = RefreshToken { owner, ..next(&ground, &token, 5) };
        refused("rotation by another account", token.id, theirs).await?;
    }
    refused("rotation of a token that never was", ground.token(), next(&ground, &token, 5)).await?;
    same("the token after all of them", read(&*store, me, token.id).await?, token.clone())?;
    let into = rotated(&*store, &ground, &token, 5).await?;
    refused("a second rotation", token.id, next(&ground, &token, 5)).await?;
    store.revoke_token(me, into.id, ground.at(6)).await?;
    refused("rotation of a revoked token", into.id, next(&ground, &into, 7)).await
}

pub(super) async fn a_successor_is_handed_out_once<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let token = issued(&*store, fresh(&ground, me)).await?;
    let now = ground.at(6);
    same("of a token that is not rotated", store.take_successor(me, token.id, now).await?, None)?;
    let (into, bytes) = (next(&ground, &token, 5), Bytes::from((0..=255).collect::<Vec<u8>>()));
    let done = store.rotate_token(token.id, into.clone(), bytes.clone()).await?;
    same("rotation", done, RotateOutcome::Rotated)?;
    for other in [namesake, neighbour] {
        same("to another account", store.take_successor(other, token.id, now).await?, None)?;
    }
    let want = Successor { id: into.id, sealed: bytes };
    same("the first time", store.take_successor(me, token.id, now).await?, Some(want))?;
    same("the second time", store.take_successor(me, token.id, now).await?, None)?;
    same("of an unknown token", store.take_successor(me, ground.token(), now).await?, None)
}

pub(super) async fn a_successor_that_is_not_active_is_not_handed_out<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let (first, now) = (issued(&*store, fresh(&ground, owner)).await?, ground.at(8));
    let second = rotated(&*store, &ground, &first, 5).await?;
    let third = rotated(&*store, &ground, &second, 6).await?;
    same("one that was rotated itself", store.take_successor(owner, first.id, now).await?, None)?;
    store.revoke_family(owner, first.family_id, ground.at(7)).await?;
    same("one that was revoked", store.take_successor(owner, second.id, now).await?, None)?;
    same("one that never rotated", store.take_successor(owner, third.id, now).await?, None)?;
    let token = issued(&*store, fresh(&ground, owner)).await?;
    rotated(&*store, &ground, &token, 5).await?;
    same("one that expired", store.take_successor(owner, token.id, ground.at(1_000)).await?, None)
}

pub(super) async fn an_active_token_is_extended<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let token = issued(&*store, fresh(&ground, me)).await?;
    let (new, until) = (hash(&ground), ground.at(2_000));
    let extend = async |owner, id, now| store.extend_token(owner, id, new.clone(), until, now).await;
    for owner in [namesake, neighbour] {
        same("by another account", extend(owner, token.id, ground.at(1)).await?, SaveOutcome::Conflict)?;
    }
    same("as it expires", extend(me, token.id, ground.at(1_000)).await?, SaveOutcome::Conflict)?;
    same("an unknown one", extend(me, ground.token(), ground.at(1)).await?, SaveOutcome::Conflict)?;
    same("the token after all of them", read(&*store, me, token.id).await?, token.clone())?;
    let last = ground.just_before(1_000);
    same("just before it expires", extend(me, token.id, last).await?, SaveOutcome::Saved)?;
    let extended = RefreshToken { token_hash: new.clone(), expires_at: until, ..token.clone() };
    same("the extended token", read(&*store, me, token.id).await?, extended)?;
    let found = store.find_tokens_for_user(me, ground.just_before(2_000), MANY).await?;
    same("it lives on", found.len(), 1)?;
    let into = rotated(&*store, &ground, &token, 1_500).await?;
    same("a rotated one", extend(me, token.id, ground.at(1_500)).await?, SaveOutcome::Conflict)?;
    store.revoke_token(me, into.id, ground.at(1_501)).await?;
    same("a revoked one", extend(me, into.id, ground.at(1_501)).await?, SaveOutcome::Conflict)
}
