use super::{SessionId, SessionRecord, Step};
use crate::{Credential, IssueError, Requester, approval::Approved, audit::BrokerEvent, rate::RateRule};
use chrono::{DateTime, Utc};
use std::{fmt, future::Future};

/// Begins a session.
///
/// ```
/// fn who(beginning: &audex_core::session::Beginning<'_>) -> String {
///     beginning.record.requester.to_string()
/// }
/// ```
#[derive(Debug)]
pub struct Beginning<'a> {
    /// What is kept of it from now on.
    pub record: &'a SessionRecord,
    /// What happened, in order; the first is the intent.
    pub events: Vec<BrokerEvent>,
    /// The limits that it has to keep.
    pub rates: &'a [RateRule],
    /// The approval that it uses up. What was approved was counted when it was asked for.
    pub approved: Option<Approved>,
    /// The credential, where it was minted already: see [`Change::credential`].
    pub credential: Option<&'a Credential>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Asks for another credential of a session.
///
/// ```
/// fn who(renewal: &audex_core::session::Renewal<'_>) -> String {
///     renewal.who.identity()
/// }
/// ```
#[derive(Debug)]
pub struct Renewal<'a> {
    /// Who asks.
    pub who: &'a Requester,
    /// The limits on how often they may; how many sessions are active has nothing to do with it.
    pub rates: &'a [RateRule],
    /// The intent.
    pub event: BrokerEvent,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Changes a session.
///
/// ```
/// use audex_core::session::{Change, Step};
/// fn is_end(change: &Change<'_>) -> bool {
///     matches!(change.step, Step::Ended { .. })
/// }
/// ```
#[derive(Debug)]
pub struct Change<'a> {
    /// What happens to it.
    pub step: Step,
    /// Now.
    pub now: DateTime<Utc>,
    /// The credential that was minted. A store may keep it, sealed and for a short time, so that an answer that is lost can
    /// be given again; it is then written with the record.
    pub credential: Option<&'a Credential>,
}

/// Keeps sessions together with their evidence: a record and the event about it are written as one, or the event first.
///
/// When a verb returns, what it wrote survives a crash.
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// Proves that its holder is the one that ends the session.
    type Hold: Send + Sync + fmt::Debug;

    /// Checks the limits, counts the request, uses up the approval, begins the record and records the events.
    ///
    /// # Errors
    ///
    /// [`IssueError::Limited`], [`IssueError::ApprovalUsed`], or that it cannot be written. Nothing has begun then, or what
    /// has is found abandoned later.
    fn begin(&self, beginning: Beginning<'_>) -> impl Future<Output = Result<Self::Hold, IssueError>> + Send;

    /// Does a step to the record as it is, records what is told of it, and returns the record as it is then.
    ///
    /// # Errors
    ///
    /// As of [`SessionRecord::take`], or that it cannot be written.
    fn save(
        &self,
        hold: &Self::Hold,
        change: Change<'_>,
    ) -> impl Future<Output = Result<SessionRecord, IssueError>> + Send;

    /// Checks the limits, counts a credential that is asked for in addition, and records the intent.
    ///
    /// # Errors
    ///
    /// [`IssueError::Limited`], [`IssueError::Over`], or that it cannot be written. Nothing was counted then.
    fn renew(
        &self,
        hold: &Self::Hold,
        renewal: Renewal<'_>,
    ) -> impl Future<Output = Result<(), IssueError>> + Send;

    /// Lets go of a session that is over.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when that cannot be written.
    fn release(&self, hold: Self::Hold) -> impl Future<Output = Result<(), IssueError>> + Send;

    /// Records an event that changes no record.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when that cannot be written.
    fn note(
        &self,
        who: &Requester,
        event: BrokerEvent,
    ) -> impl Future<Output = Result<(), IssueError>> + Send;

    /// Loads a record.
    ///
    /// # Errors
    ///
    /// [`IssueError`] when there is none, or it cannot be read.
    fn load(&self, id: SessionId) -> impl Future<Output = Result<SessionRecord, IssueError>> + Send;
}
