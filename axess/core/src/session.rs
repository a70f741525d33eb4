//! The session: its typed state, the pure transitions between states, and the handle a request holds.
//!
//! 1. [`Sessions::open`] loads and decodes the row a cookie names (or starts a guest session that exists only in memory).
//! 2. Handlers and the service read the state and record *changes* on the [`SessionHandle`].
//! 3. A write is compare-and-swap on the row's version. When it loses, the changes are replayed on the fresh row, and a
//!    transition that no longer applies is refused: nothing is overwritten, and an ended session stays ended.
//! 4. [`SessionHandle::finish`] writes what is still dirty and says what to do with the cookie.

mod change;
mod codec;
mod context;
mod crypto;
mod data;
mod error;
mod federated;
mod handle;
mod lineage;
mod maintenance;
mod open;
mod state;
mod stored;
mod transition;
mod workflow;
mod write;

pub use crate::envelope::EnvelopeKeyError;
pub use context::{ProvenDevice, RequestContext};
pub use crypto::SessionCrypto;
pub use data::{MAX_CUSTOM_BYTES, MAX_CUSTOM_KEYS, SessionData};
pub use error::SessionError;
pub use federated::{FederatedLogin, MAX_KEPT_ID_TOKEN_BYTES};
pub use handle::{CookieAction, SessionHandle};
pub use maintenance::ResealProgress;
pub use open::Sessions;
pub use state::{AuthState, StepUp};
pub use transition::TransitionPolicy;
pub use workflow::{WorkflowKind, WorkflowState};

pub(crate) use change::Change;
pub(crate) use data::{PendingSignup, PendingTotp};
pub(crate) use federated::{DevicePace, PendingLogin, Purpose};
pub(crate) use lineage::EndedLineage;
pub(crate) use open::Bond;
pub(crate) use transition::{FederatedStep, Input, Moment};
pub(crate) use write::Advance;
