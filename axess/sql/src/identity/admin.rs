use super::{
    NIL, SqlBackend, checked_scope,
    counter::{CLEAR, FORGET_STRANGERS, SWEEP},
    json, one_tenant, one_user, pepper_of,
};
use crate::{
    db::{Tx, Value, args, transaction},
    factor,
};
use axess_core::{
    authn::{AuthnScope, Method},
    store::{
        IdentityAdmin, NewUser, SaveOutcome, StoreError, StoreErrorKind, TenantBootstrap, UserChange,
        check_display_name,
    },
};
use axess_identity::{LockoutPolicy, Pepper, TenantId, TenantStatus, UserId, UserStatus};
use chrono::{DateTime, Utc};

pub(super) const INSERT_USER: &str =
    "INSERT INTO axess_user (tenant_id, user_id, identifier, display_name, email, email_verified, status, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

pub(super) const LOCK_PENDING: &str =
    "SELECT user_id FROM axess_user WHERE tenant_id = ? AND identifier = ? AND status = 'pending' {lock}";

pub(super) const REPLACE_PENDING: &str = "UPDATE axess_user
    SET tenant_id = ?, user_id = ?, identifier = ?, display_name = ?, email = ?, email_verified = ?, status = ?, created_at = ?
    WHERE tenant_id = ? AND identifier = ? AND status = 'pending'";

pub(super) const UPDATE_USER: &str = "UPDATE axess_user
    SET identifier = COALESCE(?, identifier), display_name = COALESCE(?, display_name), email = COALESCE(?, email),
        email_verified = COALESCE(?, email_verified), status = COALESCE(?, status)
    WHERE tenant_id = ? AND user_id = ? AND status <> 'erased'";

pub(super) const ERASE_USER: &str = "UPDATE axess_user
    SET identifier = NULL, display_name = NULL, email = NULL, email_verified = 0, status = 'erased'
    WHERE tenant_id = ? AND user_id = ?";

/// Where an erased account's attempts came from is about a person, too.
pub(super) const ERASE_ADDRESSES: &str =
    "UPDATE axess_attempt SET client_ip = NULL WHERE tenant_id = ? AND user_id = ?";

pub(super) const DELETE_SCOPE: &str = "DELETE FROM axess_scope WHERE tenant_id = ? AND user_id = ?";

pub(super) const SAVE_METHODS: &str = "INSERT INTO axess_scope (tenant_id, user_id, methods) VALUES (?, ?, ?)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET methods = excluded.methods";

pub(super) const SAVE_LOCKOUT: &str = "INSERT INTO axess_scope (tenant_id, user_id, lockout) VALUES (?, ?, ?)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET lockout = excluded.lockout";

pub(super) const INSERT_TENANT: &str =
    "INSERT INTO axess_tenant (tenant_id, slug, status, display_name, pepper, key_id, device_retention_days, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

pub(super) const SET_STATUS: &str =
    "UPDATE axess_tenant SET status = ?, suspended_at = ? WHERE tenant_id = ?";

pub(super) const SET_PEPPER: &str = "UPDATE axess_tenant SET pepper = ?, key_id = ? WHERE tenant_id = ?";

pub(super) const PURGE_ATTEMPTS: &str = "DELETE FROM axess_attempt WHERE happened_at < ?
    {first sequence FROM axess_attempt ORDER BY happened_at LIMIT ?}";

impl IdentityAdmin for SqlBackend {
    async fn create_user(&self, user: NewUser) -> Result<SaveOutcome, StoreError> {
        let (tenant_id, user_id) = (user.tenant_id, user.user_id);
        one_tenant(tenant_id)?;
        one_user(user_id)?;
        user.display_name.as_deref().map_or(Ok(()), check_display_name)?;
        let identifier = user.identifier.clone();
        let columns = user_columns(user);
        if self.db.execute(INSERT_USER, columns.clone()).await? > 0 {
            return Ok(SaveOutcome::Saved);
        }
        let replaced = transaction!(self.db, tx => {
            let Some(row) = tx.fetch_optional(LOCK_PENDING, args![tenant_id, identifier.clone()]).await? else {
                return Ok(SaveOutcome::Conflict);
            };
            let pending: UserId = row.get("user_id")?;
            drop(row);
            let mut args = columns.clone();
            args.extend(args![tenant_id, identifier.clone()]);
            if tx.execute(REPLACE_PENDING, args).await? == 0 {
                return Ok(SaveOutcome::Conflict);
            }
            if pending != user_id {
                delete_belongings(tx, tenant_id, pending).await?;
            }
            Ok(SaveOutcome::Saved)
        });
        taken_is_a_conflict(replaced)
    }

    async fn update_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        change: UserChange,
    ) -> Result<SaveOutcome, StoreError> {
        if change.status == Some(UserStatus::Erased) {
            return self.erase(tenant_id, user_id).await;
        }
        change.display_name.as_deref().map_or(Ok(()), check_display_name)?;
        // A new address has yet to be proved.
        let email_verified = change.email_verified.or(change.email.as_ref().map(|_| false));
        let args = args![
            change.identifier,
            change.display_name,
            change.email,
            email_verified,
            change.status,
            tenant_id,
            user_id
        ];
        taken_is_a_conflict(self.db.execute(UPDATE_USER, args).await.map(saved))
    }

    async fn erase_user(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        _reason: String,
    ) -> Result<SaveOutcome, StoreError> {
        self.erase(tenant_id, user_id).await
    }

    async fn save_methods(&self, scope: AuthnScope, methods: Vec<Method>) -> Result<(), StoreError> {
        let (tenant_id, user_id) = checked_scope(scope)?;
        let methods = (!methods.is_empty()).then(|| json::write(&methods)).transpose()?;
        self.db.execute(SAVE_METHODS, args![tenant_id, user_id, methods]).await.map(drop)
    }

    async fn save_lockout_policy(
        &self,
        scope: AuthnScope,
        policy: Option<LockoutPolicy>,
    ) -> Result<(), StoreError> {
        let (tenant_id, user_id) = checked_scope(scope)?;
        let policy = policy.map(|policy| json::write(&policy)).transpose()?;
        self.db.execute(SAVE_LOCKOUT, args![tenant_id, user_id, policy]).await.map(drop)
    }

    async fn create_tenant(&self, bootstrap: TenantBootstrap) -> Result<SaveOutcome, StoreError> {
        let tenant_id = bootstrap.tenant_id;
        one_tenant(tenant_id)?;
        check_display_name(&bootstrap.display_name)?;
        let sealed = self.sealing.seal(&pepper_of(tenant_id).place, bootstrap.fingerprint_pepper.expose())?;
        let methods = Some(&bootstrap.methods).filter(|methods| !methods.is_empty());
        let methods = methods.map(json::write).transpose()?;
        let lockout = bootstrap.lockout_policy.as_ref().map(json::write).transpose()?;
        let columns = args![
            tenant_id,
            bootstrap.slug,
            TenantStatus::Active,
            bootstrap.display_name,
            sealed.bytes,
            sealed.key_id,
            bootstrap.device_retention_days,
            bootstrap.created_at
        ];
        transaction!(self.db, tx => {
            if tx.execute(INSERT_TENANT, columns.clone()).await? == 0 {
                return Ok(SaveOutcome::Conflict);
            }
            for (save, setting) in [(SAVE_METHODS, &methods), (SAVE_LOCKOUT, &lockout)] {
                if setting.is_some() {
                    tx.execute(save, args![tenant_id, NIL, setting.clone()]).await?;
                }
            }
            Ok(SaveOutcome::Saved)
        })
    }

    async fn set_tenant_status(
        &self,
        tenant_id: TenantId,
        status: TenantStatus,
        at: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let suspended_at = (status == TenantStatus::Suspended).then_some(at);
        self.db.execute(SET_STATUS, args![status, suspended_at, tenant_id]).await.map(saved)
    }

    async fn rotate_fingerprint_pepper(
        &self,
        tenant_id: TenantId,
        pepper: Pepper,
    ) -> Result<SaveOutcome, StoreError> {
        let sealed = self.sealing.seal(&pepper_of(tenant_id).place, pepper.expose())?;
        self.db.execute(SET_PEPPER, args![sealed.bytes, sealed.key_id, tenant_id]).await.map(saved)
    }

    /// Deletes old log entries, and beyond the contract as many counters that nobody needs.
    async fn purge_attempts(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let purged = self.db.execute(PURGE_ATTEMPTS, args![before, limit]).await?;
        for sql in [SWEEP, FORGET_STRANGERS] {
            self.db.execute(sql, args![before, before, limit]).await?;
        }
        Ok(purged)
    }
}

impl SqlBackend {
    async fn erase(&self, tenant_id: TenantId, user_id: UserId) -> Result<SaveOutcome, StoreError> {
        transaction!(self.db, tx => {
            if tx.execute(ERASE_USER, args![tenant_id, user_id]).await? == 0 {
                return Ok(SaveOutcome::Conflict);
            }
            delete_belongings(tx, tenant_id, user_id).await?;
            tx.execute(ERASE_ADDRESSES, args![tenant_id, user_id]).await?;
            Ok(SaveOutcome::Saved)
        })
    }
}

/// Deletes what an account enrolled, its own settings and what is counted against it.
async fn delete_belongings(tx: &mut Tx, tenant_id: TenantId, user_id: UserId) -> Result<(), StoreError> {
    for sql in [factor::DELETE_ALL, factor::DELETE_POLICIES, DELETE_SCOPE, CLEAR] {
        tx.execute(sql, args![tenant_id, user_id]).await?;
    }
    Ok(())
}

fn user_columns(user: NewUser) -> Vec<Value> {
    let erased = user.status == UserStatus::Erased;
    args![
        user.tenant_id,
        user.user_id,
        (!erased).then_some(user.identifier),
        user.display_name.filter(|_| !erased),
        user.email.filter(|_| !erased),
        user.email_verified && !erased,
        user.status,
        user.created_at,
    ]
}

fn saved(rows: u64) -> SaveOutcome {
    match rows {
        0 => SaveOutcome::Conflict,
        _ => SaveOutcome::Saved,
    }
}

/// Turns the refusal of a name or an id that is taken, which undid everything, into the outcome it is.
fn taken_is_a_conflict(outcome: Result<SaveOutcome, StoreError>) -> Result<SaveOutcome, StoreError> {
    match outcome {
        Err(error) if error.kind() == StoreErrorKind::Misuse => Ok(SaveOutcome::Conflict),
        other => other,
    }
}
