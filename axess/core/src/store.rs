//! The storage ports: what the orchestrator needs from a database, as traits.
//!
//! Every trait has an object-safe twin (`Dyn…`) that is implemented for free; `Arc<dyn Dyn…>` implements the trait
//! itself, so static and dynamic dispatch are interchangeable. Arguments are owned or `Copy`, which keeps both forms
//! free of lifetimes.
//!
//! Text compares byte by byte: neither case nor accents nor trailing spaces are folded, whatever a database does by default.
//! A `limit` may be any number; 0 returns nothing. A version or an id that nothing has is an outcome, not an error.
//!
//! Verbs that decide something are *atomic*: the docs of each say what must happen in one step. An implementation
//! that reads, decides and writes in three steps breaks the promises made to users.

mod attempt;
mod audit_log;
mod bucket;
mod delegated;
mod device;
mod error;
mod factor;
mod federated_link;
mod identity;
mod key_value;
mod lease;
mod outbox;
mod owner;
mod refresh;
mod registry;
mod replay;
mod session;
mod sid;
mod tenant_idp;
mod twin;
mod unit;

pub use attempt::{AttemptOutcome, AttemptRecord, AttemptRequest, Lockout, Reservation, Settled};
pub use audit_log::{AuditOrder, AuditQuery, AuditRow, AuditScope, AuditStore, DynAuditStore};
pub use bucket::{DynRateLimitBuckets, RateLimitBuckets};
pub use delegated::{
    DelegatedCredentialStore, DelegatedRow, DynDelegatedCredentialStore, MAX_DOWNSTREAM_BYTES,
};
pub use device::{DeviceStore, DynDeviceStore, Registered, Swept, TrustChange};
pub use error::{StoreError, StoreErrorKind};
pub use factor::{DynFactorStore, Expected, FactorStore, ScopedFactor, Stored};
pub use federated_link::{DynFederatedLinkStore, FederatedLink, FederatedLinkStore};
pub use identity::{
    DynIdentityAdmin, DynIdentityAuthnLog, DynIdentityLookup, IdentityAdmin, IdentityAuthnLog,
    IdentityLookup, IdentityStore, LoginSubject, MAX_DISPLAY_NAME_BYTES, NewUser, NoopAuthnLog, Page,
    TenantBootstrap, UserChange, check_display_name,
};
pub use key_value::{Store, StoreFuture};
pub use lease::{DynLeaderLock, LeaderLock, Lease};
pub use outbox::{AuditOutbox, DynAuditOutbox, OutboxDepth, OutboxEntry, OutboxRecord};
pub use owner::Owner;
pub use refresh::{DynRefreshTokenStore, IssueOutcome, RefreshTokenStore, RevokedTokens, RotateOutcome};
pub use registry::{DynSessionRegistry, SessionEntry, SessionRegistry};
pub use replay::{Claim, DynJtiReplayStore, JtiReplayStore, ReplayKey};
pub use session::{
    DynSessionStore, ROTATION_MEMORY, SaveOutcome, ScanCursor, ScanPage, SessionRow, SessionStore,
    SessionSummary,
};
pub use sid::{DynSidStore, LoggedOut, LogoutKey, SidBinding, SidStore};
pub use tenant_idp::{DynTenantIdpStore, IdpProtocol, TenantIdp, TenantIdpStore};
pub use unit::{PendingWork, UnitOfWork, UnitSlot};
