//! JWT-SVIDs that workloads present: the layer that says who calls, and the guard of routes that are theirs alone.
//!
//! Decision rules of [`JwtSvidLayer`], for each request:
//!
//! 1. Somebody is known already, by a session or a [`Principal`](axess_identity::Principal) of a layer outside: the header is
//!    left alone. The first who is known is the caller.
//! 2. There are two `Authorization` headers, or one that is no text or no token: 400.
//! 3. There is none, or it is of another scheme: the request goes on without a caller.
//! 4. The token is not good: 401. It cannot be checked: 503.
//! 5. It is good: the request goes on with its `Principal::Workload`.

mod bearer;
mod claimed;
mod layer;
mod refusal;
#[cfg(test)]
mod tests;

pub use layer::{JwtSvidLayer, JwtSvidService};
