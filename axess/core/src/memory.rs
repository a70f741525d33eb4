//! The in-memory stores: the reference for every other backend, for development and for tests.
//!
//! Each verb holds one lock for its whole length and never awaits, so it is atomic and deterministic. Everything is
//! bounded. Nothing survives the process.

mod attempts;
mod backend;
mod factors;
mod identity;
mod registry;
mod sessions;

pub use backend::InMemoryBackend;
pub use registry::MemorySessionRegistry;
pub use sessions::InMemorySessionStore;
