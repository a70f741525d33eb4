//! The `tryaudex` command, as a library: one file for each command, and the composition root.
//!
//! Does not know about: how a provider mints, how a policy is compared, how a log is chained.
#![forbid(unsafe_code)]

pub mod args;
pub mod commands;
pub mod compose;
pub mod config;
pub mod deliver;
pub mod environment;
pub mod exit;
pub mod hidden;
pub mod keeper;
pub mod key_store;
pub mod output;
pub mod private_folder;
pub mod remote;
pub mod session;
mod strays;
