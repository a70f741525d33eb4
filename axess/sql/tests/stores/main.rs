//! The stores on real databases: every suite of the conformance kit, on SQLite, PostgreSQL and MariaDB.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod database;
mod servers;
mod sessions;
mod sqlite_faults;
