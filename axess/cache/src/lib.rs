//! A bounded in-process cache: entries live for a fixed time on the injected clock, the least recently used one
//! makes room, and concurrent misses of one key share one load.
//!
//! Does not know about: what is cached, background tasks, timers, or other processes.
//!
//! Everything happens inside a call, so a run on a mock clock is repeatable.
#![forbid(unsafe_code)]

mod age;
mod cache;
mod lru;

pub use cache::ClockTtlCache;
