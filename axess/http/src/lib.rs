//! The axum shell: session layer, cookies, CSRF, rate limits, client addresses, request and trace ids, the browser's way to
//! identity providers and back, access tokens and JWT-SVIDs that callers present.
//!
//! Does not know about: how a factor is verified, where sessions are stored, SQL, Redis, or the language of policies.
#![forbid(unsafe_code)]

#[cfg(feature = "authz")]
mod authz;
mod client_ip;
mod cookie;
mod csrf;
mod device;
mod federation;
mod guard;
#[cfg(feature = "jwt-svid")]
mod jwt_svid;
mod problem;
mod rate_limit;
mod replay;
mod request_id;
#[cfg(feature = "oauth")]
mod resource;
mod response_header;
mod session;
mod session_facts;
mod shell_audit;
mod signing;
#[cfg(test)]
mod test_site;
mod trace_context;
#[cfg(feature = "ws")]
mod ws;

#[cfg(feature = "authz")]
pub use authz::*;
pub use client_ip::*;
pub use cookie::*;
pub use csrf::*;
pub use device::*;
pub use federation::*;
pub use guard::*;
#[cfg(feature = "jwt-svid")]
pub use jwt_svid::*;
pub use rate_limit::*;
pub use replay::JtiReplayGuard;
pub use request_id::*;
#[cfg(feature = "oauth")]
pub use resource::*;
pub use response_header::HeaderFuture;
pub use session::*;
pub use shell_audit::ShellAudit;
pub use signing::{KeyPurpose, MIN_SIGNING_KEY_BYTES, MacKey, SigningKeyError, TAG_BYTES};
pub use trace_context::*;
#[cfg(feature = "ws")]
pub use ws::*;
