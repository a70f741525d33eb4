use super::AuthnService;
use crate::{
    authn::{AuthnError, FactorStep},
    session::{Change, Moment, SessionHandle},
};
use axess_events::shell::RotationCause;
use axess_identity::FactorKind;

impl<I, F> AuthnService<I, F> {
    /// Asks an authenticated user for further factors.
    ///
    /// The session keeps its present level until they are proved with [`AuthnService::verify_factor`]; then its id changes,
    /// `authn_time` is now, and the factors are added.
    ///
    /// Returns the first step. Asking again replaces a step-up in progress.
    ///
    /// # Errors
    ///
    /// [`AuthnError::NotAuthenticated`]; [`AuthnError::Method`] when the demand is empty or malformed.
    pub async fn require_step_up(
        &self,
        session: &SessionHandle,
        steps: Vec<FactorStep>,
    ) -> Result<FactorStep, AuthnError> {
        let demand = crate::authn::Method { name: "step-up".into(), steps };
        demand.check().map_err(AuthnError::Method)?;
        let first = demand.steps.first().cloned().ok_or(AuthnError::NotAuthenticated)?;
        if !session.record(Change::RequestStepUp(demand.steps.clone())) {
            return Err(AuthnError::NotAuthenticated);
        }
        self.metrics.step_up_required();
        let moments = vec![Moment::StepUpRequired { steps: demand.steps }];
        self.record_or_end(session, (session.session_id(), RotationCause::StepUp), moments).await?;
        Ok(first)
    }

    /// Refuses unless the session's latest proof is recent: what every verb that changes credentials asks first.
    pub(super) fn require_fresh(&self, session: &SessionHandle) -> Result<(), AuthnError> {
        let proved_at = session.authn_time().ok_or(AuthnError::NotAuthenticated)?;
        if self.now() - proved_at > self.fresh_for {
            return Err(AuthnError::StepUpRequired);
        }
        Ok(())
    }

    /// Refuses unless the session has proved more than a password, when the user has more to prove.
    pub(super) fn require_second_factor(
        &self,
        session: &SessionHandle,
        enrolled: &[FactorKind],
    ) -> Result<(), AuthnError> {
        let proved = session.factors_completed();
        let second = |kind: &FactorKind| *kind != FactorKind::Password && *kind != FactorKind::RecoveryCode;
        if enrolled.iter().any(second) && !proved.iter().any(|kind| *kind != FactorKind::Password) {
            return Err(AuthnError::StepUpRequired);
        }
        Ok(())
    }
}
