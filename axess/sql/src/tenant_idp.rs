//! The identity providers of tenants.

use crate::{
    SchemaError,
    db::{Db, Row, args, corrupt, misuse},
    sealing::{Located, Sealed, SealedTable, Sealing, place},
};
use axess_core::{
    envelope::Envelope,
    store::{Expected, IdpProtocol, SaveOutcome, StoreError, Stored, TenantIdp, TenantIdpStore},
};
use axess_identity::{ProviderName, TenantId, TokenSecret};
use axess_rng::SecureRng;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The most bytes an issuer has.
const MAX_ISSUER: usize = 512;
/// The most bytes of JSON settings have.
const MAX_SETTINGS: usize = 64 * 1024;
/// The most providers of one tenant that are listed.
const MAX_LISTED: usize = 1_000;

macro_rules! columns {
    () => {
        "tenant_id, name, version, protocol, issuer, settings, secret AS sealed, key_id, enabled"
    };
}

const SECRETS: SealedTable = SealedTable {
    between: concat!(
        "SELECT ",
        columns!(),
        " FROM axess_tenant_idp WHERE key_id > ? AND key_id < ? ORDER BY key_id, tenant_id, name LIMIT ? OFFSET ?"
    ),
    replace: "UPDATE axess_tenant_idp SET secret = ?, key_id = ? WHERE tenant_id = ? AND name = ? AND secret = ?",
    locate: |row: &Row| {
        let (tenant_id, name) = (row.get("tenant_id")?, row.get::<ProviderName>("name")?);
        let (issuer, settings) = (row.get::<String>("issuer")?, row.get::<String>("settings")?);
        let place = place_of(tenant_id, &name, row.get("protocol")?, &issuer, &settings);
        Ok(Located { place, key: args![tenant_id, name] })
    },
};

const GET: &str = concat!("SELECT ", columns!(), " FROM axess_tenant_idp WHERE tenant_id = ? AND name = ?");

const LIST: &str = concat!("SELECT ", columns!(), " FROM axess_tenant_idp WHERE tenant_id = ? LIMIT ?");

const INSERT: &str = "INSERT INTO axess_tenant_idp (protocol, issuer, settings, secret, key_id, enabled, tenant_id, name, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING";

const UPDATE: &str = "UPDATE axess_tenant_idp
    SET protocol = ?, issuer = ?, settings = ?, secret = ?, key_id = ?, enabled = ?, version = version + 1
    WHERE tenant_id = ? AND name = ? AND version = ?";

const OVERWRITE: &str = "INSERT INTO axess_tenant_idp (protocol, issuer, settings, secret, key_id, enabled, tenant_id, name, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (tenant_id, name) DO UPDATE SET
        protocol = excluded.protocol, issuer = excluded.issuer, settings = excluded.settings, secret = excluded.secret,
        key_id = excluded.key_id, enabled = excluded.enabled, version = axess_tenant_idp.version + 1";

const DELETE: &str = "DELETE FROM axess_tenant_idp WHERE tenant_id = ? AND name = ?";

/// Keeps the identity providers of tenants in a database.
///
/// A provider's secret is sealed for its row and for where it is sent: it does not open beside another protocol, issuer or
/// settings than it was stored with. With [`Envelope::with_previous_key`] the key can be rotated at any time: a secret is
/// sealed again when it is read, and [`SqlTenantIdpStore::reseal`] does the rest. At most 1000 providers are listed.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("axess-doc-idps-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let url = format!("sqlite:{}", folder.join("app.db").display());
/// use axess_core::{envelope::Envelope, store::TenantIdpStore};
/// use axess_identity::TenantId;
/// use axess_sql::{Db, SqlTenantIdpStore};
/// let envelope = Envelope::new([7u8; 32]).unwrap(); // from your secret manager
/// let store = SqlTenantIdpStore::new(Db::connect(&url).await.unwrap(), envelope);
/// store.init_schema().await.unwrap();
/// assert!(store.find_idps(TenantId::from_parts(0, [1; 10])).await.unwrap().is_empty());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct SqlTenantIdpStore {
    db: Db,
    sealing: Sealing,
}

impl SqlTenantIdpStore {
    /// Creates a store on a database, or on a pool of one, that seals secrets with `envelope`.
    pub fn new(db: impl Into<Db>, envelope: Envelope) -> Self {
        Self { db: db.into(), sealing: Sealing::under(envelope) }
    }

    /// Creates a store that keeps secrets as they are.
    ///
    /// Whoever reads the database, or a backup of it, can read them. What one kind of store has written the other refuses to read.
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
    /// [`StoreErrorKind::Corrupt`](axess_core::store::StoreErrorKind::Corrupt) when all that is left cannot be opened, for want of its key or because it was tampered
    /// with; else as the database fails.
    pub async fn reseal(&self, limit: usize) -> Result<u64, StoreError> {
        self.sealing.renew_all(&self.db, &SECRETS, limit).await
    }

    fn read(&self, row: &Row) -> Result<(Stored<TenantIdp>, Option<Renewal>), StoreError> {
        let located = (SECRETS.locate)(row)?;
        let settings: String = row.get("settings")?;
        let mut idp = TenantIdp {
            tenant_id: row.get("tenant_id")?,
            name: row.get("name")?,
            protocol: row.get("protocol")?,
            issuer: row.get("issuer")?,
            settings: serde_json::from_str(&settings).map_err(|_| corrupt("settings"))?,
            secret: None,
            enabled: row.get("enabled")?,
        };
        let mut renewal = None;
        if row.find::<Vec<u8>>("sealed")?.is_some() {
            let opened = self.sealing.open(&located.place, Sealed::read(row)?)?;
            let text = std::str::from_utf8(&opened.plain).map_err(|_| corrupt("sealed"))?;
            idp.secret = Some(TokenSecret::from(text));
            renewal = opened.stale.map(|old| Renewal { located, old, plain: opened.plain });
        }
        Ok((Stored { value: idp, version: row.get("version")? }, renewal))
    }

    async fn renew(&self, renewal: Option<Renewal>) {
        if let Some(Renewal { located, old, plain }) = renewal {
            self.sealing.renew(&self.db, &SECRETS, located, old, &plain).await;
        }
    }
}

/// A secret that was found under an old key.
struct Renewal {
    located: Located,
    old: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
}

impl TenantIdpStore for SqlTenantIdpStore {
    async fn get_idp(
        &self,
        tenant_id: TenantId,
        name: ProviderName,
    ) -> Result<Option<Stored<TenantIdp>>, StoreError> {
        let Some(row) = self.db.fetch_optional(GET, args![tenant_id, name]).await? else { return Ok(None) };
        let (idp, renewal) = self.read(&row)?;
        drop(row);
        self.renew(renewal).await;
        Ok(Some(idp))
    }

    async fn find_idps(&self, tenant_id: TenantId) -> Result<Vec<Stored<TenantIdp>>, StoreError> {
        let rows = self.db.fetch_all(LIST, args![tenant_id, MAX_LISTED]).await?;
        let read = rows.iter().map(|row| self.read(row)).collect::<Result<Vec<_>, _>>()?;
        drop(rows);
        let mut idps = Vec::with_capacity(read.len());
        for (idp, renewal) in read {
            self.renew(renewal).await;
            idps.push(idp);
        }
        // Databases differ in how they sort text.
        idps.sort_by(|a, b| a.value.name.cmp(&b.value.name));
        Ok(idps)
    }

    async fn save_idp(&self, idp: TenantIdp, expected: Expected) -> Result<SaveOutcome, StoreError> {
        if idp.issuer.len() > MAX_ISSUER || idp.issuer.contains('\0') {
            return Err(misuse("an issuer has at most 512 bytes and no NUL"));
        }
        let settings = idp.settings.to_string();
        if settings.len() > MAX_SETTINGS {
            return Err(misuse("a provider's settings have at most 64 KiB of JSON"));
        }
        let place = place_of(idp.tenant_id, &idp.name, idp.protocol, &idp.issuer, &settings);
        let seal = |secret: &TokenSecret| self.sealing.seal(&place, secret.expose().as_bytes());
        let sealed = idp.secret.as_ref().map(seal).transpose()?;
        let key_id = sealed.as_ref().and_then(|sealed| sealed.key_id);
        let secret = sealed.map(|sealed| sealed.bytes);
        let mut args =
            args![idp.protocol, idp.issuer, settings, secret, key_id, idp.enabled, idp.tenant_id, idp.name];
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

    async fn delete_idp(&self, tenant_id: TenantId, name: ProviderName) -> Result<bool, StoreError> {
        Ok(self.db.execute(DELETE, args![tenant_id, name]).await? > 0)
    }
}

fn place_of(
    tenant_id: TenantId,
    name: &ProviderName,
    protocol: IdpProtocol,
    issuer: &str,
    settings: &str,
) -> Vec<u8> {
    let tenant = tenant_id.as_uuid();
    let parts = [tenant.as_bytes(), name.as_str().as_bytes(), protocol.as_str().as_bytes()];
    let parts = parts.into_iter().chain([issuer.as_bytes(), settings.as_bytes()]);
    place("axess_tenant_idp", &parts.collect::<Vec<_>>())
}

/// Every statement that finds rows.
#[cfg(all(test, feature = "sqlite"))]
pub(crate) const STATEMENTS: &[&str] =
    &[SECRETS.between, SECRETS.replace, GET, LIST, UPDATE, OVERWRITE, DELETE];
