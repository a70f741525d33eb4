use super::*;
use crate::{
    authn::FactorStep,
    session::{StepUp, WorkflowKind, WorkflowState, transition::Effect},
};
use axess_factors::{
    Subject,
    federated::{Assurance, FederatedIdentity, federated_kind},
};
use axess_identity::{AttemptId, FactorKind, ProviderName};

const TENANT: TenantId = TenantId::from_parts(1, [1; 10]);
const ALICE: UserId = UserId::from_parts(1, [2; 10]);
const MALLORY: UserId = UserId::from_parts(1, [3; 10]);

fn okta() -> ProviderName {
    "okta".parse().unwrap()
}

fn kind() -> FactorKind {
    federated_kind(&okta())
}

fn step(user_id: UserId, begins: Option<Method>) -> Input {
    let subject = Subject { user_id, attempt: AttemptId::from_parts(0, [0; 10]) };
    let identity = FederatedIdentity::new("https://idp.example", "1", Assurance::IdToken);
    Input::FederatedVerified(Box::new(FederatedStep {
        proof: Verified::for_tests(subject, kind()),
        login: FederatedLogin::of(&okta(), &identity),
        begins: begins.map(|method| (TENANT, ALICE, method)),
    }))
}

fn whole() -> Option<Method> {
    Some(Method::federated(&okta()))
}

fn with_totp() -> Option<Method> {
    let mut method = Method::federated(&okta());
    method.steps.push(FactorStep::Required(FactorKind::Totp));
    Some(method)
}

fn authenticating(due: FactorKind) -> AuthState {
    AuthState::Authenticating {
        user_id: ALICE,
        tenant_id: TENANT,
        method_name: "m".into(),
        remaining: vec![FactorStep::Required(due)],
        completed: Vec::new(),
        attempt_count: 0,
        last_attempt: None,
    }
}

fn authenticated(due: Option<FactorKind>) -> AuthState {
    AuthState::Authenticated {
        user_id: ALICE,
        tenant_id: TENANT,
        authn_time: DateTime::UNIX_EPOCH,
        factors_completed: vec![FactorKind::Password],
        step_up: due.map(|due| StepUp {
            remaining: vec![FactorStep::Required(due)],
            completed: Vec::new(),
            attempt_count: 0,
        }),
    }
}

fn workflow() -> AuthState {
    let workflow = WorkflowState {
        kind: WorkflowKind::Signup,
        current_step: 1,
        total_steps: 1,
        initiated_at: DateTime::UNIX_EPOCH,
        resume: None,
    };
    AuthState::PendingWorkflow { user_id: ALICE, tenant_id: TENANT, workflow }
}

fn cell(result: &Result<Transition, Refused>) -> &'static str {
    let Ok(done) = result else { return "-" };
    assert!(done.effects.contains(&Effect::RotateId), "whatever is proved has a new id");
    assert!(matches!(done.spent, Some(Input::FederatedVerified(_))), "a lost write can run again");
    match &done.next {
        AuthState::Authenticating { .. } => "partial",
        AuthState::Authenticated { .. } => "authenticated",
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_state_and_kind_of_step_is_as_in_the_table() {
    let states = [
        ("guest", AuthState::Guest),
        ("identifying", AuthState::Identifying { user_id: MALLORY, tenant_id: TENANT }),
        ("password due", authenticating(FactorKind::Password)),
        ("provider due", authenticating(kind())),
        ("authenticated", authenticated(None)),
        ("step-up with another", authenticated(Some(FactorKind::Totp))),
        ("step-up with it", authenticated(Some(kind()))),
        ("ceremony", workflow()),
    ];
    // A whole login, one with a further step, a step of Alice's, a step of Mallory's, a login of a proof of Mallory's, and
    // one by a method that does not begin with this provider.
    let table = [
        ["authenticated", "partial", "-", "-", "-", "-"],
        ["authenticated", "partial", "-", "-", "-", "-"],
        ["authenticated", "partial", "-", "-", "-", "-"],
        ["authenticated", "partial", "authenticated", "-", "-", "-"],
        ["-", "-", "-", "-", "-", "-"],
        ["-", "-", "-", "-", "-", "-"],
        ["-", "-", "authenticated", "-", "-", "-"],
        ["authenticated", "partial", "-", "-", "-", "-"],
    ];
    for ((name, state), row) in states.into_iter().zip(table) {
        let inputs = [
            step(ALICE, whole()),
            step(ALICE, with_totp()),
            step(ALICE, None),
            step(MALLORY, None),
            step(MALLORY, whole()),
            step(ALICE, Some(Method::password())),
        ];
        for (n, (input, expected)) in inputs.into_iter().zip(row).enumerate() {
            let result = transition(state.clone(), input, &TransitionPolicy::default(), DateTime::UNIX_EPOCH);
            assert_eq!(cell(&result), expected, "{name}, input {n}");
            if let Err(Refused(back)) = result {
                assert_eq!(*back, state, "{name}, input {n}: a refusal gives the state back untouched");
            }
        }
    }
}
