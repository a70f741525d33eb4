//! The rows of the table that begin, move and complete a ceremony.

use super::{Input, Moment, Refused, Transition, TransitionPolicy, refuse, rotated, saved};
use crate::session::{AuthState, WorkflowKind, WorkflowState, workflow::Resume};
use axess_factors::Verified;
use axess_identity::{TenantId, UserId};
use chrono::{DateTime, Utc};

pub(super) fn start(
    state: AuthState,
    tenant_id: TenantId,
    user_id: UserId,
    kind: WorkflowKind,
    total_steps: u32,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    let resume = match &state {
        AuthState::Authenticated {
            user_id: current, tenant_id: of, authn_time, factors_completed, ..
        } => {
            if (*of, *current) != (tenant_id, user_id) {
                return refuse(state);
            }
            Some(Resume { authn_time: *authn_time, factors_completed: factors_completed.clone() })
        }
        // Starting over keeps what the first start remembered.
        AuthState::PendingWorkflow { user_id: current, tenant_id: of, workflow }
            if (*of, *current) == (tenant_id, user_id) =>
        {
            workflow.resume.clone()
        }
        _ => None,
    };
    let workflow =
        WorkflowState { kind, current_step: 1, total_steps: total_steps.max(1), initiated_at: now, resume };
    saved(AuthState::PendingWorkflow { user_id, tenant_id, workflow })
}

pub(super) fn advance(
    tenant_id: TenantId,
    user_id: UserId,
    mut workflow: WorkflowState,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    if workflow.current_step >= workflow.total_steps || is_stale(&workflow, policy, now) {
        let state = AuthState::PendingWorkflow { user_id, tenant_id, workflow };
        return refuse(state);
    }
    workflow.current_step = workflow.current_step.saturating_add(1);
    saved(AuthState::PendingWorkflow { user_id, tenant_id, workflow })
}

pub(super) fn complete(
    tenant_id: TenantId,
    user_id: UserId,
    workflow: WorkflowState,
    proof: Option<Verified>,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    let unfinished = workflow.current_step < workflow.total_steps || is_stale(&workflow, policy, now);
    let foreign = proof.as_ref().is_some_and(|proof| proof.user_id() != user_id);
    if unfinished || foreign {
        let state = AuthState::PendingWorkflow { user_id, tenant_id, workflow };
        return refuse(state);
    }
    let mut moments = Vec::new();
    let next = match (&proof, workflow.resume) {
        (_, Some(Resume { authn_time, factors_completed })) => {
            AuthState::Authenticated { user_id, tenant_id, authn_time, factors_completed, step_up: None }
        }
        (Some(proof), None) => {
            let factors_completed = vec![proof.factor().clone()];
            moments.push(Moment::LoginCompleted {
                method_name: workflow.kind.name().into(),
                factors: factors_completed.clone(),
            });
            AuthState::Authenticated { user_id, tenant_id, authn_time: now, factors_completed, step_up: None }
        }
        (None, None) => AuthState::Guest,
    };
    rotated(next, moments, Some(Input::CompleteWorkflow(proof)))
}

pub(in crate::session) fn is_stale(
    workflow: &WorkflowState,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> bool {
    now - workflow.initiated_at > policy.max_workflow_age
}
