//! Shared strings: `Arc<str>` newtypes for names that are cloned on every request, and a bounded interner.
//!
//! Does not know about: what the strings name, or anything else in the workspace.
#![forbid(unsafe_code)]

mod interner;
mod shared;

pub use interner::Interner;
pub use shared::SharedStr;
