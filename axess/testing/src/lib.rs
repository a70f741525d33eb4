//! Mocks, fixtures and a seeded scheduler for tests of applications that use axess. **Never for production.**
//!
//! Does not know about: HTTP, SQL, real time, or any operating system randomness.
//!
//! | For | Take |
//! |---|---|
//! | a whole service on mocks | [`TestSuite`] |
//! | the mails it sends | [`MailBox`] |
//! | counting round trips | [`CountingBackend`], [`CountingSessionStore`] |
//! | failing stores | [`FaultyBackend`], [`FaultyStore`], [`FaultyAuditSink`] |
//! | races | [`schedule`], [`Yielding`] |
//! | the contract of a storage trait | [`conformance`] |
#![forbid(unsafe_code)]

mod audit;
pub mod conformance;
mod instrument;
mod mailbox;
mod proof;
pub mod schedule;
mod suite;

pub use audit::FaultyAuditSink;
pub use instrument::{
    CallLog, CountingBackend, CountingSessionStore, FaultPlan, FaultyBackend, FaultyStore, Instrumented,
    Probe, YieldPoints, Yielding,
};
pub use mailbox::MailBox;
pub use proof::proof;
pub use suite::{EMAIL, PASSWORD, TENANT, TestSuite, TestSuiteBuilder, USER};
