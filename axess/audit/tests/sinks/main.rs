//! The shipped sinks, each against a receiver that somebody else wrote.
#![cfg(test)]

mod events;
mod jsonl;
mod receiver;
mod s3;
mod store;
mod syslog;
mod webhook;
