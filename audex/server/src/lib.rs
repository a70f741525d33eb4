//! The team server: who asked, who agreed, what was given.
//!
//! 1. [`settings::ServerSettings`] says what it goes by; [`app::App`] is the whole of it, composed once.
//! 2. [`access`] finds out who is calling (a login, an API token, a workload's token) and, by policy, what they may do.
//! 3. [`requests`] is what may happen to a request: issued at once, or pending, voted on, picked up; all through the one issue
//!    pipeline of `audex-core`.
//! 4. [`store`] keeps people, tokens, requests and sessions, each written in one transaction with its evidence.
//! 5. [`api`] and [`console`] are the two ways in; neither contains a rule.
//!
//! Does not know about: any vendor, configuration files, terminals, environment variables.
#![forbid(unsafe_code)]

pub mod access;
pub mod api;
pub mod app;
pub mod console;
pub mod evidence;
pub mod handover;
pub mod model;
pub mod notify;
pub mod problem;
pub mod requests;
pub mod serve;
pub mod settings;
pub mod store;
pub mod telemetry;
