//! The one way a credential is issued.
//!
//! 1. `plan`: the lifetime, the role that is mapped, asked ∩ ceilings − denials, the provider's document, the approval.
//! 2. The rate is checked, the request counted, the session's record begun.
//! 3. The intent is in the trail.
//! 4. The provider mints.
//! 5. What came back is held against what was ordered.
//! 6. The outcome is in the trail and in the record.
//! 7. The lease is handed over.
//!
//! Where a step fails, those after it do not happen, and what was minted is not handed over.

mod check;
mod lease;
mod minting;
mod pipeline;
mod plan;
mod proposal;
mod request;
mod revoke;
#[cfg(test)]
mod tests;

pub use check::Mismatch;
pub use lease::Lease;
pub use pipeline::{IssueError, Issuer};
pub use plan::{Denial, NeededApproval, Plan, plan};
pub use proposal::Proposal;
pub use request::IssueRequest;
