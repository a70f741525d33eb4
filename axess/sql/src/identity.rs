//! Tenants, accounts, attempts and what users enrolled.

mod admin;
mod attempts;
mod column;
mod counter;
mod lookup;
#[cfg(all(test, feature = "sqlite"))]
mod plans;
mod scope;

use crate::{
    SchemaError,
    db::{Db, Row, misuse},
    factor,
    sealing::{Located, SealedTable, Sealing, place},
};
use axess_core::{envelope::Envelope, store::StoreError};
use axess_identity::{TenantId, UserId};
use axess_rng::SecureRng;
use std::sync::Arc;

pub(crate) use scope::{NIL, checked_scope, json};

/// The most rows one page returns.
const MAX_PAGE: usize = 1_000;

/// Where tenants keep their secret.
const PEPPERS: SealedTable = SealedTable {
    between: "SELECT tenant_id, pepper AS sealed, key_id FROM axess_tenant WHERE key_id > ? AND key_id < ?
              ORDER BY key_id, tenant_id LIMIT ? OFFSET ?",
    replace: "UPDATE axess_tenant SET pepper = ?, key_id = ? WHERE tenant_id = ? AND pepper = ?",
    locate: |row: &Row| Ok(pepper_of(row.get("tenant_id")?)),
};

/// Keeps tenants, accounts, attempts and what users enrolled in a database.
///
/// It is one type for both the identity and the factor store.
///
/// What users enrolled and the tenants' fingerprint peppers are sealed, each for its own row: moved to another account or
/// factor they do not open. With [`Envelope::with_previous_key`] the key can be rotated at any time: a secret is sealed
/// again when it is read, and [`SqlBackend::reseal`] does the rest.
///
/// - Names for people have at most 4 KiB, and the JSON of a scope's settings at most 64 KiB; pages at most 1000 rows.
/// - The nil id stands for "all tenants" or "all users" in a table and is refused as an id of either.
/// - An account that is erased has no name, so its identifier reads `axess:erased:` and its id.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-backend-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::{authn::{AuthnScope, Method}, envelope::Envelope, store::{IdentityAdmin, IdentityLookup}};
/// use axess_sql::{Db, SqlBackend};
/// let envelope = Envelope::new([7u8; 32]).unwrap(); // from your secret manager
/// let backend = SqlBackend::new(Db::connect(&url).await.unwrap(), envelope);
/// backend.init_schema().await.unwrap();
/// backend.save_methods(AuthnScope::Global, vec![Method::password()]).await.unwrap();
/// assert_eq!(backend.get_methods(AuthnScope::Global).await.unwrap().len(), 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlBackend {
    pub(crate) db: Db,
    pub(crate) sealing: Sealing,
}

impl SqlBackend {
    /// Creates a backend on a database, or on a pool of one, that seals secrets with `envelope`.
    pub fn new(db: impl Into<Db>, envelope: Envelope) -> Self {
        Self { db: db.into(), sealing: Sealing::under(envelope) }
    }

    /// Creates a backend that keeps secrets as they are.
    ///
    /// Whoever reads the database, or a backup of it, then has every user's one-time-code seed: for development, and for
    /// databases that are encrypted as a whole. What one kind of backend has written the other refuses to read.
    pub fn without_encryption(db: impl Into<Db>) -> Self {
        Self { db: db.into(), sealing: Sealing::none() }
    }

    /// Draws nonces from `rng` instead of the operating system.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn SecureRng>) -> Self {
        self.sealing.set_rng(rng);
        self
    }

    /// Creates the tables, or brings them up to date: see [`Db::migrate`].
    ///
    /// # Errors
    ///
    /// [`SchemaError`].
    pub async fn init_schema(&self) -> Result<(), SchemaError> {
        self.db.migrate().await
    }

    /// Seals up to `limit` secrets again that are under another key than the current one, and returns how many.
    ///
    /// Once it returns 0 the old keys can be retired.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`](axess_core::store::StoreErrorKind::Corrupt) when all that is left cannot be opened, for
    /// want of its key or because it was tampered with; else as the database fails.
    pub async fn reseal(&self, limit: usize) -> Result<u64, StoreError> {
        let peppers = self.sealing.renew_all(&self.db, &PEPPERS, limit).await;
        let done = peppers.as_ref().map_or(0, |n| usize::try_from(*n).unwrap_or(usize::MAX));
        let records = self.sealing.renew_all(&self.db, &factor::RECORDS, limit.saturating_sub(done)).await;
        match (peppers, records) {
            (Ok(peppers), Ok(records)) => Ok(peppers + records),
            // What cannot be opened in one table does not keep the other from being finished.
            (Ok(some @ 1..), Err(_)) | (Err(_), Ok(some @ 1..)) => Ok(some),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

fn pepper_of(tenant_id: TenantId) -> Located {
    let key = crate::db::args![tenant_id];
    Located { place: place("axess_tenant", &[tenant_id.as_uuid().as_bytes()]), key }
}

/// Refuses the id that stands for all tenants.
fn one_tenant(tenant_id: TenantId) -> Result<(), StoreError> {
    if tenant_id.as_uuid().is_nil() { Err(misuse("the nil id names no tenant")) } else { Ok(()) }
}

/// Refuses the id that stands for all users.
fn one_user(user_id: UserId) -> Result<(), StoreError> {
    if user_id.as_uuid().is_nil() { Err(misuse("the nil id names no user")) } else { Ok(()) }
}
