use super::{super::sweep::drain, *};
use std::sync::Arc;

pub(super) async fn active_tokens_are_listed_newest_first<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let mut tokens = Vec::new();
    for age in [3, 0, 4, 1, 2] {
        let token = RefreshToken { issued_at: ground.at(-age), ..fresh(&ground, owner) };
        tokens.push(issued(&*store, token).await?);
    }
    let revoked = issued(&*store, fresh(&ground, owner)).await?;
    store.revoke_token(owner, revoked.id, ground.at(0)).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.issued_at));
    for limit in [0, 1, 3, 5, 6, usize::MAX] {
        let got = store.find_tokens_for_user(owner, ground.just_before(1_000), limit).await?;
        let want: Vec<_> = tokens.iter().take(limit).cloned().collect();
        same(&format!("the first {limit}"), got, want)?;
    }
    same("at the end", store.find_tokens_for_user(owner, ground.at(1_000), MANY).await?, vec![])
}

pub(super) async fn everything_about_a_user_is_deleted<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mine = issued(&*store, fresh(&ground, me)).await?;
    let next = rotated(&*store, &ground, &mine, 1).await?;
    let revoked = issued(&*store, fresh(&ground, me)).await?;
    store.revoke_token(me, revoked.id, ground.at(1)).await?;
    let mut others = Vec::new();
    for owner in [namesake, neighbour] {
        others.push(issued(&*store, fresh(&ground, owner)).await?);
    }
    same("how many", store.delete_for_user(me).await?, 3)?;
    for id in [mine.id, next.id, revoked.id] {
        same("a deleted token", store.load_token(me, id).await?, None)?;
    }
    same("the second time", store.delete_for_user(me).await?, 0)?;
    for token in others {
        same("somebody else's", read(&*store, token.owner, token.id).await?, token)?;
    }
    Ok(())
}

pub(super) async fn cleanup_deletes_what_expired_and_nothing_else<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let (now, owner) = (ground.at(2_000), ground.owner());
    drain(|| store.cleanup_expired(now, MANY)).await?;
    let live = RefreshToken { expires_at: ground.at(2_001), ..fresh(&ground, owner) };
    let live = issued(&*store, live).await?;
    let revoked = RefreshToken { expires_at: ground.at(2_001), ..fresh(&ground, owner) };
    let revoked = issued(&*store, revoked).await?;
    store.revoke_token(owner, revoked.id, ground.at(1)).await?;
    for _ in 0..5 {
        issued(&*store, fresh(&ground, owner)).await?;
    }
    same("deleted with limit 0", store.cleanup_expired(now, 0).await?, 0)?;
    same("deleted with limit 2", store.cleanup_expired(now, 2).await?, 2)?;
    same("deleted after that", store.cleanup_expired(now, usize::MAX).await?, 3)?;
    same("deleted after those", store.cleanup_expired(now, MANY).await?, 0)?;
    same("what was not expired", read(&*store, owner, live.id).await?, live)?;
    // What is no longer active is kept until it expires: presenting it again is how a theft shows.
    same("what was revoked", read(&*store, owner, revoked.id).await?.revoked_at, Some(ground.at(1)))?;
    same("all that is left", store.delete_for_user(owner).await?, 2)
}
