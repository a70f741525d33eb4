//! Guards: who may reach a handler, said where the route is declared or in the handler's own signature.
//!
//! Three forms, one meaning:
//!
//! - [`GuardedRouter`] takes a [`Guard`] with every route, and lists them in its [`RouteManifest`].
//! - [`Authenticated`], [`Partial`] and [`Fresh`] are extractors: a handler that takes one cannot run without it.
//! - `require_authn!` and `require_partial_authn!` return from the middle of a handler.
//!
//! Whom a session cannot name (a machine with a token), an [`Authenticator`] of the application's own finds out:
//! [`Guard::Accepted`] asks it, and the handler takes the [`Accepted`] caller.
//!
//! A guard knows the session and the route, not what the request is about. What depends on a document, an order, an
//! account, the handler asks the policies with `require_authz!`.

mod accepted;
mod extract;
mod facts;
mod layer;
mod manifest;
mod rejection;
mod router;

pub use accepted::{Accepted, Authenticator, AuthenticatorLayer};
pub use extract::{Authenticated, Fresh, Partial};
pub use facts::{AuthnInfo, PartialInfo};
pub use layer::{Guard, GuardLayer, GuardService};
pub use manifest::{GuardedRoute, RouteManifest};
pub use rejection::{AuthnRejection, GuardRejection};
pub use router::GuardedRouter;
