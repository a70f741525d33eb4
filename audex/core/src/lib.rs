//! The broker's core: what may be issued to whom, for how long, and what became of it.
//!
//! 1. [`IssueRequest`] says what somebody asks for; every way in builds the same one.
//! 2. [`Issuer`] decides (narrow, rules, approval, rate), records the intent, has a [`CredentialProvider`] mint, checks what
//!    came back, and hands over a [`Lease`].
//! 3. [`session::SessionFolder`] keeps one record for each session; [`audit::Trail`] keeps the evidence.
//!
//! The machines are pure: [`lease`], [`approval`], [`budget`] and [`rate`] take the time and return what must happen.
//!
//! Does not know about: any vendor, terminals, home folders, environment variables, configuration files, HTTP.
#![forbid(unsafe_code)]

pub mod approval;
pub mod audit;
pub mod budget;
mod command;
mod credential;
mod issue;
pub mod lease;
mod ledger;
mod provider;
pub mod rate;
mod reconcile;
mod redact;
mod requester;
pub mod roles;
mod rules;
pub mod session;
mod ttl;

pub use command::CommandLine;
pub use credential::{Credential, CredentialSecret};
pub use issue::{
    Denial, IssueError, IssueRequest, Issuer, Lease, Mismatch, NeededApproval, Plan, Proposal, plan,
};
pub use ledger::{LedgerError, RateLedger};
pub use provider::{
    CredentialProvider, Fate, Health, MintOrder, Minted, ProviderError, ProviderFault, ProviderFuture,
    Revocation, RevokeOrder, Shape,
};
pub use reconcile::{ReconcileError, Reconciled, reconcile, reconcile_held, reconcile_one};
pub use redact::redacted_command;
pub use requester::Requester;
pub use rules::IssueRules;
pub use ttl::{ParseTtlError, Ttl};
