//! What may happen to a request: issued at once, or pending, voted on, picked up; refreshed and revoked.
//!
//! 1. [`App::ask`](crate::app::App::ask): the policies say whether the caller may ask at all; the pipeline decides. What needs nobody's agreement is
//!    issued, the rest waits.
//! 2. [`App::vote`](crate::app::App::vote): somebody else agrees or refuses, with a comment, about exactly this request.
//! 3. [`App::pick_up`](crate::app::App::pick_up): whoever asked fetches the credential. The approval is used up in the transaction that begins the session.
//! 4. [`App::refresh`](crate::app::App::refresh) and [`App::revoke`](crate::app::App::revoke): of sessions that are active.
//!
//! Each verb checks who calls. The API, the console and every other way in call these and nothing below.

mod ask;
mod changes;
mod departed;
mod lists;
mod outcome;
mod pick_up;
mod retry;
mod session;
mod signature;
mod spending;
mod today;
mod vote;

pub use departed::{Ended, LeftToken};
pub use outcome::{Asked, PickedUp};
pub use signature::{SignatureFault, VoteClaims, verify_signature};
pub use vote::Ballot;

pub(crate) use changes::Changes;
pub(crate) use spending::Spending;
