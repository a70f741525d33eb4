use super::{InMemoryBackend, backend::Tables};
use crate::{
    authn::{AuthnScope, FactorConfig, FactorPolicy},
    store::{Expected, FactorStore, SaveOutcome, ScopedFactor, StoreError, Stored},
};
use axess_identity::{FactorKind, TenantId, UserId};

impl FactorStore for InMemoryBackend {
    async fn load_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        kind: FactorKind,
    ) -> Result<ScopedFactor, StoreError> {
        let tables = self.lock();
        let scope = AuthnScope::User { tenant_id, user_id };
        let policy =
            Tables::resolve(scope, |scope| tables.factor_policies.get(&(scope, kind.clone()))).cloned();
        let record = tables.factors.get(&(tenant_id, user_id, kind)).cloned();
        Ok(ScopedFactor { record, policy })
    }

    async fn find_factors(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
    ) -> Result<Vec<FactorKind>, StoreError> {
        let tables = self.lock();
        let own = tables.factors.keys().filter(|(tenant, user, _)| (*tenant, *user) == (tenant_id, user_id));
        let mut kinds: Vec<_> = own.map(|(_, _, kind)| kind.clone()).collect();
        kinds.sort();
        Ok(kinds)
    }

    async fn save_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        config: FactorConfig,
        expected: Expected,
    ) -> Result<SaveOutcome, StoreError> {
        let mut tables = self.lock();
        let key = (tenant_id, user_id, config.kind());
        let version = tables.factors.get(&key).map(|stored| stored.version);
        if !expected.admits(version) {
            return Ok(SaveOutcome::Conflict);
        }
        let version = version.unwrap_or(0).saturating_add(1);
        tables.factors.insert(key, Stored { value: config, version });
        Ok(SaveOutcome::Saved)
    }

    async fn delete_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        kind: FactorKind,
    ) -> Result<bool, StoreError> {
        Ok(self.lock().factors.remove(&(tenant_id, user_id, kind)).is_some())
    }

    async fn delete_factors(&self, tenant_id: TenantId, user_id: UserId) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let before = tables.factors.len();
        tables.factors.retain(|(tenant, user, _), _| (*tenant, *user) != (tenant_id, user_id));
        Ok(u64::try_from(before - tables.factors.len()).unwrap_or(u64::MAX))
    }

    async fn save_factor_policy(
        &self,
        scope: AuthnScope,
        kind: FactorKind,
        policy: Option<FactorPolicy>,
    ) -> Result<(), StoreError> {
        let mut tables = self.lock();
        match policy {
            Some(policy) => tables.factor_policies.insert((scope, kind), policy),
            None => tables.factor_policies.remove(&(scope, kind)),
        };
        Ok(())
    }
}
