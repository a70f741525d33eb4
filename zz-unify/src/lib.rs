//! Pins the features of shared dependencies for the whole workspace; see `Cargo.toml`.
//!
//! Does not know about: anything. Nothing depends on it.
#![forbid(unsafe_code)]
