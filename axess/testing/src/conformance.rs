//! The contract of every storage trait, as a suite that runs against any implementation of it.
//!
//! A suite draws fresh tenants, users and ids for every case, so one store is enough and it need not be empty; only one
//! run at a time may use it, because some verbs (`cleanup_expired`) know no tenant. An adopter's test is:
//!
//! ```
//! use axess_core::memory::InMemorySessionStore;
//! use axess_testing::conformance::{self, Setting};
//!
//! // In a test: #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
//! async fn main() {
//!     let store = InMemorySessionStore::new(); // yours
//!     conformance::session_store(store, Setting::default()).check().await;
//! }
//! ```
//!
//! Accounts, tenants and sessions of a suite are in no other table: a store must not ask for them. The suite of the
//! outbox empties it first.
//!
//! [`Suite::check`] panics with every case that failed, each with the trait, the case and what was expected;
//! [`Suite::only`] runs one case. Nothing asks the real time or the system's randomness: a [`Setting`] gives both.
//! Where a contract leaves something open, a suite accepts every answer it allows.

mod audit_log;
mod buckets;
mod delegated;
mod devices;
mod factors;
mod federated_links;
mod ground;
mod identity;
mod key_value;
mod lease;
mod outbox;
mod race;
mod refresh;
mod registry;
mod replay;
mod sessions;
mod sids;
mod suite;
mod sweep;
mod tenant_idps;
mod verdict;

pub use audit_log::audit_store;
pub use buckets::rate_limit_buckets;
pub use delegated::delegated_credential_store;
pub use devices::device_store;
pub use factors::factor_store;
pub use federated_links::federated_link_store;
pub use identity::identity_store;
pub use key_value::key_value_store;
pub use lease::leader_lock;
pub use outbox::audit_outbox;
pub use refresh::refresh_token_store;
pub use registry::session_registry;
pub use replay::jti_replay_store;
pub use sessions::session_store;
pub use sids::sid_store;
pub use suite::{Failure, Setting, Suite};
pub use tenant_idps::tenant_idp_store;

#[cfg(test)]
mod tests;
