mod registry;
mod store;

pub use registry::SqlSessionRegistry;
pub use store::SqlSessionStore;
