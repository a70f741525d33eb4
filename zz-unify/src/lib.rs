//! Pins dependency features for the whole workspace; see `Cargo.toml`.
#![forbid(unsafe_code)]
