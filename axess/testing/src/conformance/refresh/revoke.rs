use super::*;
use axess_core::store::RevokedTokens;
use axess_identity::DeviceId;
use std::sync::Arc;

/// Five tokens of one account: two families, three devices and none.
struct Table {
    owner: Owner,
    tokens: Vec<RefreshToken>,
}

async fn table(store: &impl RefreshTokenStore, ground: &Ground, owner: Owner) -> Result<Table, Breach> {
    let families = [ground.family(), ground.family()];
    let devices = [ground.device(), ground.device(), ground.device()];
    let mut tokens = Vec::new();
    for (family, device) in [(0, Some(0)), (0, Some(1)), (0, None), (1, Some(0)), (1, Some(2))] {
        let family_id = families.get(family).copied().unwrap_or_else(|| ground.family());
        let device_id = device.and_then(|device: usize| devices.get(device).copied());
        tokens.push(issued(store, RefreshToken { family_id, device_id, ..fresh(ground, owner) }).await?);
    }
    Ok(Table { owner, tokens })
}

impl Table {
    fn ids(&self, of: impl Fn(&RefreshToken) -> bool) -> Vec<RefreshTokenId> {
        self.tokens.iter().filter(|token| of(token)).map(|token| token.id).collect()
    }

    fn devices(&self, of: impl Fn(&RefreshToken) -> bool) -> Vec<DeviceId> {
        let mut devices: Vec<_> = self.tokens.iter().filter(|t| of(t)).filter_map(|t| t.device_id).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }

    /// Demands that `hit` and nothing else was revoked at second 5.
    async fn check(
        &self,
        store: &impl RefreshTokenStore,
        ground: &Ground,
        answer: RevokedTokens,
        hit: impl Fn(&RefreshToken) -> bool,
    ) -> Verdict {
        let tokens = u64::try_from(self.ids(&hit).len()).unwrap_or(0);
        same("the answer", answer, RevokedTokens { tokens, devices: self.devices(&hit) })?;
        active(store, ground, "what is still active", self.owner, &self.ids(|token| !hit(token))).await?;
        for token in &self.tokens {
            let revoked_at = hit(token).then(|| ground.at(5));
            let want = RefreshToken { revoked_at, ..token.clone() };
            same("a token after it", read(store, self.owner, token.id).await?, want)?;
        }
        Ok(())
    }
}

pub(super) async fn revoking_hits_what_it_names<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let now = ground.at(5);
    let all = table(&*store, &ground, ground.owner()).await?;
    let one = some("a token", all.tokens.first())?.clone();
    let answer = store.revoke_token(all.owner, one.id, now).await?;
    all.check(&*store, &ground, answer, |token| token.id == one.id).await?;

    let all = table(&*store, &ground, ground.owner()).await?;
    let one = some("a token", all.tokens.first())?.clone();
    let answer = store.revoke_family(all.owner, one.family_id, now).await?;
    all.check(&*store, &ground, answer, |token| token.family_id == one.family_id).await?;

    let all = table(&*store, &ground, ground.owner()).await?;
    let device = some("a device", all.tokens.first().and_then(|token| token.device_id))?;
    let answer = store.revoke_for_device(all.owner, device, now).await?;
    all.check(&*store, &ground, answer, |token| token.device_id == Some(device)).await?;

    let all = table(&*store, &ground, ground.owner()).await?;
    let answer = store.revoke_for_user(all.owner, now).await?;
    all.check(&*store, &ground, answer, |_| true).await?;

    let all = table(&*store, &ground, ground.owner()).await?;
    for answer in [
        store.revoke_token(all.owner, ground.token(), now).await?,
        store.revoke_family(all.owner, ground.family(), now).await?,
        store.revoke_for_device(all.owner, ground.device(), now).await?,
        store.revoke_for_user(ground.owner(), now).await?,
    ] {
        all.check(&*store, &ground, answer, |_| false).await?;
    }
    Ok(())
}

/// Devices are told of tokens that were rotated or revoked before, too: they are what a thief may hold.
pub(super) async fn revoking_tells_the_devices<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let first = issued(&*store, fresh(&ground, owner)).await?;
    let moved = RefreshToken { device_id: Some(ground.device()), ..next(&ground, &first, 1) };
    let done = store.rotate_token(first.id, moved.clone(), sealed(&ground)).await?;
    same("rotation", done, RotateOutcome::Rotated)?;
    let mut devices: Vec<_> = [first.device_id, moved.device_id].into_iter().flatten().collect();
    devices.sort_unstable();
    let answer = store.revoke_family(owner, first.family_id, ground.at(5)).await?;
    same("the first time", answer, RevokedTokens { tokens: 1, devices: devices.clone() })?;
    let answer = store.revoke_family(owner, first.family_id, ground.at(6)).await?;
    same("the second time", answer, RevokedTokens { tokens: 0, devices })
}

pub(super) async fn revoking_again_changes_nothing<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let owner = ground.owner();
    let token = issued(&*store, fresh(&ground, owner)).await?;
    same("the first time", store.revoke_token(owner, token.id, ground.at(5)).await?.tokens, 1)?;
    let revoked = read(&*store, owner, token.id).await?;
    same("when it was revoked", revoked.revoked_at, Some(ground.at(5)))?;
    for _ in 0..2 {
        same("again", store.revoke_token(owner, token.id, ground.at(6)).await?.tokens, 0)?;
        same("again, by family", store.revoke_family(owner, token.family_id, ground.at(6)).await?.tokens, 0)?;
        same("again, by user", store.revoke_for_user(owner, ground.at(6)).await?.tokens, 0)?;
        same("again, by tenant", store.revoke_for_tenant(owner.tenant_id, ground.at(6)).await?, 0)?;
    }
    same("the token after all of them", read(&*store, owner, token.id).await?, revoked)
}

pub(super) async fn revoking_a_tenant_spares_the_others<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let mut theirs = Vec::new();
    for owner in [me, me, namesake, neighbour] {
        let token = issued(&*store, fresh(&ground, owner)).await?;
        theirs.extend((owner == namesake).then_some(token.id));
    }
    same("how many", store.revoke_for_tenant(me.tenant_id, ground.at(5)).await?, 3)?;
    active(&*store, &ground, "one user of the tenant", me, &[]).await?;
    active(&*store, &ground, "another user of the tenant", neighbour, &[]).await?;
    active(&*store, &ground, "another tenant", namesake, &theirs).await?;
    same("the second time", store.revoke_for_tenant(me.tenant_id, ground.at(6)).await?, 0)
}

pub(super) async fn no_verb_reaches_another_account<S: RefreshTokenStore>(
    store: Arc<S>,
    ground: Ground,
) -> Verdict {
    let [me, namesake, neighbour] = ground.owners();
    let token = issued(&*store, fresh(&ground, me)).await?;
    let (device, now) = (some("a device", token.device_id)?, ground.at(5));
    for other in [namesake, neighbour] {
        same("read", store.load_token(other, token.id).await?, None)?;
        same("listed", store.find_tokens_for_user(other, now, MANY).await?, vec![])?;
        for answer in [
            store.revoke_token(other, token.id, now).await?,
            store.revoke_family(other, token.family_id, now).await?,
            store.revoke_for_device(other, device, now).await?,
            store.revoke_for_user(other, now).await?,
        ] {
            same("revoked", answer, RevokedTokens::default())?;
        }
        same("deleted", store.delete_for_user(other).await?, 0)?;
    }
    same("revoked by tenant", store.revoke_for_tenant(namesake.tenant_id, now).await?, 0)?;
    same("the token after all of them", read(&*store, me, token.id).await?, token)
}
