//! What is configured per scope, as JSON.

use super::{one_tenant, one_user};
use crate::db::{corrupt, misuse};
use axess_core::{
    authn::{AuthnScope, ScopeColumns},
    store::StoreError,
};
use axess_identity::{TenantId, UserId};
use uuid::Uuid;

/// Stands for "all of them" in a scope's columns.
pub(crate) const NIL: [u8; 16] = [0; 16];

/// The most bytes of JSON.
const MAX_JSON: usize = 64 * 1024;

/// Returns the two columns of a scope.
pub(crate) fn checked_scope(scope: AuthnScope) -> Result<(TenantId, UserId), StoreError> {
    let ScopeColumns { tenant_id, user_id } = scope.into();
    tenant_id.map_or(Ok(()), one_tenant)?;
    user_id.map_or(Ok(()), one_user)?;
    let (all_tenants, all_users) = (TenantId::from_uuid(Uuid::nil()), UserId::from_uuid(Uuid::nil()));
    Ok((tenant_id.unwrap_or(all_tenants), user_id.unwrap_or(all_users)))
}

/// Writes and reads settings.
pub(crate) mod json {
    use super::{MAX_JSON, StoreError, corrupt, misuse};
    use serde::{Serialize, de::DeserializeOwned};

    pub(crate) fn write(value: &impl Serialize) -> Result<String, StoreError> {
        let json =
            serde_json::to_string(value).map_err(|_| misuse("these settings cannot be written as JSON"))?;
        if json.len() > MAX_JSON {
            return Err(misuse("settings have at most 64 KiB of JSON"));
        }
        Ok(json)
    }

    pub(crate) fn read<T: DeserializeOwned>(
        json: Option<String>,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        json.map(|json| serde_json::from_str(&json).map_err(|_| corrupt(column))).transpose()
    }
}
