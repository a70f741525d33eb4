//! The row that an identity provider's word moves: a step that is due, or a whole login that begins with it.

use super::{Input, Refused, Transition, TransitionPolicy, refuse, transition};
use crate::{
    authn::Method,
    session::{AuthState, FederatedLogin},
};
use axess_factors::Verified;
use axess_identity::{TenantId, UserId};
use chrono::{DateTime, Utc};

/// A provider's word for one user.
#[derive(Debug)]
pub(crate) struct FederatedStep {
    pub(crate) proof: Verified,
    /// What the session remembers of it.
    pub(crate) login: FederatedLogin,
    /// The login it begins; `None` when it answers the step that is due.
    pub(crate) begins: Option<(TenantId, UserId, Method)>,
}

pub(super) fn verified(
    state: AuthState,
    step: Box<FederatedStep>,
    policy: &TransitionPolicy,
    now: DateTime<Utc>,
) -> Result<Transition, Refused> {
    let FederatedStep { proof, login, begins } = *step;
    let before = state.clone();
    let ready = match begins.clone() {
        None => state,
        Some((tenant_id, user_id, method)) => {
            transition(state, Input::BeginLogin { tenant_id, user_id, method }, policy, now)?.next
        }
    };
    match transition(ready, Input::FactorVerified(proof), policy, now) {
        Err(_) => refuse(before),
        Ok(done) => {
            let spent = match done.spent {
                Some(Input::FactorVerified(proof)) => {
                    Some(Input::FederatedVerified(Box::new(FederatedStep { proof, login, begins })))
                }
                other => other,
            };
            Ok(Transition { spent, ..done })
        }
    }
}

#[cfg(test)]
mod tests;
