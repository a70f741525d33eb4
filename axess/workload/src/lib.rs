//! Workloads that prove who they are: inbound JWT-SVIDs of SPIFFE.
//!
//! Does not know about: the network, HTTP frameworks, sessions, tenants' storage, policies, or how a token is issued.
//!
//! | For | Take |
//! |---|---|
//! | checking a token and saying who presents it | [`JwtSvidResolver`], [`JwtSvidResolverConfig`] |
//! | saying which tenant and service a workload is | [`WorkloadMapping`], [`PathConvention`] |
//! | knowing whose fault a refusal is | [`JwtSvidError`], [`JwtSvidFault`] |
//!
//! A token is taken apart strictly, its signature is verified with a key that the trust domain publishes, and only then is
//! anything believed that it says.
#![forbid(unsafe_code)]

mod bundle;
mod config;
mod error;
mod place;
mod resolver;

pub use config::{JwtSvidConfigError, JwtSvidResolverConfig, LARGEST_CLOCK_SKEW, LARGEST_TOKEN_AGE};
pub use error::{JwtSvidError, JwtSvidFault};
pub use place::{MappingFault, PathConvention, WorkloadMapping, WorkloadPlace};
pub use resolver::{JwtSvidResolver, MAX_JWT_SVID_BYTES};
