//! The console in a real browser, against the real server.

mod copying;
mod flows;
mod gallery;
mod house;
mod keyboard;
mod keys;
mod recovery;
mod refusals;
