//! The console in a real browser, against the real server.

mod flows;
mod gallery;
mod house;
mod keyboard;
mod keys;
mod refusals;
