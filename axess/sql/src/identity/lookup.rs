use super::{MAX_PAGE, NIL, PEPPERS, SqlBackend, checked_scope, json, pepper_of};
use crate::{
    db::{Row, Value, args},
    sealing::Sealed,
};
use axess_core::{
    authn::{AuthnScope, Method},
    store::{IdentityLookup, LoginSubject, Page, StoreError, StoreErrorKind},
};
use axess_identity::{EmailAddress, Identifier, LockoutPolicy, Tenant, TenantId, TenantSlug, User, UserId};

macro_rules! user_columns {
    () => {
        "u.user_id, u.identifier, u.display_name, u.email, u.email_verified, u.status AS user_status, \
         u.created_at AS user_created_at"
    };
}

macro_rules! tenant_columns {
    () => {
        "t.tenant_id, t.slug, t.status AS tenant_status, t.display_name AS tenant_name, t.pepper AS sealed, \
         t.key_id, t.device_retention_days, t.created_at AS tenant_created_at, t.suspended_at, \
         ts.lockout AS tenant_lockout"
    };
}

/// Always one row, and the same work for an account that does not exist.
pub(super) const FIND_LOGIN: &str = concat!(
    "SELECT ",
    tenant_columns!(),
    ", ",
    user_columns!(),
    ", COALESCE(us.methods, ts.methods, gs.methods) AS methods, us.lockout AS user_lockout, \
       gs.lockout AS global_lockout
    FROM (SELECT 1 AS one) AS base
    LEFT JOIN axess_tenant t ON t.slug = ?
    LEFT JOIN axess_user u ON u.tenant_id = t.tenant_id AND u.identifier = ?
    LEFT JOIN axess_scope gs ON gs.tenant_id = ? AND gs.user_id = ?
    LEFT JOIN axess_scope ts ON ts.tenant_id = t.tenant_id AND ts.user_id = ?
    LEFT JOIN axess_scope us ON us.tenant_id = u.tenant_id AND us.user_id = u.user_id"
);

macro_rules! tenant_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            tenant_columns!(),
            " FROM axess_tenant t LEFT JOIN axess_scope ts ON ts.tenant_id = t.tenant_id AND ts.user_id = ? WHERE ",
            $condition
        )
    };
}

macro_rules! user_where {
    ($condition:literal) => {
        concat!("SELECT ", user_columns!(), " FROM axess_user u WHERE u.tenant_id = ? AND ", $condition)
    };
}

pub(super) const TENANT: &str = tenant_where!("t.tenant_id = ?");
pub(super) const TENANT_BY_SLUG: &str = tenant_where!("t.slug = ?");
pub(super) const USER: &str = user_where!("u.user_id = ?");
pub(super) const USER_BY_NAME: &str = user_where!("u.identifier = ?");
/// The oldest account, should several have proved the address.
pub(super) const USER_BY_EMAIL: &str =
    user_where!("u.email = ? AND u.email_verified = 1 ORDER BY u.user_id LIMIT 1");
pub(super) const USERS: &str = user_where!("u.user_id > ? ORDER BY u.user_id LIMIT ?");

pub(super) const METHODS: &str = "SELECT methods FROM axess_scope WHERE tenant_id = ? AND user_id = ?";
pub(super) const METHODS_FOR: &str = "SELECT methods FROM axess_scope
    WHERE tenant_id IN (?, ?) AND user_id IN (?, ?) AND methods IS NOT NULL
    ORDER BY user_id DESC, tenant_id DESC LIMIT 1";
pub(super) const LOCKOUT_FOR: &str = "SELECT lockout FROM axess_scope
    WHERE tenant_id IN (?, ?) AND user_id IN (?, ?) AND lockout IS NOT NULL
    ORDER BY user_id DESC, tenant_id DESC LIMIT 1";

/// A login's subject, with what only a reservation needs.
pub(super) struct Found {
    pub(super) subject: LoginSubject,
    pub(super) user_policy: Option<LockoutPolicy>,
    pub(super) global_policy: Option<LockoutPolicy>,
}

impl IdentityLookup for SqlBackend {
    async fn find_login(
        &self,
        tenant: TenantSlug,
        identifier: Identifier,
    ) -> Result<LoginSubject, StoreError> {
        Ok(self.find_subject(tenant, identifier).await?.subject)
    }

    async fn get_user(&self, tenant_id: TenantId, user_id: UserId) -> Result<Option<User>, StoreError> {
        self.user(tenant_id, USER, args![tenant_id, user_id]).await
    }

    async fn find_user(
        &self,
        tenant_id: TenantId,
        identifier: Identifier,
    ) -> Result<Option<User>, StoreError> {
        self.user(tenant_id, USER_BY_NAME, args![tenant_id, identifier]).await
    }

    async fn find_user_by_email(
        &self,
        tenant_id: TenantId,
        email: EmailAddress,
    ) -> Result<Option<User>, StoreError> {
        self.user(tenant_id, USER_BY_EMAIL, args![tenant_id, email]).await
    }

    async fn find_users(&self, tenant_id: TenantId, page: Page) -> Result<Vec<User>, StoreError> {
        let after = page.after.map(|user_id| user_id.as_uuid().as_bytes().to_vec()).unwrap_or_default();
        let rows = self.db.fetch_all(USERS, args![tenant_id, after, page.limit.min(MAX_PAGE)]).await?;
        rows.iter().map(|row| read_user(row, tenant_id)).collect()
    }

    async fn get_tenant(&self, tenant_id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.tenant(TENANT, args![NIL, tenant_id]).await
    }

    async fn find_tenant(&self, slug: TenantSlug) -> Result<Option<Tenant>, StoreError> {
        self.tenant(TENANT_BY_SLUG, args![NIL, slug]).await
    }

    async fn get_methods(&self, scope: AuthnScope) -> Result<Vec<Method>, StoreError> {
        let (tenant_id, user_id) = checked_scope(scope)?;
        let row = self.db.fetch_optional(METHODS, args![tenant_id, user_id]).await?;
        methods(row.as_ref())
    }

    async fn find_methods(&self, tenant_id: TenantId, user_id: UserId) -> Result<Vec<Method>, StoreError> {
        let row = self.db.fetch_optional(METHODS_FOR, args![NIL, tenant_id, NIL, user_id]).await?;
        methods(row.as_ref())
    }

    async fn find_lockout_policy(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
    ) -> Result<Option<LockoutPolicy>, StoreError> {
        let row = self.db.fetch_optional(LOCKOUT_FOR, args![NIL, tenant_id, NIL, user_id]).await?;
        row.map_or(Ok(None), |row| json::read(row.find("lockout")?, "lockout"))
    }
}

impl SqlBackend {
    pub(super) async fn find_subject(
        &self,
        slug: TenantSlug,
        identifier: Identifier,
    ) -> Result<Found, StoreError> {
        let row = self.db.fetch_optional(FIND_LOGIN, args![slug, identifier, NIL, NIL, NIL]).await?;
        let row = row.ok_or_else(|| StoreError::bare(StoreErrorKind::Backend))?;
        let tenant_id: Option<TenantId> = row.find("tenant_id")?;
        let read = tenant_id.map(|tenant_id| self.read_tenant(&row, tenant_id)).transpose()?;
        let user = match (tenant_id, row.find::<UserId>("user_id")?) {
            (Some(tenant_id), Some(_)) => Some(read_user(&row, tenant_id)?),
            _ => None,
        };
        let methods = methods(Some(&row))?;
        let user_policy = json::read(row.find("user_lockout")?, "lockout")?;
        let global_policy = json::read(row.find("global_lockout")?, "lockout")?;
        drop(row);
        let tenant = match read {
            Some((tenant, stale)) => Some(self.renewed(tenant, stale).await),
            None => None,
        };
        Ok(Found { subject: LoginSubject { tenant, user, methods }, user_policy, global_policy })
    }

    async fn user(
        &self,
        tenant_id: TenantId,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<User>, StoreError> {
        self.db.fetch_optional(sql, args).await?.map(|row| read_user(&row, tenant_id)).transpose()
    }

    async fn tenant(&self, sql: &'static str, args: Vec<Value>) -> Result<Option<Tenant>, StoreError> {
        let Some(row) = self.db.fetch_optional(sql, args).await? else { return Ok(None) };
        let (tenant, stale) = self.read_tenant(&row, row.get("tenant_id")?)?;
        drop(row);
        Ok(Some(self.renewed(tenant, stale).await))
    }

    /// Reads a tenant, and what its pepper is sealed in when that is stale.
    fn read_tenant(&self, row: &Row, tenant_id: TenantId) -> Result<(Tenant, Option<Vec<u8>>), StoreError> {
        let opened = self.sealing.open(&pepper_of(tenant_id).place, Sealed::read(row)?)?;
        let tenant = Tenant {
            tenant_id,
            slug: row.get("slug")?,
            status: row.get("tenant_status")?,
            display_name: row.get("tenant_name")?,
            fingerprint_pepper: opened.plain.to_vec().into(),
            lockout_policy: json::read(row.find("tenant_lockout")?, "lockout")?,
            device_retention_days: row.get("device_retention_days")?,
            created_at: row.get("tenant_created_at")?,
            suspended_at: row.find("suspended_at")?,
        };
        Ok((tenant, opened.stale))
    }

    async fn renewed(&self, tenant: Tenant, stale: Option<Vec<u8>>) -> Tenant {
        if let Some(old) = stale {
            let row = pepper_of(tenant.tenant_id);
            self.sealing.renew(&self.db, &PEPPERS, row, old, tenant.fingerprint_pepper.expose()).await;
        }
        tenant
    }
}

fn read_user(row: &Row, tenant_id: TenantId) -> Result<User, StoreError> {
    let user_id: UserId = row.get("user_id")?;
    let identifier = match row.find("identifier")? {
        Some(identifier) => identifier,
        None => tombstone(user_id)?,
    };
    Ok(User {
        user_id,
        tenant_id,
        identifier,
        display_name: row.find("display_name")?,
        email: row.find("email")?,
        email_verified: row.get("email_verified")?,
        status: row.get("user_status")?,
        created_at: row.get("user_created_at")?,
    })
}

/// Returns what the identifier of an erased account reads: reserved, so nobody can sign up as it.
fn tombstone(user_id: UserId) -> Result<Identifier, StoreError> {
    Identifier::parse(&format!("axess:erased:{user_id}"))
        .map_err(|error| StoreError::new(StoreErrorKind::Backend, error))
}

fn methods(row: Option<&Row>) -> Result<Vec<Method>, StoreError> {
    let json = row.map_or(Ok(None), |row| row.find("methods"))?;
    Ok(json::read(json, "methods")?.unwrap_or_default())
}
