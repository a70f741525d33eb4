//! SQLite, PostgreSQL and MySQL/MariaDB stores: the storage traits of axess-core on a database.
//!
//! Does not know about: HTTP, what a session means, how secrets are checked.
//!
//! Everything stands on one [`Db`]: a pool of one of the three databases, with one time limit for every call. Each store
//! is written once; what the databases spell differently is in `db/statement.rs`. Times are UTC microseconds in integer
//! columns and ids are bytes, so that no server or session setting can reinterpret them.
//!
//! | Store | Trait |
//! |---|---|
//! | [`SqlSessionStore`], [`SqlSessionRegistry`] | `SessionStore`, `SessionRegistry` |
//! | [`SqlBackend`] | `IdentityLookup`, `IdentityAuthnLog`, `IdentityAdmin`, `FactorStore` |
//! | [`SqlTenantIdpStore`] | `TenantIdpStore` |
//! | [`SqlAuditStore`], [`SqlAuditOutbox`] | `AuditStore`, `AuditOutbox` |
//! | [`SqlRefreshTokenStore`] | `RefreshTokenStore` |
//! | [`SqlDeviceStore`] | `DeviceStore` |
//! | [`SqlDelegatedCredentialStore`] | `DelegatedCredentialStore` |
//! | [`SqlSidStore`] | `SidStore` |
//! | [`SqlFederatedLinkStore`] | `FederatedLinkStore` |
//! | [`SqlJtiReplayStore`] | `JtiReplayStore` |
//! | [`SqlRateLimitBuckets`] | `RateLimitBuckets` |
//! | [`SqlLeaderLock`] | `LeaderLock` |
//! | [`SqlStore`] | `Store<String, Vec<u8>>` |
#![forbid(unsafe_code)]
// Without a database there is nothing to build.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod audit;
mod bucket;
mod db;
mod delegated;
mod device;
mod factor;
mod federated_link;
mod identity;
mod key_value;
mod lease;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod plans;
mod refresh;
mod replay;
mod schema;
mod sealing;
mod session;
mod sid;
mod tenant_idp;

pub use audit::{SqlAuditOutbox, SqlAuditStore};
pub use bucket::SqlRateLimitBuckets;
pub use db::{Db, DbConfig, SqlConnection};
pub use delegated::SqlDelegatedCredentialStore;
pub use device::SqlDeviceStore;
pub use federated_link::SqlFederatedLinkStore;
pub use identity::SqlBackend;
pub use key_value::SqlStore;
pub use lease::SqlLeaderLock;
pub use refresh::SqlRefreshTokenStore;
pub use replay::SqlJtiReplayStore;
pub use schema::SchemaError;
pub use session::{SqlSessionRegistry, SqlSessionStore};
pub use sid::SqlSidStore;
pub use tenant_idp::SqlTenantIdpStore;
