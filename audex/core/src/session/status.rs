use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a session is in its life.
///
/// ```
/// use audex_core::session::SessionStatus;
/// assert!(!SessionStatus::Active.is_over());
/// assert_eq!(serde_json::to_string(&SessionStatus::BudgetExceeded).unwrap(), r#""BudgetExceeded""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SessionStatus {
    /// The credential was issued and its command runs.
    Active,
    /// The command ended with 0.
    Completed,
    /// The command ended otherwise, could not be started, or nothing could be issued.
    Failed,
    /// The deadline passed.
    Expired,
    /// Somebody revoked it.
    Revoked,
    /// The spend went over the budget.
    BudgetExceeded,
}

impl SessionStatus {
    /// Lists every status.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Completed, Self::Failed, Self::Expired, Self::Revoked, Self::BudgetExceeded];

    /// Tells whether nothing can happen to it any more.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Active)
    }

    /// Returns its name, as in records and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
            Self::BudgetExceeded => "BudgetExceeded",
        }
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
