use super::{
    super::ground::{NAMES, far_future, long_ago},
    *,
};
use axess_core::session::FederatedLogin;
use axess_identity::FederatedProvider;
use std::sync::Arc;

pub(super) async fn every_field_comes_back<S: RefreshTokenStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let factors = [FactorKind::Password, FactorKind::Totp, FactorKind::Federated(FederatedProvider::Github)];
    let custom: FactorKind = "federated:custom:okta-eu".parse().unwrap_or(FactorKind::Mtls);
    let longest = format!("sha256::{}", "f".repeat(TokenHash::MAX_BYTES - 8));
    let mut infos: Vec<_> = NAMES.iter().map(|name| Some((*name).to_owned())).collect();
    infos.extend([None, Some("é".repeat(256)), Some("👾".repeat(256))]);
    for device_info in infos {
        let token = RefreshToken {
            token_hash: hash_of(&longest),
            grant: RefreshGrant {
                login: Some(Box::new(login()?)),
                authn_time: ground.just_before(-1_000),
                factors_completed: factors.iter().cloned().chain([custom.clone()]).collect(),
            },
            device_id: device_info.is_some().then(|| ground.device()),
            device_info,
            issued_at: ground.just_before(0),
            expires_at: far_future(),
            ..fresh(&ground, owner)
        };
        let token = issued(&*store, token).await?;
        same("the token read back", read(&*store, owner, token.id).await?, token)?;
    }
    let oldest = RefreshToken {
        grant: RefreshGrant::new(long_ago(), vec![]),
        issued_at: long_ago(),
        ..fresh(&ground, owner)
    };
    let oldest = issued(&*store, oldest).await?;
    same("a token of long ago read back", read(&*store, owner, oldest.id).await?, oldest)?;
    same("a token that never was", store.load_token(owner, ground.token()).await?, None)
}

pub(super) async fn an_issue_never_replaces<S: RefreshTokenStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let kept = issued(&*store, fresh(&ground, owner)).await?;
    let token = issued(&*store, fresh(&ground, owner)).await?;
    let other = RefreshToken { id: token.id, ..fresh(&ground, owner) };
    let done = store.issue_with_eviction(other, 1).await?;
    same("issue of an id that exists", done, IssueOutcome::Conflict)?;
    same("the token after it", read(&*store, owner, token.id).await?, token.clone())?;
    active(&*store, &ground, "nothing is evicted for it", owner, &[kept.id, token.id]).await
}

pub(super) async fn the_oldest_are_evicted<S: RefreshTokenStore>(store: Arc<S>, ground: Ground) -> Verdict {
    let owner = ground.owner();
    let mut ids = Vec::new();
    for second in [2, 0, 1] {
        let token = RefreshToken { issued_at: ground.at(second), ..fresh(&ground, owner) };
        ids.push((second, issued(&*store, token).await?.id));
    }
    ids.sort_unstable();
    let [(_, oldest), (_, middle), (_, newest)] = ids[..] else { return Ok(()) };
    let fourth = RefreshToken { issued_at: ground.at(3), ..fresh(&ground, owner) };
    let done = store.issue_with_eviction(fourth.clone(), 3).await?;
    same("evicted for the fourth of three", done, IssueOutcome::Issued { evicted: vec![oldest] })?;
    let gone = read(&*store, owner, oldest).await?;
    same("the evicted one is revoked at the time of the step", gone.revoked_at, Some(ground.at(3)))?;
    let fifth = RefreshToken { issued_at: ground.at(4), ..fresh(&ground, owner) };
    let done = store.issue_with_eviction(fifth.clone(), 1).await?;
    let want = IssueOutcome::Issued { evicted: vec![middle, newest, fourth.id] };
    same("evicted for the only one, oldest first", done, want)?;
    active(&*store, &ground, "what is active", owner, &[fifth.id]).await
}

pub(super) async fn the_cap_counts_active_tokens_of_the_owner<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    for other in [namesake, neighbour] {
        issued(&*store, fresh(&ground, other)).await?;
    }
    // One that expires at the very moment, one revoked, one rotated: none of them counts.
    issued(&*store, RefreshToken { expires_at: ground.at(5), ..fresh(&ground, me) }).await?;
    let revoked = issued(&*store, fresh(&ground, me)).await?;
    store.revoke_token(me, revoked.id, ground.at(1)).await?;
    let first = issued(&*store, fresh(&ground, me)).await?;
    let second = rotated(&*store, &ground, &first, 2).await?;
    let third = RefreshToken { issued_at: ground.at(5), ..fresh(&ground, me) };
    let done = store.issue_with_eviction(third.clone(), 2).await?;
    same("evicted for the second of two", done, IssueOutcome::Issued { evicted: vec![] })?;
    active(&*store, &ground, "what is active", me, &[second.id, third.id]).await?;
    for other in [namesake, neighbour] {
        same("the tokens of others", store.find_tokens_for_user(other, ground.at(10), MANY).await?.len(), 1)?;
    }
    Ok(())
}

/// A login at a provider, as long as one gets.
fn login() -> Result<FederatedLogin, Breach> {
    let long = "é".repeat(127);
    let login = serde_json::json!({
        "p": "okta", "i": format!("https://{}", "é".repeat(252)), "s": long, "d": long, "c": long,
        "m": vec!["x".repeat(64); 16], "t": long_ago(), "a": "saml_assertion", "e": far_future(), "r": true,
    });
    serde_json::from_value(login).map_err(|error| Breach::new(error.to_string()))
}
