//! The audit catalogue: one typed event per decision that axess makes, and the envelope every event travels in.
//!
//! Does not know about: who emits an event, where it is stored, sent or kept, or how records are chained.
//!
//! An [`AuthEvent`] says what happened; the [`AuthEventEnvelope`] around it says when, where and who asked. There is a
//! module per group of events, a struct per event, and one flat wire format for all of them:
//!
//! ```
//! use axess_events::{AuthEvent, AuthEventEnvelope, lockout::*};
//! use axess_identity::EventId;
//!
//! let failure = EventId::from_parts(0, [1; 10]);
//! let event = AuthEvent::from(LockoutCleared {
//!     scope: LockoutScope::Ip,
//!     scope_value: "192.0.2.7".into(),
//!     cleared_by: LockoutClearedBy::Timeout,
//! });
//! let envelope = AuthEventEnvelope::new(failure, chrono::DateTime::UNIX_EPOCH, event);
//! let json = serde_json::to_value(&envelope).unwrap();
//! assert_eq!(json["event_type"], "LockoutCleared");
//! assert_eq!(json["scope"], "IP");
//! ```
//!
//! # The wire rule
//!
//! A record written today must be readable for as long as it is kept.
//!
//! - A variant is appended at the end, of [`AuthEvent`] and of every enum inside an event. None is renamed, reordered,
//!   renumbered or removed, and none changes shape: what needs another shape is another variant.
//! - A JSON reader ignores fields it does not know and takes a missing optional field as absent.
//! - In the binary form every event sits behind a pointer, so an appended variant moves nothing, and the record
//!   carries the version of the envelope (see [`AuthEventEnvelope::to_bytes`]).
//! - A reader older than a variant refuses it; with another payload type (a JSON map) it can still read the envelope.
#![forbid(unsafe_code)]

mod archive;
mod envelope;
mod event;
mod json;
mod text;
mod wire;

pub mod account;
pub mod administrative;
pub mod authentication;
pub mod authorisation;
pub mod delegated;
pub mod device;
pub mod federation;
pub mod lockout;
pub mod refresh;
pub mod shell;
pub mod tenant;
pub mod trail;
pub mod workload;

pub use envelope::{Actor, AuditPayload, AuthEventEnvelope};
pub use event::AuthEvent;
pub use text::{AuditList, AuditText, MAX_LIST_ITEMS, MAX_TEXT_BYTES};
pub use wire::{MAX_RECORD_BYTES, WireError};
