//! Recording: every event is built and handed to the sink here, before its operation is answered.

use super::{AuthnService, cut_off::By};
use crate::{
    authn::{AuthnError, FactorStep},
    session::{Advance, AuthState, Input, Moment, SessionHandle},
    store::{AttemptRequest, Lockout, Owner},
};
use axess_events::{
    AuthEvent,
    authentication::{
        FactorFailed, FactorFailureReason, FactorVerified, LoginCompleted, LoginFailed, LoginFailureReason,
        StepUpCompleted, StepUpRequired,
    },
    lockout::{LockoutCleared, LockoutClearedBy, LockoutScope, LockoutTriggered},
    shell::{RotationCause, SessionRotated},
};
use axess_identity::{DeviceId, EventId, FactorKind, SessionId, TenantId, UserId};
use chrono::{DateTime, Utc};

impl<I, F> AuthnService<I, F> {
    /// Records one event of a request.
    pub(super) async fn emit(
        &self,
        session: &SessionHandle,
        tenant_id: Option<TenantId>,
        event: AuthEvent,
    ) -> Result<EventId, AuthnError> {
        Ok(self.emitter.emit(&By::Session(session).context(tenant_id), event).await?)
    }

    /// Records the moments of a transition that is stored already, and the session's new id if it got one and no moment
    /// tells of it. When that fails the session is ended: nothing is granted that is not on record.
    pub(super) async fn record_or_end(
        &self,
        session: &SessionHandle,
        (previous, cause): (SessionId, RotationCause),
        moments: Vec<Moment>,
    ) -> Result<(), AuthnError> {
        let told = moments.iter().any(Moment::names_the_session);
        let recorded = self.record_moments(session, moments).await;
        let recorded = match recorded {
            Ok(()) if !told && session.session_id() != previous => {
                self.rotated(session, previous, cause).await
            }
            recorded => recorded,
        };
        if let Err(error) = recorded {
            session.clear().await?;
            return Err(error);
        }
        Ok(())
    }

    async fn record_moments(&self, session: &SessionHandle, moments: Vec<Moment>) -> Result<(), AuthnError> {
        let (tenant_id, user_id) = match session.with_state(AuthState::subject) {
            Some(subject) => subject,
            None => return Ok(()),
        };
        for moment in moments {
            self.record_moment(session, tenant_id, user_id, moment).await?;
        }
        Ok(())
    }

    /// Gives the session a new id after a change of what its user may do, and records it.
    pub(super) async fn rotate(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        self.emitter
            .together(async {
                let previous = session.session_id();
                match session.advance(Input::PrivilegeChanged).await? {
                    Advance::Refused => Err(AuthnError::SessionEnded),
                    Advance::Done(_) => self.rotated(session, previous, RotationCause::Requested).await,
                }
            })
            .await
    }

    /// Gives the session a new id, whatever its state is, and records it.
    ///
    /// Call it where the application crosses a privilege boundary the library cannot see (a role grant, a tenant switch).
    ///
    /// # Errors
    ///
    /// [`AuthnError::SessionEnded`] when the session ended meanwhile; [`AuthnError::Session`]; [`AuthnError::Audit`] when
    /// the id is new but that could not be recorded.
    pub async fn rotate_session(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        self.emitter
            .together(async {
                let previous = session.session_id();
                session.regenerate().await?;
                self.rotated(session, previous, RotationCause::Requested).await
            })
            .await
    }

    /// Records that the session has a new id.
    pub(super) async fn rotated(
        &self,
        session: &SessionHandle,
        previous_session_id: SessionId,
        cause: RotationCause,
    ) -> Result<(), AuthnError> {
        let (owner, session_id) = (session.owner(), session.session_id());
        let tenant_id = session.with_state(AuthState::subject).map(|(tenant_id, _)| tenant_id);
        let user_id = owner.map(|owner| owner.user_id);
        let event = SessionRotated { user_id, previous_session_id, session_id, cause };
        self.emit(session, tenant_id, AuthEvent::SessionRotated(event)).await.map(|_| ())
    }

    async fn record_moment(
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
                    device_id: known_device(session, Owner { tenant_id, user_id }),
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
        self.emit(session, Some(tenant_id), event).await.map(|_| ())
    }

    /// Records a refused attempt and the locks it brought about.
    pub(super) async fn refused(
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
        let cause = self.emit(session, Some(attempt.tenant_id), AuthEvent::FactorFailed(failed)).await?;
        for lock in locks {
            self.lock_fell(session, attempt.tenant_id, lock, cause).await?;
        }
        Ok(())
    }

    /// Records that a login was dropped after too many refusals.
    pub(super) async fn login_given_up(
        &self,
        session: &SessionHandle,
        attempt: &AttemptRequest,
        method_name: &str,
    ) -> Result<(), AuthnError> {
        let why = LoginFailureReason::FactorsExhausted;
        self.login_failed(session, attempt.tenant_id, None, Some(method_name), why).await
    }

    /// Records that a login ended without a session.
    pub(super) async fn login_failed(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        user_id: Option<UserId>,
        method_name: Option<&str>,
        failure_reason: LoginFailureReason,
    ) -> Result<(), AuthnError> {
        self.metrics.login_failed(method_name.unwrap_or_default());
        let failed = LoginFailed { user_id, method_name: method_name.map(Into::into), failure_reason };
        self.emit(session, Some(tenant_id), AuthEvent::LoginFailed(failed)).await.map(|_| ())
    }

    /// Records the locks that ran out since the last attempt.
    pub(super) async fn lapsed(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        locks: &[Lockout],
    ) -> Result<(), AuthnError> {
        for lock in locks {
            let (scope, _, value, _) = described(lock);
            let cleared =
                LockoutCleared { scope, scope_value: value.into(), cleared_by: LockoutClearedBy::Timeout };
            self.emit(session, Some(tenant_id), AuthEvent::LockoutCleared(cleared)).await?;
        }
        Ok(())
    }

    /// Records a code or a password that was right outside a login.
    pub(super) async fn ceremony_verified(
        &self,
        session: &SessionHandle,
        (tenant_id, user_id): (TenantId, UserId),
        factor_kind: FactorKind,
    ) -> Result<(), AuthnError> {
        let verified = FactorVerified { user_id, factor_kind, attempt_index: 0 };
        self.emit(session, Some(tenant_id), AuthEvent::FactorVerified(verified)).await.map(|_| ())
    }

    /// Records a code or a password that was refused outside a login: it counts on no lever.
    pub(super) async fn ceremony_refused(
        &self,
        session: &SessionHandle,
        owner: (TenantId, Option<UserId>),
        factor_kind: FactorKind,
        failure_reason: FactorFailureReason,
    ) -> Result<(), AuthnError> {
        let (tenant_id, user_id) = owner;
        self.metrics.factor_failed(&factor_kind);
        let failed = FactorFailed { user_id, factor_kind, attempt_index: 0, failure_reason };
        self.emit(session, Some(tenant_id), AuthEvent::FactorFailed(failed)).await.map(|_| ())
    }

    /// Counts a fault of a backend.
    pub(super) fn count_fault(&self, error: &AuthnError) {
        match error {
            AuthnError::Overloaded { .. } => self.metrics.kdf_overloaded(),
            AuthnError::Store(_) | AuthnError::Session(_) => self.metrics.store_failed(),
            _ => {}
        }
    }

    async fn lock_fell(
        &self,
        session: &SessionHandle,
        tenant_id: TenantId,
        lock: &Lockout,
        cause: EventId,
    ) -> Result<(), AuthnError> {
        let (scope, lever, value, until) = described(lock);
        self.metrics.lockout_triggered(lever);
        let triggered =
            LockoutTriggered { scope, scope_value: value.into(), until, triggered_by_event: cause };
        self.emit(session, Some(tenant_id), AuthEvent::LockoutTriggered(triggered)).await.map(|_| ())
    }
}

/// Returns the device a login comes from, as far as it is known: the session's, or the one a signed cookie proves.
pub(super) fn known_device(session: &SessionHandle, owner: Owner) -> Option<DeviceId> {
    let proven = session.context().device.filter(|proven| proven.owner == owner);
    session.device_id().or(proven.map(|proven| proven.device_id))
}

/// Returns scope, name of the lever, whose lock it is, and its end.
fn described(lock: &Lockout) -> (LockoutScope, &'static str, String, Option<DateTime<Utc>>) {
    match lock {
        Lockout::User { user_id, until } => (LockoutScope::User, "user", user_id.to_string(), *until),
        Lockout::Tenant { tenant_id, until } => {
            (LockoutScope::Tenant, "tenant", tenant_id.to_string(), *until)
        }
        Lockout::Ip { ip, until } => (LockoutScope::Ip, "ip", ip.to_string(), *until),
    }
}

fn flat(steps: &[FactorStep]) -> Vec<FactorKind> {
    steps.iter().flat_map(FactorStep::kinds).cloned().collect()
}
