//! Policies: whether the caller of a request may do something to something.
//!
//! 1. [`AuthzLayer`] brings the policies, the provider of facts and the audit trail to every request.
//! 2. Who is calling, how they proved it, from where and on which device is read from the session; a caller without one
//!    (a program with a token) from the [`Principal`](axess_identity::Principal) in the request's extensions. Nobody is
//!    401 before anything is decided.
//! 3. [`Guard::Policy`](crate::Guard::Policy) asks before the handler runs, [`Authz`] inside it.
//! 4. The decision is recorded, with the ids of the request, before anybody learns of it.
//! 5. [`AuthzRejection`] says what the caller sees: 403 with one body whatever the reason, 401 with a challenge when a
//!    step-up would turn it, 503 when there is no decision.

mod caller;
mod handle;
mod layer;
mod rejection;
mod shared_cache;

pub use handle::Authz;
pub(crate) use handle::admit;
pub use layer::AuthzLayer;
pub use rejection::AuthzRejection;
pub use shared_cache::{MAX_SHARED_BYTES, MAX_SHARED_RESOURCES, SharedEntityCache};
