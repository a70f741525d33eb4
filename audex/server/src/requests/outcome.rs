use crate::{handover::Handover, model::PendingRequest};
use audex_core::session::SessionRecord;

/// What came of a request.
///
/// ```
/// use audex_server::requests::Asked;
/// fn is_there(asked: &Asked) -> bool {
///     matches!(asked, Asked::Issued(_))
/// }
/// ```
#[derive(Debug)]
pub enum Asked {
    /// The credential.
    Issued(Handover),
    /// Somebody else has to agree first.
    Pending(Box<PendingRequest>),
    /// It was asked before, under the same key: where that request stands.
    Again(Box<PendingRequest>),
}

/// What there is to fetch.
///
/// ```
/// use audex_server::requests::PickedUp;
/// fn has_to_wait(picked_up: &PickedUp) -> bool {
///     matches!(picked_up, PickedUp::Waiting(_))
/// }
/// ```
#[derive(Debug)]
pub enum PickedUp {
    /// The credential, for whoever asked for it.
    Handover(Handover),
    /// A request that waits for others to agree.
    Waiting(Box<PendingRequest>),
    /// A request that was decided, or will not be any more; approved, it is somebody else's to pick up.
    Decided(Box<PendingRequest>),
    /// A session whose credential is not given (again).
    Session(Box<SessionRecord>),
}
