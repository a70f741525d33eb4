use super::{
    AuthState, TransitionPolicy, WorkflowKind,
    data::{PendingSignup, PendingTotp, SessionData},
    federated::PendingLogin,
    transition::{Input, transition},
};
use crate::{
    authn::{FactorStep, Method},
    store::Owner,
};
use axess_factors::EmailOtpChallenge;
use axess_identity::{DeviceId, FactorKind, TenantId, TokenFamilyId, UserId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// One thing a request did to its session that needs no proof, in a form that can be done again on fresh data.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    SetCustom(String, Value),
    RemoveCustom(String),
    BindFingerprint([u8; 32]),
    ReportForeign([u8; 32]),
    /// Binds the session of this user to a device.
    BindDevice(Owner, DeviceId),
    /// Binds the session of this user to a family of refresh tokens, unless it got another one than `replaces` meanwhile.
    BindFamily {
        owner: Owner,
        family: TokenFamilyId,
        replaces: Option<TokenFamilyId>,
    },
    /// Takes the user from the session, so that nothing can be bound to it any more; it still knows what it was bound to.
    Retire,
    Identify {
        tenant_id: TenantId,
        user_id: UserId,
    },
    BeginLogin {
        tenant_id: TenantId,
        user_id: UserId,
        method: Method,
    },
    FactorFailed,
    RequestStepUp(Vec<FactorStep>),
    StartWorkflow {
        tenant_id: TenantId,
        user_id: UserId,
        kind: WorkflowKind,
        total_steps: u32,
    },
    AdvanceWorkflow,
    Prepare(FactorKind),
    SetEmailCode(Option<EmailOtpChallenge>),
    TakeEmailTry {
        binding: [u8; 16],
        at: DateTime<Utc>,
    },
    SetTotp(Option<PendingTotp>),
    TakeTotpTry {
        at: DateTime<Utc>,
    },
    SetSignup(Option<PendingSignup>),
    SetFederation(Arc<PendingLogin>),
    /// Uses a pending login at a provider up, unless another request did, or began another one, meanwhile.
    TakeFederation(Arc<PendingLogin>),
    /// Puts the second in place of the first, unless another request did something about that meanwhile.
    ReplaceFederation(Arc<PendingLogin>, Arc<PendingLogin>),
}

impl Change {
    /// Does it to `data`; tells whether it applied.
    pub(crate) fn apply(
        &self,
        data: &mut SessionData,
        policy: &TransitionPolicy,
        now: DateTime<Utc>,
    ) -> bool {
        let input = match self.clone() {
            Self::SetCustom(key, value) => return data.set_custom(key, value),
            Self::RemoveCustom(key) => {
                data.custom.remove(&key);
                return true;
            }
            Self::BindFingerprint(digest) => {
                data.fingerprint = Some(digest);
                return true;
            }
            Self::ReportForeign(digest) => {
                data.foreign = Some(digest);
                return true;
            }
            Self::BindDevice(owner, device) => return data.bind_device(owner, device),
            Self::BindFamily { owner, family, replaces } => {
                return data.bind_family(owner, family, replaces);
            }
            Self::Retire => return data.retire(),
            Self::Prepare(kind) => return data.remember(|ceremony| ceremony.prepared = Some(kind)),
            Self::SetEmailCode(challenge) => {
                return data.remember(|ceremony| ceremony.email_code = challenge);
            }
            Self::TakeEmailTry { binding, at } => return data.take_email_try(binding, at),
            Self::TakeTotpTry { at } => return data.take_totp_try(at),
            Self::SetTotp(pending) => return data.remember(|ceremony| ceremony.totp = pending),
            Self::SetSignup(pending) => return data.remember(|ceremony| ceremony.signup = pending),
            Self::SetFederation(login) => {
                return data.remember(|ceremony| ceremony.federation = Some(login));
            }
            Self::TakeFederation(login) => return data.take_federation(&login),
            Self::ReplaceFederation(of, with) => return data.replace_federation(&of, with),
            Self::Identify { tenant_id, user_id } => Input::Identify { tenant_id, user_id },
            Self::BeginLogin { tenant_id, user_id, method } => {
                Input::BeginLogin { tenant_id, user_id, method }
            }
            Self::FactorFailed => Input::FactorFailed,
            Self::RequestStepUp(steps) => Input::RequestStepUp(steps),
            Self::StartWorkflow { tenant_id, user_id, kind, total_steps } => {
                Input::StartWorkflow { tenant_id, user_id, kind, total_steps }
            }
            Self::AdvanceWorkflow => Input::AdvanceWorkflow,
        };
        let begins =
            matches!(input, Input::BeginLogin { .. } | Input::StartWorkflow { .. } | Input::RequestStepUp(_));
        let restarts = matches!(input, Input::BeginLogin { .. });
        match transition(std::mem::take(&mut data.auth_state), input, policy, now) {
            Ok(done) => {
                data.enter(done.next);
                if restarts {
                    data.federated = None;
                }
                if begins || matches!(data.auth_state, AuthState::Guest) {
                    data.drop_ceremony();
                }
                true
            }
            Err(refused) => {
                data.auth_state = *refused.0;
                false
            }
        }
    }
}
