//! The session layer: one request, from cookie to cookie.
//!
//! 1. Find the client's address; read the session cookie and verify its MAC.
//! 2. Open the session: load, unseal, decode. A store that fails is answered with 503: nobody knows who is calling.
//! 3. Compare the browser's fingerprint with the one the session is bound to, and act by the policy.
//! 4. Run the handler with the [`AuthSession`] in reach.
//! 5. Write what is dirty, by compare-and-swap, and set or remove the cookie.
//!
//! Steps 4 and 5 are finished even when the client goes away meanwhile, once the handler has written anything.

mod fingerprint;
mod future;
mod handle;
mod layer;
mod service;

pub use fingerprint::{FingerprintConfig, FingerprintPolicy};
pub(crate) use fingerprint::{browser, primary_language};
pub use future::SessionFuture;
pub use handle::{AuthSession, MissingSessionLayer};
pub use layer::SessionLayer;
pub use service::SessionService;
