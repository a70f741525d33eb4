//! The in-memory stores: the reference for every other backend, for development and for tests.
//!
//! Each verb holds one lock for its whole length and never awaits, so it is atomic and deterministic. Everything is
//! bounded. Nothing survives the process.

mod attempts;
mod audit_log;
mod backend;
mod buckets;
mod delegated;
mod devices;
mod factors;
mod federated_links;
mod identity;
mod key_value;
mod lease;
mod outbox;
mod refresh;
mod registry;
mod replay;
mod sessions;
mod sids;
mod table;
mod tenant_idps;

pub use audit_log::MemoryAuditStore;
pub use backend::InMemoryBackend;
pub use buckets::{MAX_MEMORY_BUCKETS, MemoryBuckets};
pub use delegated::MemoryDelegatedCredentialStore;
pub use devices::MemoryDeviceStore;
pub use federated_links::MemoryFederatedLinkStore;
pub use key_value::MemoryStore;
pub use lease::MemoryLeaderLock;
pub use outbox::MemoryAuditOutbox;
pub use refresh::MemoryRefreshTokenStore;
pub use registry::MemorySessionRegistry;
pub use replay::MemoryJtiReplayStore;
pub use sessions::InMemorySessionStore;
pub use sids::MemorySidStore;
pub use tenant_idps::MemoryTenantIdpStore;
