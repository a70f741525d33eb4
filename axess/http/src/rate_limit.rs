//! How many requests one caller may make in a while.
//!
//! Decision rules:
//!
//! 1. The key is taken from the request ([`KeyExtractor`]): an address, a session, a user, ... Every key has its own bucket.
//! 2. A request without that key (a user id or a session before the login, say) is counted against its client address
//!    instead, and one without an address against one bucket for all such requests. No request is ever unlimited.
//! 3. The bucket decides by the generic cell rate algorithm: a burst of `max_requests` at once, then one request each
//!    `window / max_requests`. A refused request costs nothing.
//! 4. A refusal is `429` with `Retry-After` in whole seconds and a body that tells nothing about the limit.
//!
//! Addresses come from [`ClientIpLayer`](crate::ClientIpLayer) or the session layer, which must stand outside; without one
//! they are the connection's own. No client-set header is ever read here. An IPv6 caller is its /64, which is what one
//! subscriber gets.

mod config;
mod key;
mod layer;
mod store;
#[cfg(test)]
mod tests;

pub use axess_core::{
    memory::{MAX_MEMORY_BUCKETS, MemoryBuckets},
    ratelimit::{
        Admission, BucketKey, GcraDecision, MAX_RATE_REQUESTS, MAX_RATE_WINDOW, MIN_RATE_WINDOW, RateQuota,
        gcra_decide,
    },
};
pub use config::{OnEvaluate, OnRateLimit, RateLimitConfig, RateLimitConfigBuilder, RateLimitRejection};
pub use key::{KeyExtractor, KeyExtractorFn};
pub use layer::{RateLimitLayer, RateLimitService};
pub use store::BucketStore;
