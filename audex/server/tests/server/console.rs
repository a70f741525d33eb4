//! The console in a real browser, against the real server.

mod copying;
mod flows;
pub(crate) mod gallery;
mod house;
mod keyboard;
mod keys;
mod own;
mod recovery;
mod refusals;
