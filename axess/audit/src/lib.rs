//! The evidence engine: a log of events that can be proved, the pipe from an operation to the sinks, retention and export.
//!
//! Does not know about: which operations there are, HTTP requests, sessions, or how a database is spoken to.
//!
//! - [`chain`]: the pure part. What an entry commits to, what a checkpoint signs, and a verifier that needs the log and
//!   a public key.
//! - [`log`]: the chain on disk: segments, many writers in several processes, group commit, repair after a crash.
//! - [`pipe`]: takes an event before its operation is answered and brings it to every sink, in order, with retries.
//! - [`sink`]: where events go.
//! - [`retention`], [`archive`], [`erasure`]: how long events are kept, and what happens when a user asks to be forgotten.
//! - [`export`]: searching, and streams of CSV and JSON.
#![forbid(unsafe_code)]

mod record;

pub mod analytics;
pub mod archive;
pub mod chain;
pub mod erasure;
pub mod export;
pub mod log;
pub mod pipe;
pub mod retention;
pub mod sink;

pub use record::{AuditRecord, JsonPayload};
