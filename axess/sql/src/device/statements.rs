//! Every statement on devices.

pub(super) const LOAD: &str = "SELECT tenant_id, user_id, device_id, trust_level, fingerprint, display_name,
    first_seen_at, last_seen_at, trusted_at, demoted_at, revoked_at
    FROM axess_device WHERE tenant_id = ? AND user_id = ? AND device_id = ?";

pub(super) const FIND_LIVE: &str =
    "SELECT tenant_id, user_id, device_id, trust_level, fingerprint, display_name,
    first_seen_at, last_seen_at, trusted_at, demoted_at, revoked_at
    FROM axess_device WHERE tenant_id = ? AND user_id = ? AND live_fingerprint = ?";

pub(super) const FIND_FOR_USER: &str =
    "SELECT tenant_id, user_id, device_id, trust_level, fingerprint, display_name,
    first_seen_at, last_seen_at, trusted_at, demoted_at, revoked_at
    FROM axess_device WHERE tenant_id = ? AND user_id = ? ORDER BY last_seen_at DESC, device_id LIMIT ?";

pub(super) const INSERT: &str =
    "INSERT INTO axess_device (tenant_id, user_id, device_id, trust_level, fingerprint,
    live_fingerprint, display_name, first_seen_at, last_seen_at, trusted_at, demoted_at, revoked_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

pub(super) const SIGHT: &str = "UPDATE axess_device SET last_seen_at = ?
    WHERE tenant_id = ? AND user_id = ? AND device_id = ? AND last_seen_at < ?";

pub(super) const RENAME: &str =
    "UPDATE axess_device SET display_name = ? WHERE tenant_id = ? AND user_id = ? AND device_id = ?";

pub(super) const LOCK_LEVEL: &str =
    "SELECT trust_level FROM axess_device WHERE tenant_id = ? AND user_id = ? AND device_id = ? {lock}";

pub(super) const SET_LEVEL: &str =
    "UPDATE axess_device SET trust_level = ? WHERE tenant_id = ? AND user_id = ? AND device_id = ?";

pub(super) const TRUST: &str =
    "UPDATE axess_device SET trust_level = 'trusted', trusted_at = ?, demoted_at = NULL
    WHERE tenant_id = ? AND user_id = ? AND device_id = ?";

pub(super) const REVOKE: &str =
    "UPDATE axess_device SET trust_level = 'revoked', revoked_at = ?, trusted_at = NULL,
    live_fingerprint = NULL
    WHERE tenant_id = ? AND user_id = ? AND device_id = ?";

pub(super) const DELETE_FOR_USER: &str = "DELETE FROM axess_device WHERE tenant_id = ? AND user_id = ?";

/// The user up to whom a batch of a tenant's devices goes.
pub(super) const BATCH_END: &str =
    "SELECT user_id FROM axess_device WHERE tenant_id = ? ORDER BY user_id LIMIT 1 OFFSET ?";

pub(super) const DELETE_BATCH: &str = "DELETE FROM axess_device WHERE tenant_id = ? AND user_id <= ?";

pub(super) const DELETE_FOR_TENANT: &str = "DELETE FROM axess_device WHERE tenant_id = ?";

/// The devices `DeviceRetention::verdict` does not keep: trusted, others, revoked, revoked at an unknown time.
pub(super) const DUE: &str = "SELECT user_id, device_id FROM axess_device
        WHERE tenant_id = ? AND trust_level = 'trusted' AND last_seen_at <= ?
    UNION ALL SELECT user_id, device_id FROM axess_device
        WHERE tenant_id = ? AND trust_level IN ('unknown', 'seen') AND last_seen_at <= ?
        AND (demoted_at IS NULL OR demoted_at <= ?)
    UNION ALL SELECT user_id, device_id FROM axess_device
        WHERE tenant_id = ? AND trust_level = 'revoked' AND revoked_at <= ?
    UNION ALL SELECT user_id, device_id FROM axess_device
        WHERE tenant_id = ? AND trust_level = 'revoked' AND revoked_at IS NULL AND last_seen_at <= ?
        AND (demoted_at IS NULL OR demoted_at <= ?)
    LIMIT ?";

/// Reads `devices` of one tenant, named by user and device, and locks them.
pub(super) fn lock_these(devices: usize) -> String {
    format!(
        "SELECT tenant_id, user_id, device_id, trust_level, fingerprint, display_name,
        first_seen_at, last_seen_at, trusted_at, demoted_at, revoked_at
        FROM axess_device WHERE {} ORDER BY tenant_id, user_id, device_id {{lock}}",
        these(devices)
    )
}

/// Takes the trust of `devices` away.
pub(super) fn demote_these(devices: usize) -> String {
    format!(
        "UPDATE axess_device SET trust_level = 'seen', trusted_at = NULL, demoted_at = ? WHERE {}",
        these(devices)
    )
}

/// Deletes `devices`.
pub(super) fn delete_these(devices: usize) -> String {
    format!("DELETE FROM axess_device WHERE {}", these(devices))
}

/// Names devices by tenant, user and device; a list of tuples is not spelled the same everywhere.
fn these(devices: usize) -> String {
    vec!["(tenant_id = ? AND user_id = ? AND device_id = ?)"; devices].join(" OR ")
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let (lock, demote, delete) = (lock_these(3), demote_these(3), delete_these(3));
        let statements = [
            LOAD,
            FIND_LIVE,
            FIND_FOR_USER,
            INSERT,
            SIGHT,
            RENAME,
            LOCK_LEVEL,
            SET_LEVEL,
            TRUST,
            REVOKE,
            DELETE_FOR_USER,
            BATCH_END,
            DELETE_BATCH,
            DELETE_FOR_TENANT,
            DUE,
            &lock,
            &demote,
            &delete,
        ];
        // SQLite has no row locks, and its plans have no word for them.
        let statements = statements.map(|sql| sql.replace(" {lock}", ""));
        crate::plans::check(&statements.each_ref().map(String::as_str)).await;
    }
}
