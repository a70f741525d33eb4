use super::{
    broken::{fault, faults, linger},
    *,
};
use axess_core::{
    device::{Device, DeviceRetention, DeviceTrustLevel, FingerprintHash},
    refresh::{RefreshToken, Successor},
    store::{
        DeviceStore, IssueOutcome, Owner, RefreshTokenStore, Registered, RevokedTokens, RotateOutcome,
        StoreError, Swept, TrustChange,
    },
};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::task::yield_now;

type Answer<T> = Result<T, StoreError>;

faults! {
    RotatesTwice(MemoryRefreshTokenStore);
    EvictsAfterwards(MemoryRefreshTokenStore);
    RevokesOneByOne(MemoryRefreshTokenStore);
    HandsOutForEver(MemoryRefreshTokenStore);
    ForgetsDevices(MemoryRefreshTokenStore);
    RotatesExpired(MemoryRefreshTokenStore);
    RegistersTwice(MemoryDeviceStore);
    SightsBackwards(MemoryDeviceStore);
    SweepsEverything(MemoryDeviceStore);
    TrustsRevoked(MemoryDeviceStore);
    FindsRevoked(MemoryDeviceStore);
}

/// Looks, waits, and writes a successor for everybody who looked in time.
impl fault::RefreshTokenStore for RotatesTwice {
    async fn rotate_token(
        &self,
        current: RefreshTokenId,
        successor: RefreshToken,
        sealed: Bytes,
    ) -> Answer<RotateOutcome> {
        let known = self.0.load_token(successor.owner, current).await?;
        if !known.is_some_and(|known| known.is_active(successor.issued_at)) {
            return Ok(RotateOutcome::NotActive);
        }
        linger().await;
        if self.0.rotate_token(current, successor.clone(), sealed).await? == RotateOutcome::NotActive {
            let _ = self.0.issue_with_eviction(successor, usize::MAX).await?;
        }
        Ok(RotateOutcome::Rotated)
    }
}

/// Inserts, waits, and revokes what was too much when it looked.
impl fault::RefreshTokenStore for EvictsAfterwards {
    async fn issue_with_eviction(&self, token: RefreshToken, max_per_user: usize) -> Answer<IssueOutcome> {
        let (owner, now) = (token.owner, token.issued_at);
        let before = self.0.find_tokens_for_user(owner, now, usize::MAX).await?;
        yield_now().await;
        if self.0.issue_with_eviction(token, usize::MAX).await? == IssueOutcome::Conflict {
            return Ok(IssueOutcome::Conflict);
        }
        let mut evicted = Vec::new();
        for old in before.iter().skip(max_per_user.saturating_sub(1)).rev() {
            self.0.revoke_token(owner, old.id, now).await?;
            evicted.push(old.id);
        }
        Ok(IssueOutcome::Issued { evicted })
    }
}

/// Lists the family, waits, and revokes what was in the list: a racing successor gets away.
impl fault::RefreshTokenStore for RevokesOneByOne {
    async fn revoke_family(
        &self,
        owner: Owner,
        family_id: TokenFamilyId,
        now: DateTime<Utc>,
    ) -> Answer<RevokedTokens> {
        let all = self.0.find_tokens_for_user(owner, now, usize::MAX).await?;
        linger().await;
        let mut revoked = RevokedTokens::default();
        for token in all.into_iter().filter(|token| token.family_id == family_id) {
            let one = self.0.revoke_token(owner, token.id, now).await?;
            revoked.tokens += one.tokens;
            revoked.devices.extend(one.devices);
        }
        Ok(revoked)
    }
}

impl fault::RefreshTokenStore for HandsOutForEver {
    async fn take_successor(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        _: DateTime<Utc>,
    ) -> Answer<Option<Successor>> {
        Ok(self.0.load_token(owner, id).await?.and_then(|token| token.successor))
    }
}

impl fault::RefreshTokenStore for ForgetsDevices {
    async fn revoke_for_user(&self, owner: Owner, now: DateTime<Utc>) -> Answer<RevokedTokens> {
        let revoked = self.0.revoke_for_user(owner, now).await?;
        Ok(RevokedTokens { devices: vec![], ..revoked })
    }
}

impl fault::RefreshTokenStore for RotatesExpired {
    async fn rotate_token(
        &self,
        current: RefreshTokenId,
        successor: RefreshToken,
        sealed: Bytes,
    ) -> Answer<RotateOutcome> {
        let early = RefreshToken { issued_at: DateTime::<Utc>::MIN_UTC, ..successor };
        self.0.rotate_token(current, early, sealed).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_refresh_token_stores_are_found() {
    found!(refresh_token_store: Broken(RotatesTwice::default()) => ["racing_rotations_have_one_winner"]);
    found!(refresh_token_store: Broken(EvictsAfterwards::default()) => ["the_cap_is_never_exceeded"]);
    found!(refresh_token_store: Broken(RevokesOneByOne::default()) => ["revoking_a_family_beats_a_racing_rotation"]);
    found!(refresh_token_store: Broken(HandsOutForEver::default()) => ["a_successor_is_handed_out_once",
            "a_successor_that_is_not_active_is_not_handed_out",
            "a_successor_goes_to_one_of_many",]);
    found!(refresh_token_store: Broken(ForgetsDevices::default()) => ["revoking_hits_what_it_names", "any_sequence_answers_as_in_memory"]);
    found!(refresh_token_store: Broken(RotatesExpired::default()) => ["only_an_active_token_is_rotated", "a_rotation_hands_over"]);
}

/// Looks, waits, and then forgets that it looked.
impl fault::DeviceStore for RegistersTwice {
    async fn register(&self, device: Device) -> Answer<Registered> {
        let (owner, hash) = (device.owner, device.fingerprint_hash);
        if let Some(known) = self.0.find_by_fingerprint(owner, hash).await? {
            return Ok(Registered::Existing(Box::new(known)));
        }
        linger().await;
        self.0.register(device).await?;
        Ok(Registered::Created)
    }
}

/// Deletes and writes again, with whatever time it is given.
impl fault::DeviceStore for SightsBackwards {
    async fn record_sighting(&self, owner: Owner, device_id: DeviceId, now: DateTime<Utc>) -> Answer<()> {
        let Some(device) = self.0.load(owner, device_id).await? else { return Ok(()) };
        let others = self.0.find_for_user(owner, usize::MAX).await?;
        self.0.delete_for_user(owner).await?;
        for other in others.into_iter().filter(|other| other.device_id != device_id) {
            self.0.register(other).await?;
        }
        self.0.register(Device { last_seen_at: now, ..device }).await?;
        Ok(())
    }
}

impl fault::DeviceStore for SweepsEverything {
    async fn sweep(
        &self,
        tenant_id: TenantId,
        retention: DeviceRetention,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Answer<Vec<Swept>> {
        let zero = chrono::TimeDelta::zero();
        self.0.sweep(tenant_id, DeviceRetention { seen: zero, ..retention }, now, limit).await
    }
}

impl fault::DeviceStore for TrustsRevoked {
    async fn set_trust_level(
        &self,
        owner: Owner,
        device_id: DeviceId,
        level: DeviceTrustLevel,
        now: DateTime<Utc>,
    ) -> Answer<TrustChange> {
        match self.0.set_trust_level(owner, device_id, level, now).await? {
            TrustChange::Refused => Ok(TrustChange::Unchanged),
            done => Ok(done),
        }
    }
}

impl fault::DeviceStore for FindsRevoked {
    async fn find_by_fingerprint(
        &self,
        owner: Owner,
        fingerprint: FingerprintHash,
    ) -> Answer<Option<Device>> {
        let all = self.0.find_for_user(owner, usize::MAX).await?;
        Ok(all.into_iter().find(|device| device.fingerprint_hash == fingerprint))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_device_stores_are_found() {
    found!(device_store: Broken(RegistersTwice::default()) => ["of_racing_registrations_one_creates"]);
    found!(device_store: Broken(SightsBackwards::default()) => ["a_sighting_moves_forward_only", "racing_sightings_leave_the_latest"]);
    found!(device_store: Broken(SweepsEverything::default()) => ["a_sweep_does_what_the_retention_says", "any_sequence_answers_as_in_memory"]);
    found!(device_store: Broken(TrustsRevoked::default()) => ["the_ladder_is_climbed_and_left_for_good"]);
    found!(device_store: Broken(FindsRevoked::default()) => ["a_revoked_device_comes_back_as_a_new_one"]);
}
