//! The pure state machine: `transition(state, input, policy, now)` says what comes next and what must happen for it.
//!
//! | from | input | to | effects |
//! |---|---|---|---|
//! | Guest, Identifying | `Identify` | Identifying | save |
//! | any but Authenticated | `BeginLogin` | Authenticating | save |
//! | Authenticating | `FactorVerified`, steps left | Authenticating | rotate id, save |
//! | Authenticating | `FactorVerified`, last step | Authenticated | rotate id, save |
//! | as for `BeginLogin`, then as for `FactorVerified` | `FederatedVerified` that begins a login | Authenticating, Authenticated | rotate id, save |
//! | as for `FactorVerified` | `FederatedVerified` that answers a step | the same | rotate id, save |
//! | Authenticating, step-up | `FactorFailed` | the same, counted; over the limit: Guest, or the step-up dropped | save |
//! | Authenticated | `RequestStepUp` | Authenticated with step-up | save |
//! | Authenticated with step-up | `FactorVerified`, last step | Authenticated, fresh `authn_time` | rotate id, save |
//! | any but Authenticated of somebody else | `StartWorkflow` | `PendingWorkflow` (remembers an authenticated state) | save |
//! | `PendingWorkflow` | `AdvanceWorkflow` | the next step | save |
//! | `PendingWorkflow` | `CompleteWorkflow` with proof, or begun authenticated | Authenticated | rotate id, save |
//! | `PendingWorkflow` | `CompleteWorkflow` otherwise | Guest | rotate id, save |
//! | Authenticated | `PrivilegeChanged` | the same | rotate id, save |
//! | Guest | `Continue` with the proof of a refresh token | Authenticated, as of the login it descends from | rotate id, save |
//! | any | `DropAuthentication` | Guest | rotate id, save |
//!
//! Everything else is refused and gives the state back untouched. Logging out is not in the table: it ends the
//! stored session as a whole, whatever its state is, and can therefore not lose a race against any row above.

mod federated;
mod workflow;

pub(crate) use federated::FederatedStep;
pub(super) use workflow::is_stale;

use super::{AuthState, FederatedLogin, StepUp, WorkflowKind};
use crate::{
    authn::{FactorStep, Method},
    refresh::Continued,
};
use axess_factors::Verified;
use axess_identity::{DeviceId, FactorKind, TenantId, TokenFamilyId, UserId};
use axess_strings::SharedStr;
use chrono::{DateTime, TimeDelta, Utc};

/// Limits the transitions obey.
///
/// ```
/// use axess_core::session::TransitionPolicy;
/// assert_eq!(TransitionPolicy::default().max_attempts_per_login, 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionPolicy {
    /// Refused credentials after which a login in progress is dropped. Lockout usually falls earlier.
    pub max_attempts_per_login: u32,
    /// How long a ceremony may take.
    pub max_workflow_age: TimeDelta,
}

impl Default for TransitionPolicy {
    fn default() -> Self {
        Self { max_attempts_per_login: 20, max_workflow_age: TimeDelta::hours(1) }
    }
}

/// What happened to the session.
#[derive(Debug)]
pub(crate) enum Input {
    Identify { tenant_id: TenantId, user_id: UserId },
    BeginLogin { tenant_id: TenantId, user_id: UserId, method: Method },
    FactorVerified(Verified),
    FederatedVerified(Box<FederatedStep>),
    FactorFailed,
    RequestStepUp(Vec<FactorStep>),
    StartWorkflow { tenant_id: TenantId, user_id: UserId, kind: WorkflowKind, total_steps: u32 },
    AdvanceWorkflow,
    CompleteWorkflow(Option<Verified>),
    PrivilegeChanged,
    Continue(Continued),
    DropAuthentication,
}

impl Input {
    /// Returns the device and the family of refresh tokens the session belongs to from this step on.
    pub(super) fn binds(&self) -> Option<(Option<DeviceId>, TokenFamilyId)> {
        match self {
            Self::Continue(proof) => Some((proof.device_id(), proof.family_id())),
            _ => None,
        }
    }

    /// Returns what a provider said, which the session remembers from this step on, and whether a login begins with it.
    pub(super) fn vouches(&self) -> Option<(FederatedLogin, bool)> {
        match self {
            Self::FederatedVerified(step) => Some((step.login.clone(), step.begins.is_some())),
            Self::Continue(proof) => Some((proof.grant().login.as_deref()?.clone(), true)),
            _ => None,
        }
    }
}

/// What must happen for the next state to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Write the session under its id.
    Save,
    /// Write the session under a fresh id; the old one stops working in the same step.
    RotateId,
    /// Record an event.
    Emit(Moment),
}

/// What is worth recording; the service adds who, where and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moment {
    FactorVerified { kind: FactorKind, attempt_index: u32 },
    LoginCompleted { method_name: SharedStr, factors: Vec<FactorKind> },
    StepUpRequired { steps: Vec<FactorStep> },
    StepUpCompleted { factors: Vec<FactorKind> },
}

impl Moment {
    /// Tells whether its event has the session's id.
    pub(crate) fn names_the_session(&self) -> bool {
        match self {
            Self::LoginCompleted { .. } | Self::StepUpRequired { .. } | Self::StepUpCompleted { .. } => true,
            Self::FactorVerified { .. } => false,
        }
    }
}

/// The next state and what must happen for it.
///
/// An input with a proof travels along until the write that uses it has won, so that a lost write can run again on
/// fresh state without the proof ever existing twice.
#[derive(Debug)]
pub(crate) struct Transition {
    pub(crate) next: AuthState,
    pub(crate) effects: Vec<Effect>,
    pub(crate) spent: Option<Input>,
}

/// Says that a transition is not in the table, and gives the state back.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Box<AuthState>);

/// Computes what comes after `state`.
pub(crate) fn transition(
    state: AuthState,
    input: Input,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    match (state, input) {
        (AuthState::Guest | AuthState::Identifying { .. }, Input::Identify { tenant_id, user_id }) => {
            saved(AuthState::Identifying { user_id, tenant_id })
        }
        (
            state @ (AuthState::Guest
            | AuthState::Identifying { .. }
            | AuthState::Authenticating { .. }
            | AuthState::PendingWorkflow { .. }),
            Input::BeginLogin { tenant_id, user_id, method },
        ) => begin_login(state, tenant_id, user_id, method),
        (state @ AuthState::Authenticating { .. }, Input::FactorVerified(proof)) => {
            factor_in_login(state, proof, now)
        }
        (state @ AuthState::Authenticated { .. }, Input::FactorVerified(proof)) => {
            factor_in_step_up(state, proof, now)
        }
        (state, Input::FederatedVerified(step)) => federated::verified(state, step, policy, now),
        (
            state @ (AuthState::Authenticating { .. } | AuthState::Authenticated { .. }),
            Input::FactorFailed,
        ) => factor_failed(state, policy, now),
        (state @ AuthState::Authenticated { .. }, Input::RequestStepUp(steps)) => {
            request_step_up(state, steps)
        }
        (state, Input::StartWorkflow { tenant_id, user_id, kind, total_steps }) => {
            workflow::start(state, tenant_id, user_id, kind, total_steps, now)
        }
        (AuthState::PendingWorkflow { user_id, tenant_id, workflow }, Input::AdvanceWorkflow) => {
            workflow::advance(tenant_id, user_id, workflow, policy, now)
        }
        (AuthState::PendingWorkflow { user_id, tenant_id, workflow }, Input::CompleteWorkflow(proof)) => {
            workflow::complete(tenant_id, user_id, workflow, proof, policy, now)
        }
        (state @ AuthState::Authenticated { .. }, Input::PrivilegeChanged) => {
            rotated(state, Vec::new(), Some(Input::PrivilegeChanged))
        }
        (AuthState::Guest, Input::Continue(proof)) => continue_login(proof),
        (_, Input::DropAuthentication) => {
            rotated(AuthState::Guest, Vec::new(), Some(Input::DropAuthentication))
        }
        (state, _) => refuse(state),
    }
}

fn begin_login(
    state: AuthState,
    tenant_id: TenantId,
    user_id: UserId,
    method: Method,
) -> Result<Transition, Refused> {
    if method.check().is_err() {
        return refuse(state);
    }
    let next = AuthState::Authenticating {
        user_id,
        tenant_id,
        method_name: method.name,
        remaining: method.steps,
        completed: Vec::new(),
        attempt_count: 0,
        last_attempt: None,
    };
    saved(next)
}

fn factor_in_login(state: AuthState, proof: Verified, now: DateTime<Utc>) -> Result<Transition, Refused> {
    let AuthState::Authenticating {
        user_id,
        tenant_id,
        method_name,
        mut remaining,
        mut completed,
        attempt_count,
        last_attempt,
    } = state
    else {
        return refuse(state);
    };
    let admitted = remaining.first().is_some_and(|step| step.admits(proof.factor()));
    if !admitted || proof.user_id() != user_id || completed.contains(proof.factor()) {
        let state = AuthState::Authenticating {
            user_id,
            tenant_id,
            method_name,
            remaining,
            completed,
            attempt_count,
            last_attempt,
        };
        return refuse(state);
    }
    remaining.remove(0);
    completed.push(proof.factor().clone());
    let mut moments =
        vec![Moment::FactorVerified { kind: proof.factor().clone(), attempt_index: attempt_count }];
    if !remaining.is_empty() {
        let next = AuthState::Authenticating {
            user_id,
            tenant_id,
            method_name,
            remaining,
            completed,
            attempt_count,
            last_attempt,
        };
        return rotated(next, moments, Some(Input::FactorVerified(proof)));
    }
    moments.push(Moment::LoginCompleted { method_name, factors: completed.clone() });
    let next = AuthState::Authenticated {
        user_id,
        tenant_id,
        authn_time: now,
        factors_completed: completed,
        step_up: None,
    };
    rotated(next, moments, Some(Input::FactorVerified(proof)))
}

fn factor_in_step_up(state: AuthState, proof: Verified, now: DateTime<Utc>) -> Result<Transition, Refused> {
    let admitted = |step_up: &StepUp| {
        step_up.remaining.first().is_some_and(|step| step.admits(proof.factor()))
            && !step_up.completed.contains(proof.factor())
    };
    let AuthState::Authenticated {
        user_id,
        tenant_id,
        authn_time,
        mut factors_completed,
        step_up: Some(mut step_up),
    } = state
    else {
        return refuse(state);
    };
    if !admitted(&step_up) || proof.user_id() != user_id {
        let state = AuthState::Authenticated {
            user_id,
            tenant_id,
            authn_time,
            factors_completed,
            step_up: Some(step_up),
        };
        return refuse(state);
    }
    step_up.remaining.remove(0);
    step_up.completed.push(proof.factor().clone());
    let mut moments =
        vec![Moment::FactorVerified { kind: proof.factor().clone(), attempt_index: step_up.attempt_count }];
    if !step_up.remaining.is_empty() {
        let next = AuthState::Authenticated {
            user_id,
            tenant_id,
            authn_time,
            factors_completed,
            step_up: Some(step_up),
        };
        return rotated(next, moments, Some(Input::FactorVerified(proof)));
    }
    for kind in &step_up.completed {
        if !factors_completed.contains(kind) {
            factors_completed.push(kind.clone());
        }
    }
    moments.push(Moment::StepUpCompleted { factors: step_up.completed });
    // A wall clock may run backwards; a step-up never makes a session look older than it was.
    let authn_time = now.max(authn_time);
    rotated(
        AuthState::Authenticated { user_id, tenant_id, authn_time, factors_completed, step_up: None },
        moments,
        Some(Input::FactorVerified(proof)),
    )
}

fn factor_failed(
    mut state: AuthState,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    match &mut state {
        AuthState::Authenticating { attempt_count, last_attempt, .. } => {
            *attempt_count = attempt_count.saturating_add(1);
            *last_attempt = Some(now);
            let spent = *attempt_count >= policy.max_attempts_per_login;
            saved(if spent { AuthState::Guest } else { state })
        }
        AuthState::Authenticated { step_up: pending @ Some(_), .. } => {
            if let Some(step_up) = pending {
                step_up.attempt_count = step_up.attempt_count.saturating_add(1);
            }
            if pending.as_ref().is_some_and(|step_up| step_up.attempt_count >= policy.max_attempts_per_login)
            {
                *pending = None;
            }
            saved(state)
        }
        // A credential checked outside a login (a password change) has nothing to count here.
        _ => refuse(state),
    }
}

fn request_step_up(mut state: AuthState, steps: Vec<FactorStep>) -> Result<Transition, Refused> {
    let demand = Method { name: "step-up".into(), steps };
    match &mut state {
        AuthState::Authenticated { step_up, .. } if demand.check().is_ok() => {
            *step_up = Some(StepUp { remaining: demand.steps, completed: Vec::new(), attempt_count: 0 });
            saved(state)
        }
        _ => refuse(state),
    }
}

/// Opens a session for the holder of a refresh token. Its proofs are those of the login that began the family: what asks
/// for a fresh login must not be had with an old one.
fn continue_login(proof: Continued) -> Result<Transition, Refused> {
    let (owner, grant) = (proof.owner(), proof.grant().clone());
    let next = AuthState::Authenticated {
        user_id: owner.user_id,
        tenant_id: owner.tenant_id,
        authn_time: grant.authn_time,
        factors_completed: grant.factors_completed,
        step_up: None,
    };
    rotated(next, Vec::new(), Some(Input::Continue(proof)))
}

fn refuse(state: AuthState) -> Result<Transition, Refused> {
    Err(Refused(Box::new(state)))
}

fn saved(next: AuthState) -> Result<Transition, Refused> {
    Ok(Transition { next, effects: vec![Effect::Save], spent: None })
}

fn rotated(next: AuthState, moments: Vec<Moment>, spent: Option<Input>) -> Result<Transition, Refused> {
    let effects = std::iter::once(Effect::RotateId).chain(moments.into_iter().map(Effect::Emit)).collect();
    Ok(Transition { next, effects, spent })
}

#[cfg(test)]
mod tests;
