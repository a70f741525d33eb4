//! The stores on real databases: every suite of the conformance kit, on SQLite, PostgreSQL and MariaDB.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod audit;
mod buckets;
mod database;
mod delegated;
mod devices;
mod factors;
mod identity;
mod key_value;
mod lease;
mod play;
mod refresh;
mod replay;
mod servers;
mod sessions;
mod sids;
mod sqlite_faults;
mod tenant_idps;
