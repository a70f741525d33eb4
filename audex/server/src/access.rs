//! The front door: who calls, and by policy what they may do.
//!
//! 1. A request with `Authorization: Bearer` is a machine's: an API token (`audx_...`) or the JWT of a workload. Cookies beside
//!    it are not looked at.
//! 2. Any other is a browser's: a session of axess in which password and second factor were proved, or that begins at the
//!    identity provider of [`sso`].
//! 3. Either way the result is a [`Caller`], and a handler that takes one cannot be reached without: every route is declared
//!    with a guard, and the manifest of all of them is kept in `routes.txt`.
//! 4. What a caller may do is for the Cedar policies to say ([`Access::may`]); any doubt is a denial.

mod bearer;
mod caller;
pub mod device;
pub mod enrol;
mod fault;
mod front;
pub mod keys;
pub mod login;
mod open;
pub mod people;
mod policy;
pub mod program;
mod reload;
pub mod sso;
mod sweep;
pub mod tokens;
mod wire;
mod workload;

pub(crate) use bearer::is_bearers;
pub use caller::{Caller, Proof};
pub use front::{CALLER, PERSON, manifest};
pub use open::{Access, OpenAccessError};
pub use policy::{Action, PolicyTestError, Subject};
