//! Recording: every event is built and handed to the sink here, before its operation is answered.

use super::AuthnService;
use crate::{
    authn::{AuthnError, FactorStep},
    session::{Advance, AuthState, Input, Moment, SessionHandle},
    store::{AttemptRequest, Lockout},
};
use axess_events::{
    Actor, AuthEvent, AuthEventEnvelope,
    authentication::{
        FactorFailed, FactorFailureReason, FactorVerified, LoginCompleted, LoginFailed, LoginFailureReason,
        StepUpCompleted, StepUpRequired,
    },
    lockout::{LockoutScope, LockoutTriggered},
    shell::{RotationCause, SessionRotated},
};
use axess_identity::{EventId, FactorKind, TenantId, UserId};
use chrono::{DateTime, Utc};

impl<I, F> AuthnService<I, F> {
    /// Records one event of a request.
    pub(super) fn emit(
        &self,
        session: &SessionHandle,
        tenant_id: Option<TenantId>,
        event: AuthEvent,
    ) -> Result<EventId, AuthnError> {
        let now = self.now();
        let mut envelope = AuthEventEnvelope::new(EventId::generate(now, &*self.rng), now, event);
        envelope.tenant_id = tenant_id;
        envelope.actor = session.user_id().map(Actor::User);
        let context = session.context();
        envelope.client_ip = context.client_ip;
        envelope.user_agent = context.user_agent.as_deref().map(Into::into);
        envelope.request_id = context.request_id.as_deref().map(Into::into);
        envelope.trace_id = context.trace_id.as_deref().map(Into::into);
        let id = envelope.event_id;
        self.audit.record(envelope)?;
        Ok(id)
    }

    /// Records the moments of a transition that is stored already. When that fails the session is ended: nothing is
    /// granted that is not on record.
    pub(super) async fn record_or_end(
        &self,
        session: &SessionHandle,
        moments: Vec<Moment>,
    ) -> Result<(), AuthnError> {
        let (tenant_id, user_id) = match session.with_state(AuthState::subject) {
            Some(subject) => subject,
            None => return Ok(()),
        };
        for moment in moments {
            if let Err(error) = self.record_moment(session, tenant_id, user_id, moment) {
                session.clear().await?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives the session a new id after a change of what its user may do, and records it.
    pub(super) async fn rotate(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        let (owner, previous_session_id) = (session.owner(), session.session_id());
        match session.advance(Input::PrivilegeChanged).await? {
            Advance::Refused => Err(AuthnError::SessionEnded),
            Advance::Done(_) => {
                let event = SessionRotated {
                    user_id: owner.map(|owner| owner.user_id),
                    previous_session_id,
                    session_id: session.session_id(),
                    cause: RotationCause::Requested,
                };
                self.emit(session, owner.map(|owner| owner.tenant_id), AuthEvent::SessionRotated(event))
                    .map(|_| ())
            }
        }
    }

    fn record_moment(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        user_id: UserId,
        moment: Moment,
    ) -> Result<(), AuthnError> {
        let session_id = session.session_id();
        let event = match moment {
            Moment::FactorVerified { kind, attempt_index } => {
                AuthEvent::FactorVerified(FactorVerified { user_id, factor_kind: kind, attempt_index })
            }
            Moment::LoginCompleted { method_name, factors } => {
                self.metrics.login_completed(&method_name);
                AuthEvent::LoginCompleted(LoginCompleted {
                    user_id,
                    method_name: method_name.as_str().into(),
                    factors_completed: factors,
                    session_id,
                    device_id: None,
                })
            }
            Moment::StepUpRequired { steps } => AuthEvent::StepUpRequired(StepUpRequired {
                user_id,
                session_id,
                route: "".into(),
                required_factors: flat(&steps),
                max_age_seconds: None,
            }),
            Moment::StepUpCompleted { factors } => {
                self.metrics.step_up_completed();
                AuthEvent::StepUpCompleted(StepUpCompleted {
                    user_id,
                    session_id,
                    factors_completed: factors,
                })
            }
        };
        self.emit(session, Some(tenant_id), event).map(|_| ())
    }

    /// Records a refused attempt and the locks it brought about.
    pub(super) fn refused(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        active: bool,
        why: FactorFailureReason,
        locks: &[Lockout],
    ) -> Result<(), AuthnError> {
        self.metrics.factor_failed(&attempt.factor);
        let attempt_index = session.with_state(|state| match state {
            AuthState::Authenticating { attempt_count, .. } => *attempt_count,
            AuthState::Authenticated { step_up: Some(step_up), .. } => step_up.attempt_count,
            _ => 0,
        });
        let failed = FactorFailed {
            user_id: active.then_some(attempt.user_id),
            factor_kind: attempt.factor.clone(),
            attempt_index,
            failure_reason: why,
        };
        let cause = self.emit(session, Some(attempt.tenant_id), AuthEvent::FactorFailed(failed))?;
        for lock in locks {
            self.lock_fell(session, attempt.tenant_id, lock, cause)?;
        }
        Ok(())
    }

    /// Records that a login was dropped after too many refusals.
    pub(super) fn login_given_up(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        method_name: &str,
    ) -> Result<(), AuthnError> {
        self.metrics.login_failed(method_name);
        let failed = LoginFailed {
            user_id: None,
            method_name: Some(method_name.into()),
            failure_reason: LoginFailureReason::FactorsExhausted,
        };
        self.emit(session, Some(attempt.tenant_id), AuthEvent::LoginFailed(failed)).map(|_| ())
    }

    /// Counts a fault of a backend.
    pub(super) fn count_fault(&self, error: &AuthnError) {
        match error {
            AuthnError::Overloaded { .. } => self.metrics.kdf_overloaded(),
            AuthnError::Store(_) | AuthnError::Session(_) => self.metrics.store_failed(),
            _ => {}
        }
    }

    fn lock_fell(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        lock: &Lockout,
        cause: EventId,
    ) -> Result<(), AuthnError> {
        let (scope, lever, value, until): (_, _, String, Option<DateTime<Utc>>) = match lock {
            Lockout::User { user_id, until } => (LockoutScope::User, "user", user_id.to_string(), *until),
            Lockout::Tenant { tenant_id, until } => {
                (LockoutScope::Tenant, "tenant", tenant_id.to_string(), *until)
            }
            Lockout::Ip { ip, until } => (LockoutScope::Ip, "ip", ip.to_string(), *until),
        };
        self.metrics.lockout_triggered(lever);
        let triggered =
            LockoutTriggered { scope, scope_value: value.as_str().into(), until, triggered_by_event: cause };
        self.emit(session, Some(tenant_id), AuthEvent::LockoutTriggered(triggered)).map(|_| ())
    }
}

fn flat(steps: &[FactorStep]) -> Vec<FactorKind> {
    steps.iter().flat_map(FactorStep::kinds).cloned().collect()
}
