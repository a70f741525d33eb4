//! Declarative macros of the axess family: typed ids, secret types and handler guards.
//!
//! Does not know about: any type of the workspace. The macros expand to paths of the crate that calls them, which
//! must have `serde`, `uuid` (for ids) and `zeroize`, `subtle` (for secrets) among its dependencies.
#![forbid(unsafe_code)]

mod guards;
mod ids;
mod secrets;
