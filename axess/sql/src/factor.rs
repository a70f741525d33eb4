//! What users enrolled, and the policies for it.

use crate::{
    SqlBackend,
    db::{Row, args, corrupt, misuse},
    identity::{NIL, checked_scope, json},
    sealing::{Located, Sealed, SealedTable, place},
};
use axess_core::{
    authn::{AuthnScope, FactorConfig, FactorPolicy},
    store::{Expected, FactorStore, SaveOutcome, ScopedFactor, StoreError, StoreErrorKind, Stored},
};
use axess_identity::{FactorKind, TenantId, UserId};

/// Where users' secrets are.
pub(crate) const RECORDS: SealedTable = SealedTable {
    between:
        "SELECT tenant_id, user_id, kind, sealed, key_id FROM axess_factor WHERE key_id > ? AND key_id < ?
              ORDER BY key_id, tenant_id, user_id, kind LIMIT ? OFFSET ?",
    replace: "UPDATE axess_factor SET sealed = ?, key_id = ?
              WHERE tenant_id = ? AND user_id = ? AND kind = ? AND sealed = ?",
    locate: |row: &Row| Ok(record_of(row.get("tenant_id")?, row.get("user_id")?, &row.get("kind")?)),
};

/// Always one row.
const LOAD: &str = "SELECT f.version, f.sealed, f.key_id, (
        SELECT p.policy FROM axess_factor_policy p
        WHERE p.tenant_id IN (?, ?) AND p.user_id IN (?, ?) AND p.kind = ?
        ORDER BY p.user_id DESC, p.tenant_id DESC LIMIT 1
    ) AS policy
    FROM (SELECT 1 AS one) AS base
    LEFT JOIN axess_factor f ON f.tenant_id = ? AND f.user_id = ? AND f.kind = ?";

const KINDS: &str = "SELECT kind FROM axess_factor WHERE tenant_id = ? AND user_id = ?";

const INSERT: &str = "INSERT INTO axess_factor (sealed, key_id, tenant_id, user_id, kind, version)
    VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING";

const UPDATE: &str = "UPDATE axess_factor SET sealed = ?, key_id = ?, version = version + 1
    WHERE tenant_id = ? AND user_id = ? AND kind = ? AND version = ?";

const OVERWRITE: &str = "INSERT INTO axess_factor (sealed, key_id, tenant_id, user_id, kind, version)
    VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (tenant_id, user_id, kind) DO UPDATE SET
        sealed = excluded.sealed, key_id = excluded.key_id, version = axess_factor.version + 1";

const DELETE: &str = "DELETE FROM axess_factor WHERE tenant_id = ? AND user_id = ? AND kind = ?";

pub(crate) const DELETE_ALL: &str = "DELETE FROM axess_factor WHERE tenant_id = ? AND user_id = ?";

pub(crate) const DELETE_POLICIES: &str =
    "DELETE FROM axess_factor_policy WHERE tenant_id = ? AND user_id = ?";

const SAVE_POLICY: &str =
    "INSERT INTO axess_factor_policy (tenant_id, user_id, kind, policy) VALUES (?, ?, ?, ?)
    ON CONFLICT (tenant_id, user_id, kind) DO UPDATE SET policy = excluded.policy";

const DELETE_POLICY: &str =
    "DELETE FROM axess_factor_policy WHERE tenant_id = ? AND user_id = ? AND kind = ?";

impl FactorStore for SqlBackend {
    async fn load_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        kind: FactorKind,
    ) -> Result<ScopedFactor, StoreError> {
        let args = args![NIL, tenant_id, NIL, user_id, kind.clone(), tenant_id, user_id, kind.clone()];
        let row = self.db.fetch_optional(LOAD, args).await?;
        let row = row.ok_or_else(|| StoreError::bare(StoreErrorKind::Backend))?;
        let policy = json::read(row.find("policy")?, "policy")?;
        let Some(version) = row.find("version")? else { return Ok(ScopedFactor { record: None, policy }) };
        let sealed = Sealed::read(&row)?;
        drop(row);
        let located = record_of(tenant_id, user_id, &kind);
        let opened = self.sealing.open(&located.place, sealed)?;
        let value = FactorConfig::from_stored(&opened.plain).filter(|config| config.kind() == kind);
        let value = value.ok_or_else(|| corrupt("sealed"))?;
        if let Some(old) = opened.stale {
            self.sealing.renew(&self.db, &RECORDS, located, old, &opened.plain).await;
        }
        Ok(ScopedFactor { record: Some(Stored { value, version }), policy })
    }

    async fn find_factors(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
    ) -> Result<Vec<FactorKind>, StoreError> {
        let rows = self.db.fetch_all(KINDS, args![tenant_id, user_id]).await?;
        let mut kinds = rows.iter().map(|row| row.get("kind")).collect::<Result<Vec<FactorKind>, _>>()?;
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
        let plain = config.to_stored().ok_or_else(|| misuse("a malformed factor record cannot be stored"))?;
        let Located { place, key } = record_of(tenant_id, user_id, &config.kind());
        let sealed = self.sealing.seal(&place, &plain)?;
        let mut args = args![sealed.bytes, sealed.key_id];
        args.extend(key);
        let sql = match expected {
            Expected::Absent => INSERT,
            Expected::Version(version) => {
                args.extend(args![version]);
                UPDATE
            }
            Expected::Any => OVERWRITE,
        };
        match self.db.execute(sql, args).await? {
            0 => Ok(SaveOutcome::Conflict),
            _ => Ok(SaveOutcome::Saved),
        }
    }

    async fn delete_factor(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        kind: FactorKind,
    ) -> Result<bool, StoreError> {
        Ok(self.db.execute(DELETE, args![tenant_id, user_id, kind]).await? > 0)
    }

    async fn delete_factors(&self, tenant_id: TenantId, user_id: UserId) -> Result<u64, StoreError> {
        self.db.execute(DELETE_ALL, args![tenant_id, user_id]).await
    }

    async fn save_factor_policy(
        &self,
        scope: AuthnScope,
        kind: FactorKind,
        policy: Option<FactorPolicy>,
    ) -> Result<(), StoreError> {
        let (tenant_id, user_id) = checked_scope(scope)?;
        match policy {
            Some(policy) => {
                let args = args![tenant_id, user_id, kind, json::write(&policy)?];
                self.db.execute(SAVE_POLICY, args).await.map(drop)
            }
            None => self.db.execute(DELETE_POLICY, args![tenant_id, user_id, kind]).await.map(drop),
        }
    }
}

fn record_of(tenant_id: TenantId, user_id: UserId, kind: &FactorKind) -> Located {
    let (tenant, user, name) = (tenant_id.as_uuid(), user_id.as_uuid(), kind.wire_name());
    let place = place("axess_factor", &[tenant.as_bytes(), user.as_bytes(), name.as_bytes()]);
    Located { place, key: args![tenant_id, user_id, kind.clone()] }
}

/// Every statement that finds rows.
#[cfg(all(test, feature = "sqlite"))]
pub(crate) const STATEMENTS: &[&str] = &[
    RECORDS.between,
    RECORDS.replace,
    LOAD,
    KINDS,
    UPDATE,
    OVERWRITE,
    DELETE,
    DELETE_ALL,
    DELETE_POLICIES,
    SAVE_POLICY,
    DELETE_POLICY,
];
