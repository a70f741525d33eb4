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
#![forbid(unsafe_code)]

mod db;
mod schema;
mod session;

pub use db::{Db, DbConfig};
pub use schema::SchemaError;
pub use session::{SqlSessionRegistry, SqlSessionStore};
