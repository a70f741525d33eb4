//! The storage ports: what the orchestrator needs from a database, as traits.
//!
//! Every trait has an object-safe twin (`Dyn…`) that is implemented for free; `Arc<dyn Dyn…>` implements the trait
//! itself, so static and dynamic dispatch are interchangeable. Arguments are owned or `Copy`, which keeps both forms
//! free of lifetimes.
//!
//! Verbs that decide something are *atomic*: the docs of each say what must happen in one step. An implementation
//! that reads, decides and writes in three steps breaks the promises made to users.

mod attempt;
mod error;
mod factor;
mod identity;
mod registry;
mod session;
mod twin;

pub use attempt::{AttemptOutcome, AttemptRecord, AttemptRequest, Lockout, Reservation, Settled};
pub use error::{StoreError, StoreErrorKind};
pub use factor::{DynFactorStore, Expected, FactorStore, ScopedFactor, Stored};
pub use identity::{
    DynIdentityAdmin, DynIdentityAuthnLog, DynIdentityLookup, IdentityAdmin, IdentityAuthnLog,
    IdentityLookup, IdentityStore, LoginSubject, NewUser, NoopAuthnLog, Page, TenantBootstrap, UserChange,
};
pub use registry::{DynSessionRegistry, SessionEntry, SessionRegistry};
pub use session::{
    DynSessionStore, ROTATION_MEMORY, SaveOutcome, SessionOwner, SessionRow, SessionStore, SessionSummary,
};
