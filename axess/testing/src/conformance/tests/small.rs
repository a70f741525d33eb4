use super::{
    broken::{fault, faults, linger},
    *,
};
use axess_core::{
    ratelimit::{Admission, BucketKey, RateQuota},
    store::{
        AuditOrder, AuditOutbox, AuditQuery, AuditRow, AuditScope, AuditStore, Claim,
        DelegatedCredentialStore, DelegatedRow, Expected, JtiReplayStore, LeaderLock, Lease, OutboxRecord,
        Owner, RateLimitBuckets, ReplayKey, SaveOutcome, SidBinding, SidStore, Store, StoreError,
        StoreFuture, Stored, TenantIdp, TenantIdpStore,
    },
};
use axess_identity::{EventId, ProviderName, TenantId};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::yield_now;

type Answer<T> = Result<T, StoreError>;

faults! {
    FoldsCase(MemoryDelegatedCredentialStore);
    IgnoresVersions(MemoryDelegatedCredentialStore);
    FindsAnySid(MemorySidStore);
    ForgetsBindings(MemorySidStore);
    ClaimsInTwoSteps(MemoryJtiReplayStore);
    ProlongsClaims(MemoryJtiReplayStore);
    AdmitsInTwoSteps(MemoryBuckets);
    RoundsUp(MemoryBuckets);
    AppendsOneByOne(MemoryAuditOutbox);
    CompletesTooMuch(MemoryAuditOutbox);
    CountsRepeats(MemoryAuditStore);
    SkipsEqualTimes(MemoryAuditStore);
    KnowsOneOrder(MemoryAuditStore);
    ForgetsTheSystem(MemoryAuditStore);
    ReplacesAnything(MemoryAuditStore);
    ReplacesInTwoSteps(MemoryAuditStore);
    DeletesEverybodys(MemoryAuditStore);
    DropsSecrets(MemoryTenantIdpStore);
    DeletesAnywhere(MemoryTenantIdpStore);
    RenewsForAnybody(MemoryLeaderLock);
    KeepsTheFence(MemoryLeaderLock);
}

impl fault::DelegatedCredentialStore for FoldsCase {
    async fn load_credential(
        &self,
        owner: Owner,
        downstream: String,
    ) -> Answer<Option<Stored<DelegatedRow>>> {
        for name in self.0.find_downstreams(owner).await? {
            if name.trim().eq_ignore_ascii_case(downstream.trim()) {
                return self.0.load_credential(owner, name).await;
            }
        }
        Ok(None)
    }
}

impl fault::DelegatedCredentialStore for IgnoresVersions {
    async fn save_credential(
        &self,
        owner: Owner,
        row: DelegatedRow,
        expected: Expected,
    ) -> Answer<SaveOutcome> {
        let known = self.0.load_credential(owner, row.downstream.clone()).await?;
        if !expected.admits(known.map(|stored| stored.version)) {
            return Ok(SaveOutcome::Conflict);
        }
        linger().await;
        self.0.save_credential(owner, row, Expected::Any).await
    }
}

impl fault::SidStore for FindsAnySid {
    async fn find_by_sid(
        &self,
        tenant: Option<TenantId>,
        issuer: String,
        sid: String,
        now: DateTime<Utc>,
    ) -> Answer<Vec<SidBinding>> {
        if sid.is_empty() {
            return self.0.find_by_subject(tenant, issuer, "248289761001".into(), now).await;
        }
        self.0.find_by_sid(tenant, issuer, sid, now).await
    }
}

impl fault::SidStore for ForgetsBindings {
    async fn find_by_subject(
        &self,
        tenant: Option<TenantId>,
        issuer: String,
        subject: String,
        now: DateTime<Utc>,
    ) -> Answer<Vec<SidBinding>> {
        self.0.find_by_subject(tenant, issuer, subject, now - TimeDelta::seconds(2)).await
    }
}

/// Remembers late: everybody who asks meanwhile is the first.
impl fault::JtiReplayStore for ClaimsInTwoSteps {
    async fn claim(&self, key: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> Answer<Claim> {
        // A claim for no time at all asks without taking.
        if self.0.claim(key, now, now).await? == Claim::Replayed {
            return Ok(Claim::Replayed);
        }
        linger().await;
        let _ = self.0.claim(key, until, now).await?;
        Ok(Claim::Fresh)
    }
}

impl fault::JtiReplayStore for ProlongsClaims {
    async fn claim(&self, key: ReplayKey, until: DateTime<Utc>, now: DateTime<Utc>) -> Answer<Claim> {
        self.0.claim(key, until + TimeDelta::seconds(1), now).await
    }
}

impl fault::RateLimitBuckets for AdmitsInTwoSteps {
    async fn admit(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Answer<Admission> {
        let generous = RateQuota::new(quota.max_requests() + 1, quota.window());
        self.0.admit(key, generous, now).await
    }
}

/// Keeps whole seconds, rounded up.
impl fault::RateLimitBuckets for RoundsUp {
    async fn admit(&self, key: BucketKey, quota: RateQuota, now: DateTime<Utc>) -> Answer<Admission> {
        self.0.admit(key, quota, now - TimeDelta::nanoseconds(now.timestamp_subsec_nanos().into())).await
    }
}

impl fault::AuditOutbox for AppendsOneByOne {
    async fn append(&self, records: Vec<OutboxRecord>) -> Answer<()> {
        for record in records {
            self.0.append(vec![record]).await?;
            yield_now().await;
        }
        Ok(())
    }
}

impl fault::AuditOutbox for CompletesTooMuch {
    async fn complete(&self, sequences: Vec<u64>) -> Answer<()> {
        let last = sequences.iter().max().copied().unwrap_or(0);
        self.0.complete((0..=last.min(100_000)).collect()).await
    }
}

impl fault::AuditStore for CountsRepeats {
    async fn append(&self, rows: Vec<AuditRow>) -> Answer<u64> {
        let count = rows.len();
        self.0.append(rows).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Goes on after the time of the last row, not after the row.
impl fault::AuditStore for SkipsEqualTimes {
    async fn query(&self, query: AuditQuery) -> Answer<Vec<AuditRow>> {
        let until = query.after.map(|(at, _)| query.until.map_or(at, |until| until.min(at))).or(query.until);
        self.0.query(AuditQuery { until, after: None, ..query }).await
    }
}

impl fault::AuditStore for KnowsOneOrder {
    async fn query(&self, query: AuditQuery) -> Answer<Vec<AuditRow>> {
        self.0.query(AuditQuery { order: AuditOrder::NewestFirst, ..query }).await
    }
}

impl fault::AuditStore for ForgetsTheSystem {
    async fn scopes(&self, after: Option<AuditScope>, limit: usize) -> Answer<Vec<AuditScope>> {
        self.0.scopes(after.max(Some(AuditScope::System)), limit).await
    }
}

/// Looks for the event and not at what it is.
impl fault::AuditStore for ReplacesAnything {
    async fn replace(&self, row: AuditRow, _: Bytes) -> Answer<bool> {
        let found = self.0.query(AuditQuery::new(AuditScope::of(row.tenant_id), 1_000)).await?;
        let known = found.into_iter().find(|known| known.event_id == row.event_id);
        let Some(known) = known else { return Ok(false) };
        self.0.replace(row, known.body).await
    }
}

impl fault::AuditStore for ReplacesInTwoSteps {
    async fn replace(&self, row: AuditRow, expected: Bytes) -> Answer<bool> {
        let found = self.0.query(AuditQuery::new(AuditScope::of(row.tenant_id), 1_000)).await?;
        let known = found.into_iter().find(|known| known.event_id == row.event_id && known.body == expected);
        linger().await;
        let Some(_) = known else { return Ok(false) };
        _ = self.0.replace(row, expected).await?;
        Ok(true)
    }
}

impl fault::AuditStore for DeletesEverybodys {
    async fn delete(&self, scope: AuditScope, events: Vec<EventId>) -> Answer<u64> {
        let mut deleted = 0;
        for scope in [scope].into_iter().chain(self.0.scopes(None, 1_000).await?) {
            deleted += self.0.delete(scope, events.clone()).await?;
        }
        Ok(deleted)
    }
}

impl fault::TenantIdpStore for DropsSecrets {
    async fn save_idp(&self, idp: TenantIdp, expected: Expected) -> Answer<SaveOutcome> {
        self.0.save_idp(TenantIdp { secret: None, ..idp }, expected).await
    }
}

impl fault::TenantIdpStore for DeletesAnywhere {
    async fn delete_idp(&self, tenant_id: TenantId, name: ProviderName) -> Answer<bool> {
        self.0.delete_idp(tenant_id, name).await?;
        Ok(true)
    }
}

impl fault::LeaderLock for RenewsForAnybody {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Answer<Option<Lease>> {
        let first = holder.chars().take(3).collect();
        self.0.acquire(name, first, ttl, now).await
    }
}

impl fault::LeaderLock for KeepsTheFence {
    async fn acquire(
        &self,
        name: String,
        holder: String,
        ttl: TimeDelta,
        now: DateTime<Utc>,
    ) -> Answer<Option<Lease>> {
        let lease = self.0.acquire(name, holder, ttl, now).await?;
        Ok(lease.map(|lease| Lease { fence: 1, ..lease }))
    }
}

/// A key/value store that folds case, forgets the end, or neither deletes nor says so.
struct Careless<const FAULT: u8>(MemoryStore<String, Vec<u8>>);

impl<const FAULT: u8> Store<String, Vec<u8>> for Careless<FAULT> {
    fn get(&self, key: String, now: DateTime<Utc>) -> StoreFuture<'_, Option<Vec<u8>>> {
        let key = if FAULT == 0 { key.to_lowercase() } else { key };
        self.0.get(key, if FAULT == 1 { DateTime::<Utc>::MIN_UTC } else { now })
    }

    fn set(&self, key: String, value: Vec<u8>, expires_at: DateTime<Utc>) -> StoreFuture<'_, ()> {
        self.0.set(if FAULT == 0 { key.to_lowercase() } else { key }, value, expires_at)
    }

    fn delete(&self, key: String) -> StoreFuture<'_, bool> {
        let deleting = self.0.delete(key);
        Box::pin(async move { deleting.await.map(|found| found || FAULT == 2) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_of_small_stores_are_found() {
    found!(delegated_credential_store:
        Broken(FoldsCase::default()) => ["names_are_told_apart"],
        Broken(IgnoresVersions::default()) => ["of_racing_refreshes_one_wins"],
    );
    found!(sid_store:
        Broken(FindsAnySid::default()) => ["a_session_without_a_name_is_found_by_subject_only"],
        Broken(ForgetsBindings::default()) => ["a_binding_ends_with_its_session"],
    );
    found!(jti_replay_store:
        Broken(ClaimsInTwoSteps::default()) => ["of_racing_claims_one_is_fresh"],
        Broken(ProlongsClaims::default()) => ["a_claim_ends_at_its_time"],
    );
    found!(rate_limit_buckets:
        Broken(AdmitsInTwoSteps::default()) => ["a_race_is_admitted_exactly_the_quota"],
        Broken(RoundsUp::default()) => ["every_decision_is_that_of_the_rule"],
    );
    found!(audit_outbox:
        Broken(AppendsOneByOne::default()) => ["a_batch_cut_off_is_there_or_not"],
        Broken(CompletesTooMuch::default()) => ["completing_removes_what_it_names"],
    );
    found!(audit_store:
        Broken(CountsRepeats::default()) => ["racing_writers_count_each_event_once"],
        Broken(SkipsEqualTimes::default()) => ["pages_have_no_gap_and_no_repeat"],
        Broken(KnowsOneOrder::default()) => ["oldest_first_is_the_other_way_round"],
        Broken(ForgetsTheSystem::default()) => ["scopes_are_listed_in_order"],
        Broken(ReplacesAnything::default()) => ["a_body_is_replaced_if_it_is_the_expected_one"],
        Broken(ReplacesInTwoSteps::default()) => ["of_racing_replacements_one_wins"],
        Broken(DeletesEverybodys::default()) => ["named_events_are_deleted"],
    );
    found!(tenant_idp_store:
        Broken(DropsSecrets::default()) => ["every_field_comes_back"],
        Broken(DeletesAnywhere::default()) => ["no_verb_reaches_another_tenant"],
    );
    found!(leader_lock:
        Broken(RenewsForAnybody::default()) => ["a_race_has_one_holder"],
        Broken(KeepsTheFence::default()) => ["fences_grow_through_every_race"],
    );
    found!(key_value_store:
        Careless::<0>(MemoryStore::new()) => ["keys_are_told_apart"],
        Careless::<1>(MemoryStore::new()) => ["a_value_ends_at_its_time"],
        Careless::<2>(MemoryStore::new()) => ["of_racing_deletions_one_finds_it"],
    );
}
