//! The orchestrator: the session state machine, the service that drives it, and the ports it needs.
//!
//! Does not know about: HTTP, axum, SQL, Redis, outbound requests, or Cedar.
//!
//! Start at [`service::AuthnService`] for what an application calls, at [`session::AuthState`] for what a session can
//! be, and at [`store`] for what a database must promise.
#![forbid(unsafe_code)]

pub mod audit;
pub mod authn;
pub mod delegated;
pub mod delivery;
pub mod device;
pub mod envelope;
pub mod federation;
pub mod lockout;
pub mod memory;
pub mod metrics;
pub mod ratelimit;
pub mod refresh;
pub mod service;
pub mod session;
pub mod store;
