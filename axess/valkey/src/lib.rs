//! Stores for axess in Valkey or Redis 7, on one server or on a cluster.
//!
//! Does not know about: what is inside a session, HTTP, SQL, or how a credential is verified.
//!
//! One [`Valkey`] is one connection, shared by as many stores as are made from it. Each verb that decides something is one
//! Lua script on keys of one hash slot, so the same code runs on a single server and on a cluster. Moving a session to
//! another id touches two slots; how that stays atomic is told at [`ValkeySessionStore`].
//!
//! # Time
//!
//! The `now` of each call decides what has expired: values carry their own end, to the microsecond or finer. The server's
//! own expiry is garbage collection. It is set relative to the server's clock, with [`EXPIRY_MARGIN`] added, so that a server
//! whose clock differs from the application's does not delete early; only an application whose clock *runs* slower than
//! real time can see a row vanish before its end.
//!
//! # Keys
//!
//! Every name begins with [`ValkeyOptions::prefix`]. What belongs to one user is in the slot of `{tenant:user}`.
//!
//! | Store | Names |
//! |---|---|
//! | sessions | `session:row:<id>`, `session:of:{tenant:user}`, `session:users:{tenant}` |
//! | registry | `registry:of:{tenant:user}`, `registry:ends:{tenant:user}`, `registry:users:{tenant}` |
//! | refresh tokens | `refresh:of:`, `refresh:active:` and `refresh:ends:{tenant:user}`, `refresh:users:{tenant}` |
//! | devices | `device:of:{tenant:user}`, `device:live:{tenant:user}`, `device:users:{tenant}` |
//! | others | `replay:<digest>`, `bucket:<digest>`, `lease:<name>`, `value:<key>` |
//!
//! # What to set on the server
//!
//! - `maxmemory-policy noeviction`: a full server then refuses writes ([`StoreErrorKind::Full`](axess_core::store::StoreErrorKind::Full)).
//!   Any other policy may forget sessions, or worse, spent tokens, claims of the replay store and rate limits.
//! - `appendonly yes` if sessions must survive a restart.
//! - Replication is asynchronous: a failover may lose the last writes, also an acknowledged logout. `WAIT` does not change
//!   that in general, so it is not used.
#![forbid(unsafe_code)]

mod bucket;
mod device;
mod error;
mod index;
mod key_value;
mod lease;
mod link;
mod moment;
mod refresh;
mod registry;
mod replay;
mod script;
mod session;
mod walk;

pub use bucket::ValkeyBuckets;
pub use device::{MAX_DEVICES_PER_USER, ValkeyDeviceStore};
pub use key_value::{MAX_KEY_BYTES, MAX_VALUE_BYTES, ValkeyStore};
pub use lease::{MAX_LEASE_NAME_BYTES, ValkeyLeaderLock};
pub use link::{DEFAULT_PREFIX, MAX_PREFIX_BYTES, Valkey, ValkeyOptions};
pub use moment::EXPIRY_MARGIN;
pub use refresh::{MAX_DEVICE_INFO_CHARS, MAX_SEALED_BYTES, MAX_TOKENS_PER_USER, ValkeyRefreshTokenStore};
pub use registry::ValkeySessionRegistry;
pub use replay::ValkeyJtiReplayStore;
pub use session::{MAX_PAYLOAD_BYTES, ValkeySessionStore};
