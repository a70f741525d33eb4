//! Every statement on refresh tokens. `revoked_at IS NULL AND rotated_at IS NULL AND expires_at > now` is what active means.

/// The statements that revoke one set of a user's tokens.
pub(super) struct Revocation {
    /// Ends those that are active.
    pub(super) revoke: &'static str,
    /// Forgets what they were exchanged for.
    pub(super) forget: &'static str,
    /// Lists the devices any of them is bound to.
    pub(super) devices: &'static str,
}

macro_rules! revocation {
    ($set:literal) => {
        Revocation {
            revoke: concat!(
                "UPDATE axess_refresh_token SET revoked_at = ?
                 WHERE rotated_at IS NULL AND revoked_at IS NULL AND expires_at > ? AND ",
                $set
            ),
            forget: concat!(
                "UPDATE axess_refresh_token SET successor_id = NULL, successor = NULL
                 WHERE successor_id IS NOT NULL AND ",
                $set
            ),
            devices: concat!(
                "SELECT DISTINCT device_id FROM axess_refresh_token WHERE device_id IS NOT NULL AND ",
                $set,
                " ORDER BY device_id"
            ),
        }
    };
}

pub(super) const ONE: Revocation = revocation!("tenant_id = ? AND user_id = ? AND id = ?");
pub(super) const FAMILY: Revocation = revocation!("tenant_id = ? AND user_id = ? AND family_id = ?");
pub(super) const DEVICE: Revocation = revocation!("tenant_id = ? AND user_id = ? AND device_id = ?");
pub(super) const ALL: Revocation = revocation!("tenant_id = ? AND user_id = ?");

pub(super) const HOLD: &str =
    "SELECT user_id FROM axess_refresh_owner WHERE tenant_id = ? AND user_id = ? {lock}";

/// An update that changes nothing takes the lock at once; to insert what is missing and lock it afterwards lets two callers
/// of a MySQL server wait for each other.
pub(super) const HOLD_NEW: &str = "INSERT INTO axess_refresh_owner (tenant_id, user_id) VALUES (?, ?)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET user_id = excluded.user_id";

pub(super) const OWNERS: &str = "SELECT owner.user_id FROM axess_refresh_owner AS owner
    WHERE owner.tenant_id = ? AND owner.user_id > ? AND EXISTS (
        SELECT 1 FROM axess_refresh_token AS token
        WHERE token.tenant_id = owner.tenant_id AND token.user_id = owner.user_id
        AND token.rotated_at IS NULL AND token.revoked_at IS NULL AND token.expires_at > ?)
    ORDER BY owner.user_id LIMIT ?";

pub(super) const DELETE_OWNER: &str = "DELETE FROM axess_refresh_owner WHERE tenant_id = ? AND user_id = ?";

pub(super) const LOAD: &str =
    "SELECT tenant_id, user_id, id, family_id, token_hash, proof, device_id, device_info,
    issued_at, expires_at, rotated_at, revoked_at, successor_id, successor
    FROM axess_refresh_token WHERE tenant_id = ? AND user_id = ? AND id = ?";

pub(super) const FIND_ACTIVE: &str =
    "SELECT tenant_id, user_id, id, family_id, token_hash, proof, device_id, device_info,
    issued_at, expires_at, rotated_at, revoked_at, successor_id, successor
    FROM axess_refresh_token
    WHERE tenant_id = ? AND user_id = ? AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > ?
    ORDER BY issued_at DESC, id DESC LIMIT ?";

pub(super) const INSERT: &str =
    "INSERT INTO axess_refresh_token (tenant_id, user_id, id, family_id, token_hash, proof, device_id, device_info,
    issued_at, expires_at, rotated_at, revoked_at, successor_id, successor)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

pub(super) const SURPLUS: &str = "SELECT id FROM axess_refresh_token
    WHERE tenant_id = ? AND user_id = ? AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > ? AND id <> ?
    ORDER BY issued_at DESC, id DESC LIMIT ? OFFSET ?";

/// Ends with a list of ids.
pub(super) const EVICT: &str =
    "UPDATE axess_refresh_token SET revoked_at = ? WHERE tenant_id = ? AND user_id = ? AND id IN";

pub(super) const ROTATE: &str =
    "UPDATE axess_refresh_token SET rotated_at = ?, successor_id = ?, successor = ?
    WHERE tenant_id = ? AND user_id = ? AND id = ? AND family_id = ?
    AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > ?";

pub(super) const DELETE: &str =
    "DELETE FROM axess_refresh_token WHERE tenant_id = ? AND user_id = ? AND id = ?";

pub(super) const DELETE_ALL: &str = "DELETE FROM axess_refresh_token WHERE tenant_id = ? AND user_id = ?";

pub(super) const SUCCESSOR: &str = "SELECT token.successor, active.id AS active_id
    FROM axess_refresh_token AS token LEFT JOIN axess_refresh_token AS active
    ON active.tenant_id = token.tenant_id AND active.user_id = token.user_id AND active.id = token.successor_id
    AND active.rotated_at IS NULL AND active.revoked_at IS NULL AND active.expires_at > ?
    WHERE token.tenant_id = ? AND token.user_id = ? AND token.id = ? AND token.successor_id IS NOT NULL";

pub(super) const TAKE_SUCCESSOR: &str = "UPDATE axess_refresh_token SET successor_id = NULL, successor = NULL
    WHERE tenant_id = ? AND user_id = ? AND id = ?";

pub(super) const EXTEND: &str = "UPDATE axess_refresh_token SET token_hash = ?, expires_at = ?
    WHERE tenant_id = ? AND user_id = ? AND id = ?
    AND rotated_at IS NULL AND revoked_at IS NULL AND expires_at > ?";

pub(super) const CLEANUP: &str = "DELETE FROM axess_refresh_token WHERE expires_at <= ?
    {first tenant_id, user_id, id FROM axess_refresh_token ORDER BY expires_at LIMIT ?}";

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let evict = format!("{EVICT} (?, ?)");
        let mut statements = vec![
            HOLD,
            HOLD_NEW,
            OWNERS,
            DELETE_OWNER,
            LOAD,
            FIND_ACTIVE,
            INSERT,
            SURPLUS,
            &evict,
            ROTATE,
            DELETE,
            DELETE_ALL,
            SUCCESSOR,
            TAKE_SUCCESSOR,
            EXTEND,
            CLEANUP,
        ];
        for Revocation { revoke, forget, devices } in [ONE, FAMILY, DEVICE, ALL] {
            statements.extend([revoke, forget, devices]);
        }
        crate::plans::check(&statements).await;
    }
}
