mod statements;

use crate::db::{Db, Row, Tx, Value, args, corrupt, in_list, misuse, on_a_database, transaction};
use axess_core::{
    refresh::{RefreshToken, Successor, TokenHash},
    store::{
        IssueOutcome, Owner, RefreshTokenStore, RevokedTokens, RotateOutcome, SaveOutcome, StoreError,
        StoreErrorKind,
    },
};
use axess_identity::{DeviceId, RefreshTokenId, TenantId, TokenFamilyId, UserId};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use statements::{self as sql, Revocation};

/// The most characters of [`RefreshToken::device_info`].
const MAX_DEVICE_INFO_CHARS: usize = 256;
/// How many users of a tenant are read at a time.
const OWNERS_AT_ONCE: usize = 200;
/// How many evicted tokens are revoked at a time.
const EVICTED_AT_ONCE: usize = 200;

/// Keeps refresh tokens in a database.
///
/// Whoever changes tokens of a user holds one row of that user, so that such changes come one after another. Grants are
/// kept as JSON, times as microseconds.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-refresh-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::store::{Owner, RefreshTokenStore};
/// use axess_identity::{TenantId, UserId};
/// use axess_sql::{Db, SqlRefreshTokenStore};
/// let store = SqlRefreshTokenStore::new(Db::connect(&url).await.unwrap());
/// store.init_schema().await.unwrap();
/// let owner = Owner { tenant_id: TenantId::from_parts(0, [1; 10]), user_id: UserId::from_parts(0, [2; 10]) };
/// assert!(store.find_tokens_for_user(owner, chrono::DateTime::UNIX_EPOCH, 10).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlRefreshTokenStore {
    db: Db,
}

on_a_database!(SqlRefreshTokenStore);

impl SqlRefreshTokenStore {
    /// Revokes a set of one user's tokens; `of` names which, where the set needs it.
    async fn revoke(
        &self,
        owner: Owner,
        set: &Revocation,
        of: Vec<Value>,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        let set_args = [args![tenant_id, user_id], of].concat();
        transaction!(self.db, tx => {
            if !hold(tx, owner).await? {
                return Ok(RevokedTokens::default());
            }
            let tokens = tx.execute(set.revoke, [args![now, now], set_args.clone()].concat()).await?;
            tx.execute(set.forget, set_args.clone()).await?;
            let devices = tx.fetch_all(set.devices, set_args.clone()).await?;
            let devices = devices.iter().map(|row| row.get("device_id")).collect::<Result<_, _>>()?;
            Ok(RevokedTokens { tokens, devices })
        })
    }
}

impl RefreshTokenStore for SqlRefreshTokenStore {
    async fn load_token(&self, owner: Owner, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, id];
        self.db.fetch_optional(sql::LOAD, args).await?.map(|row| token(&row)).transpose()
    }

    async fn issue_with_eviction(
        &self,
        token: RefreshToken,
        max_per_user: usize,
    ) -> Result<IssueOutcome, StoreError> {
        let Owner { tenant_id, user_id } = token.owner;
        let (id, now) = (token.id, token.issued_at);
        let others = max_per_user.max(1) - 1;
        let columns = columns(token)?;
        transaction!(self.db, tx => {
            tx.execute(sql::HOLD_NEW, args![tenant_id, user_id]).await?;
            if tx.execute(sql::INSERT, columns.clone()).await? == 0 {
                return Ok(IssueOutcome::Conflict);
            }
            let surplus = tx.fetch_all(sql::SURPLUS, args![tenant_id, user_id, now, id, usize::MAX, others]).await?;
            // Read newest first, to skip those that stay.
            let evicted = surplus.iter().rev().map(|row| row.get("id"));
            let evicted = evicted.collect::<Result<Vec<RefreshTokenId>, _>>()?;
            for some in evicted.chunks(EVICTED_AT_ONCE) {
                let mut args = args![now, tenant_id, user_id];
                some.iter().for_each(|id| args.extend(args![*id]));
                tx.execute(format!("{} {}", sql::EVICT, in_list(some.len())), args).await?;
            }
            Ok(IssueOutcome::Issued { evicted })
        })
    }

    async fn rotate_token(
        &self,
        current: RefreshTokenId,
        successor: RefreshToken,
        sealed: Bytes,
    ) -> Result<RotateOutcome, StoreError> {
        let Owner { tenant_id, user_id } = successor.owner;
        let (id, family_id, now) = (successor.id, successor.family_id, successor.issued_at);
        let columns = columns(successor)?;
        transaction!(self.db, tx => {
            if !hold(tx, Owner { tenant_id, user_id }).await? {
                return Ok(RotateOutcome::NotActive);
            }
            if tx.execute(sql::INSERT, columns.clone()).await? == 0 {
                return Ok(RotateOutcome::NotActive);
            }
            let args = args![now, id, sealed.clone(), tenant_id, user_id, current, family_id, now];
            if tx.execute(sql::ROTATE, args).await? == 0 {
                tx.execute(sql::DELETE, args![tenant_id, user_id, id]).await?;
                return Ok(RotateOutcome::NotActive);
            }
            Ok(RotateOutcome::Rotated)
        })
    }

    async fn take_successor(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Successor>, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        transaction!(self.db, tx => {
            if !hold(tx, owner).await? {
                return Ok(None);
            }
            let found = tx.fetch_optional(sql::SUCCESSOR, args![now, tenant_id, user_id, id]).await?;
            let Some(found) = found else { return Ok(None) };
            tx.execute(sql::TAKE_SUCCESSOR, args![tenant_id, user_id, id]).await?;
            match found.find::<RefreshTokenId>("active_id")? {
                Some(id) => Ok(Some(Successor { id, sealed: found.get("successor")? })),
                None => Ok(None),
            }
        })
    }

    async fn extend_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        hash: TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<SaveOutcome, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        let hash = hash.as_str().to_owned();
        transaction!(self.db, tx => {
            if !hold(tx, owner).await? {
                return Ok(SaveOutcome::Conflict);
            }
            let args = args![hash.clone(), expires_at, tenant_id, user_id, id, now];
            match tx.execute(sql::EXTEND, args).await? {
                0 => Ok(SaveOutcome::Conflict),
                _ => Ok(SaveOutcome::Saved),
            }
        })
    }

    async fn revoke_token(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, &sql::ONE, args![id], now).await
    }

    async fn revoke_family(
        &self,
        owner: Owner,
        family_id: TokenFamilyId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, &sql::FAMILY, args![family_id], now).await
    }

    async fn revoke_for_device(
        &self,
        owner: Owner,
        device_id: DeviceId,
        now: DateTime<Utc>,
    ) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, &sql::DEVICE, args![device_id], now).await
    }

    async fn revoke_for_user(&self, owner: Owner, now: DateTime<Utc>) -> Result<RevokedTokens, StoreError> {
        self.revoke(owner, &sql::ALL, args![], now).await
    }

    async fn revoke_for_tenant(&self, tenant_id: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let (mut after, mut tokens) = (Vec::new(), 0);
        loop {
            let rows = self.db.fetch_all(sql::OWNERS, args![tenant_id, after, now, OWNERS_AT_ONCE]).await?;
            let users = rows.iter().map(|row| row.get("user_id")).collect::<Result<Vec<UserId>, _>>()?;
            for user_id in &users {
                let owner = Owner { tenant_id, user_id: *user_id };
                tokens += self.revoke_for_user(owner, now).await?.tokens;
            }
            match users.last() {
                Some(last) if users.len() == OWNERS_AT_ONCE => after = last.as_uuid().as_bytes().to_vec(),
                _ => return Ok(tokens),
            }
        }
    }

    async fn find_tokens_for_user(
        &self,
        owner: Owner,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<RefreshToken>, StoreError> {
        let args = args![owner.tenant_id, owner.user_id, now, limit];
        self.db.fetch_all(sql::FIND_ACTIVE, args).await?.iter().map(token).collect()
    }

    async fn delete_for_user(&self, owner: Owner) -> Result<u64, StoreError> {
        let Owner { tenant_id, user_id } = owner;
        transaction!(self.db, tx => {
            if !hold(tx, owner).await? {
                return Ok(0);
            }
            let deleted = tx.execute(sql::DELETE_ALL, args![tenant_id, user_id]).await?;
            tx.execute(sql::DELETE_OWNER, args![tenant_id, user_id]).await?;
            Ok(deleted)
        })
    }

    async fn cleanup_expired(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        transaction!(self.db, tx => { tx.execute(sql::CLEANUP, args![now, limit]).await })
    }
}

/// Takes the row all changes to one user's tokens go through; `false` when the user never had a token.
async fn hold(tx: &mut Tx, owner: Owner) -> Result<bool, StoreError> {
    Ok(tx.fetch_optional(sql::HOLD, args![owner.tenant_id, owner.user_id]).await?.is_some())
}

fn columns(token: RefreshToken) -> Result<Vec<Value>, StoreError> {
    if token.device_info.as_ref().is_some_and(|info| info.chars().count() > MAX_DEVICE_INFO_CHARS) {
        return Err(misuse("a token's device is described in at most 256 characters"));
    }
    let proof = serde_json::to_string(&token.grant);
    let proof = proof.map_err(|error| StoreError::new(StoreErrorKind::Misuse, error))?;
    let (successor_id, successor) = token.successor.map(|next| (next.id, next.sealed)).unzip();
    Ok(args![
        token.owner.tenant_id,
        token.owner.user_id,
        token.id,
        token.family_id,
        token.token_hash.as_str().to_owned(),
        proof,
        token.device_id,
        token.device_info,
        token.issued_at,
        token.expires_at,
        token.rotated_at,
        token.revoked_at,
        successor_id,
        successor,
    ])
}

fn token(row: &Row) -> Result<RefreshToken, StoreError> {
    let successor = row.find("successor_id")?.zip(row.find("successor")?);
    let proof: String = row.get("proof")?;
    Ok(RefreshToken {
        id: row.get("id")?,
        owner: row.owner()?,
        family_id: row.get("family_id")?,
        token_hash: TokenHash::new(row.get::<String>("token_hash")?).ok_or_else(|| corrupt("token_hash"))?,
        grant: serde_json::from_str(&proof)
            .map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?,
        device_id: row.find("device_id")?,
        device_info: row.find("device_info")?,
        issued_at: row.get("issued_at")?,
        expires_at: row.get("expires_at")?,
        rotated_at: row.find("rotated_at")?,
        revoked_at: row.find("revoked_at")?,
        successor: successor.map(|(id, sealed)| Successor { id, sealed }),
    })
}
