use super::WorkflowState;
use crate::authn::FactorStep;
use axess_identity::{FactorKind, TenantId, UserId};
use axess_strings::SharedStr;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How far a session's user has proved who they are.
///
/// Anybody may build and match on a value; putting one into a session is possible only through the transitions of the
/// service, and reaching [`AuthState::Authenticated`] only with a verifier's proof.
///
/// ```
/// use axess_core::session::AuthState;
/// let state = AuthState::Guest;
/// assert!(!state.is_authenticated());
/// assert!(state.user_id().is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthState {
    /// Nobody has said who they are.
    #[default]
    Guest,
    /// A user was named, but no method has begun.
    Identifying {
        /// The named user.
        user_id: UserId,
        /// Their tenant.
        tenant_id: TenantId,
    },
    /// A login is in progress.
    Authenticating {
        /// The user who is logging in.
        user_id: UserId,
        /// Their tenant.
        tenant_id: TenantId,
        /// The method in progress.
        method_name: SharedStr,
        /// The steps still to do, in order; never empty.
        remaining: Vec<FactorStep>,
        /// The factors verified so far in this login.
        completed: Vec<FactorKind>,
        /// How many credentials were refused in this login.
        attempt_count: u32,
        /// When the last one was refused.
        last_attempt: Option<DateTime<Utc>>,
    },
    /// Every step of a method was proved.
    Authenticated {
        /// The user.
        user_id: UserId,
        /// Their tenant.
        tenant_id: TenantId,
        /// When the latest proof was given.
        authn_time: DateTime<Utc>,
        /// Every factor proved in this session.
        factors_completed: Vec<FactorKind>,
        /// A step-up in progress; meanwhile the session keeps its old level.
        step_up: Option<StepUp>,
    },
    /// A ceremony that must be finished before the user counts as logged in (again).
    PendingWorkflow {
        /// The user.
        user_id: UserId,
        /// Their tenant.
        tenant_id: TenantId,
        /// The ceremony.
        workflow: WorkflowState,
    },
}

/// A step-up in progress inside an authenticated session.
///
/// ```
/// use axess_core::{authn::FactorStep, session::StepUp};
/// use axess_identity::FactorKind;
/// let step_up = StepUp { remaining: vec![FactorStep::Required(FactorKind::Totp)], completed: vec![], attempt_count: 0 };
/// assert_eq!(step_up.remaining.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    /// The steps still to do, in order; never empty.
    pub remaining: Vec<FactorStep>,
    /// The factors proved so far in this step-up.
    pub completed: Vec<FactorKind>,
    /// How many credentials were refused in this step-up.
    pub attempt_count: u32,
}

impl AuthState {
    /// Tells whether nobody has said who they are.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        matches!(self, Self::Guest)
    }

    /// Tells whether a login is in progress.
    #[must_use]
    pub fn is_authenticating(&self) -> bool {
        matches!(self, Self::Authenticating { .. })
    }

    /// Tells whether every step of a method was proved.
    ///
    /// A partial login or an open ceremony is not.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        matches!(self, Self::Authenticated { .. })
    }

    /// Returns the user the state is about: proved or only claimed.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.subject().map(|(_, user_id)| user_id)
    }

    /// Returns the tenant the state is about.
    #[must_use]
    pub fn tenant_id(&self) -> Option<TenantId> {
        self.subject().map(|(tenant_id, _)| tenant_id)
    }

    /// Returns the step that waits for a credential: of a login, or of a step-up.
    #[must_use]
    pub fn expected_step(&self) -> Option<&FactorStep> {
        match self {
            Self::Authenticating { remaining, .. } => remaining.first(),
            Self::Authenticated { step_up: Some(step_up), .. } => step_up.remaining.first(),
            _ => None,
        }
    }

    /// Returns the variant's name for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Identifying { .. } => "identifying",
            Self::Authenticating { .. } => "authenticating",
            Self::Authenticated { .. } => "authenticated",
            Self::PendingWorkflow { .. } => "pending_workflow",
        }
    }

    pub(crate) fn subject(&self) -> Option<(TenantId, UserId)> {
        match self {
            Self::Guest => None,
            Self::Identifying { user_id, tenant_id }
            | Self::Authenticating { user_id, tenant_id, .. }
            | Self::Authenticated { user_id, tenant_id, .. }
            | Self::PendingWorkflow { user_id, tenant_id, .. } => Some((*tenant_id, *user_id)),
        }
    }
}
