use chrono::{DateTime, Utc};

/// One thing that happened, as far as reports are about it.
///
/// ```
/// use audex_report::{Fact, What};
/// let fact = Fact {
///     at: chrono::DateTime::UNIX_EPOCH,
///     who: "alice@example.com",
///     teams: &[],
///     session: Some(7),
///     what: What::Denied { provider: "aws", reason: "`iam:*` is denied" },
/// };
/// assert_eq!(fact.session, Some(7));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// Whose doing it was: an address, a workload, or `system`.
    pub who: &'a str,
    /// The teams that they are in.
    pub teams: &'a [String],
    /// The session that it is about, or the one that would be: its UUID.
    pub session: Option<u128>,
    /// What happened.
    pub what: What<'a>,
}

/// What happened.
///
/// ```
/// let what = audex_report::What::Ended { status: "Expired", seconds: 900 };
/// assert!(matches!(what, audex_report::What::Ended { seconds: 900, .. }));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// Somebody asked for what others have to agree to.
    ApprovalAsked {
        /// Who would mint.
        provider: &'a str,
        /// How many have to agree.
        required: u32,
    },
    /// Somebody agreed to a request, or refused it.
    Voted {
        /// Whether they agree.
        approve: bool,
        /// In which role.
        role: &'a str,
        /// Whether they signed it with a key of theirs.
        is_signed: bool,
        /// Where the request stands now.
        decision: Decision,
    },
    /// Whoever asked took it back.
    Withdrawn,
    /// Nobody decided in time, or an approval was not used in time.
    Lapsed,
    /// A session began.
    Begun {
        /// Who mints.
        provider: &'a str,
        /// The role, the service account or the audience.
        role: Option<&'a str>,
        /// The lifetime.
        ttl_seconds: u32,
        /// The budget in US cents.
        budget_cents: Option<u64>,
        /// How many had agreed.
        approvers: u32,
        /// Whether one of them is who asked.
        is_own: bool,
    },
    /// A credential was handed over.
    Issued {
        /// Whether it follows an earlier one of the same session.
        is_refresh: bool,
    },
    /// The provider failed, or answered something else than was ordered.
    IssueFailed,
    /// The rules said no.
    Denied {
        /// Who would have minted.
        provider: &'a str,
        /// Which rule says no, and to what.
        reason: &'a str,
    },
    /// A session ended.
    Ended {
        /// How, as in `Completed`.
        status: &'a str,
        /// How long it was.
        seconds: u64,
    },
    /// Somebody ended a session early.
    Revoked {
        /// How many of its credentials work on at their provider.
        still_work: u32,
    },
    /// A provider was asked to end the credentials of a session.
    RevocationAnswered {
        /// How many of them work on.
        still_work: u32,
    },
    /// The spend is over 80 per cent of a budget.
    BudgetWarned,
    /// The spend is over a budget.
    BudgetExceeded {
        /// What was spent, in US cents.
        spent_cents: u64,
        /// The budget, in US cents.
        limit_cents: u64,
    },
    /// Somebody logged in.
    LoggedIn,
    /// Somebody could not.
    LoginFailed {
        /// Why.
        reason: &'a str,
    },
    /// Somebody with the right to administer changed something.
    Administered {
        /// What, as in `person.invited`.
        action: &'a str,
    },
    /// Something that no figure is about.
    Other,
}

/// Where a request stands after a vote.
///
/// ```
/// assert_ne!(audex_report::Decision::Granted, audex_report::Decision::Denied);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// More have to agree.
    Open,
    /// Enough agreed.
    Granted,
    /// Somebody refused.
    Denied,
}
