mod statements;
mod store;

pub use store::SqlDeviceStore;
