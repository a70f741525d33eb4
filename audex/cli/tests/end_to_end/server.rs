//! The team server as people have it: the built program serves, a browser enrols and confirms, the built program asks.

mod approvals;
mod browser;
mod chain;
mod config;
mod ends;
mod login;
mod recovery;
mod sessions;
mod site;
mod sso;
