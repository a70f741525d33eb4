//! Authorisation by Cedar policies: bundles and their checks, hot reload, entities, decisions, answers beyond yes and
//! no, and list filters as SQL text.
//!
//! Does not know about: HTTP, sessions of a login, databases, where events are kept. It is the only crate that names
//! the policy engine.
//!
//! A [`PolicyStore`] is an immutable, checked set of policies; everything that follows from policies and facts alone is
//! a pure method of it. [`AuthzStore`] holds the current one and swaps it without a lock. [`AuthzSession`] binds a
//! principal, a provider of entities and the context of one request; it is the shell that loads, decides and records.
//!
//! Any doubt is a denial: a policy that fails to evaluate, whether it permits or forbids, turns the decision into Deny.
//! Decisions are never cached.
#![forbid(unsafe_code)]

mod answers;
mod bundle;
mod context;
mod decision;
mod entities;
mod filter;
mod policies;
mod session;
mod store;
mod uid;

#[cfg(test)]
mod fixture;

pub use answers::{
    DecisionCase, DecisionChange, DecisionTable, PolicyDiff, Shadow, ShadowDifference, ShadowReport,
    TableError,
};
pub use bundle::{
    BundleError, MAX_BUNDLE_BYTES, MAX_BUNDLE_DEPTH, MAX_BUNDLE_FILES, MAX_FILE_BYTES, PolicyBundle,
    PolicyFile, SourceKind,
};
pub use context::{DeviceContext, StandardRequestContext};
pub use decision::{
    AuthzDecision, AuthzQuery, Clause, ClauseValue, DenyReason, EntityError, EntityGraph, EvaluationFailure,
    Explanation, PolicyExplanation, PolicyOutcome, StepUp, StepUpOptions, Verdict,
};
pub use entities::{
    AuthzEntityProvider, AuthzProviderError, CachedEntityProvider, DynAuthzEntityProvider, Entity, EntitySet,
    MAX_ENTITIES, NoEntities, ToCedarEntity,
};
pub use filter::{
    Column, ColumnKind, Dialect, FilterError, MAX_FILTER_ATOMS, RowFilter, RowMapping, SqlFilter, SqlParam,
};
pub use policies::{PolicyEffect, PolicyFault, PolicyInfo, PolicyLoadError, PolicyStore};
pub use session::{AuthzDenied, AuthzError, AuthzListError, AuthzSession, AuthzUnavailable, MAX_BATCH};
pub use store::{
    ActivePolicies, AuthzEventSink, AuthzSinkError, AuthzSinkFuture, AuthzStore, DropEvents, PolicyWatcher,
    Reload, WatchOutcome,
};
pub use uid::{ActionUid, ResourceUid, UidError};
