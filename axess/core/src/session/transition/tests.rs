use super::*;
use crate::{
    refresh::RefreshGrant,
    session::{WorkflowState, workflow::Resume},
    store::Owner,
};
use axess_factors::Subject;
use axess_identity::AttemptId;

const TENANT: TenantId = TenantId::from_parts(1, [1; 10]);
const ALICE: UserId = UserId::from_parts(1, [2; 10]);
const MALLORY: UserId = UserId::from_parts(1, [3; 10]);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

fn proof(user_id: UserId, kind: FactorKind) -> Verified {
    Verified::for_tests(Subject { user_id, attempt: AttemptId::from_parts(0, [0; 10]) }, kind)
}

fn required(kind: FactorKind) -> FactorStep {
    FactorStep::Required(kind)
}

fn authenticating(remaining: Vec<FactorStep>, completed: Vec<FactorKind>) -> AuthState {
    AuthState::Authenticating {
        user_id: ALICE,
        tenant_id: TENANT,
        method_name: "m".into(),
        remaining,
        completed,
        attempt_count: 0,
        last_attempt: None,
    }
}

fn authenticated(step_up: Option<StepUp>) -> AuthState {
    let factors_completed = vec![FactorKind::Password];
    AuthState::Authenticated {
        user_id: ALICE,
        tenant_id: TENANT,
        authn_time: now(),
        factors_completed,
        step_up,
    }
}

fn stepping_up() -> AuthState {
    let remaining = vec![required(FactorKind::Totp)];
    authenticated(Some(StepUp { remaining, completed: Vec::new(), attempt_count: 0 }))
}

fn workflow(kind: WorkflowKind, current_step: u32, total_steps: u32, resume: bool) -> AuthState {
    let resume = resume.then(|| Resume { authn_time: now(), factors_completed: vec![FactorKind::Password] });
    let workflow = WorkflowState { kind, current_step, total_steps, initiated_at: now(), resume };
    AuthState::PendingWorkflow { user_id: ALICE, tenant_id: TENANT, workflow }
}

fn run(state: AuthState, input: Input) -> Result<Transition, Refused> {
    transition(state, input, &TransitionPolicy::default(), now())
}

fn states() -> Vec<(&'static str, AuthState)> {
    vec![
        ("guest", AuthState::Guest),
        ("identifying", AuthState::Identifying { user_id: ALICE, tenant_id: TENANT }),
        ("authenticating", authenticating(vec![required(FactorKind::Password)], Vec::new())),
        ("authenticated", authenticated(None)),
        ("stepping_up", stepping_up()),
        ("workflow", workflow(WorkflowKind::Custom("kyc".into()), 1, 2, false)),
        ("workflow_last", workflow(WorkflowKind::Custom("kyc".into()), 2, 2, false)),
        ("workflow_resume", workflow(WorkflowKind::EmailVerification, 1, 1, true)),
    ]
}

type MakeInput = fn() -> Input;

fn inputs() -> Vec<(&'static str, MakeInput)> {
    vec![
        ("identify", || Input::Identify { tenant_id: TENANT, user_id: ALICE }),
        ("begin", || Input::BeginLogin { tenant_id: TENANT, user_id: ALICE, method: Method::password() }),
        ("password", || Input::FactorVerified(proof(ALICE, FactorKind::Password))),
        ("totp", || Input::FactorVerified(proof(ALICE, FactorKind::Totp))),
        ("failed", || Input::FactorFailed),
        ("step_up", || Input::RequestStepUp(vec![required(FactorKind::Totp)])),
        ("start", || start(ALICE)),
        ("start_other", || start(MALLORY)),
        ("advance", || Input::AdvanceWorkflow),
        ("complete", || Input::CompleteWorkflow(None)),
        ("complete_proved", || Input::CompleteWorkflow(Some(proof(ALICE, FactorKind::EmailOtp)))),
        ("privilege", || Input::PrivilegeChanged),
        ("drop", || Input::DropAuthentication),
        ("continue", || Input::Continue(continued(now()))),
    ]
}

fn start(user_id: UserId) -> Input {
    Input::StartWorkflow {
        tenant_id: TENANT,
        user_id,
        kind: WorkflowKind::Custom("kyc".into()),
        total_steps: 2,
    }
}

/// What each state becomes under each input, `-` for refused and `!` for a new id, in the order of `inputs()`.
const TABLE: &[(&str, [&str; 14])] = &[
    ("guest", ["I", "A", "-", "-", "-", "-", "W", "W", "-", "-", "-", "-", "G!", "U!"]),
    ("identifying", ["I", "A", "-", "-", "-", "-", "W", "W", "-", "-", "-", "-", "G!", "-"]),
    ("authenticating", ["-", "A", "U!", "-", "A", "-", "W", "W", "-", "-", "-", "-", "G!", "-"]),
    ("authenticated", ["-", "-", "-", "-", "-", "U", "W", "-", "-", "-", "-", "U!", "G!", "-"]),
    ("stepping_up", ["-", "-", "-", "U!", "U", "U", "W", "-", "-", "-", "-", "U!", "G!", "-"]),
    ("workflow", ["-", "A", "-", "-", "-", "-", "W", "W", "W", "-", "-", "-", "G!", "-"]),
    ("workflow_last", ["-", "A", "-", "-", "-", "-", "W", "W", "-", "G!", "U!", "-", "G!", "-"]),
    ("workflow_resume", ["-", "A", "-", "-", "-", "-", "W", "W", "-", "U!", "U!", "-", "G!", "-"]),
];

fn cell(result: &Result<Transition, Refused>) -> String {
    let Ok(done) = result else { return "-".to_owned() };
    let state = match done.next {
        AuthState::Guest => "G",
        AuthState::Identifying { .. } => "I",
        AuthState::Authenticating { .. } => "A",
        AuthState::Authenticated { .. } => "U",
        AuthState::PendingWorkflow { .. } => "W",
    };
    let rotates = done.effects.contains(&Effect::RotateId);
    assert_ne!(rotates, done.effects.contains(&Effect::Save), "exactly one kind of write");
    format!("{state}{}", if rotates { "!" } else { "" })
}

#[test]
fn every_state_and_input_is_as_in_the_table() {
    for ((name, state), (row, expected)) in states().into_iter().zip(TABLE) {
        assert_eq!(name, *row);
        for ((input, make), expected) in inputs().into_iter().zip(expected) {
            let result = run(state.clone(), make());
            assert_eq!(cell(&result), *expected, "{name} + {input}");
            if let Err(Refused(back)) = result {
                assert_eq!(*back, state, "{name} + {input}: a refusal gives the state back untouched");
            }
        }
    }
}

#[test]
fn somebody_elses_proof_is_refused_everywhere() {
    for (name, state) in states() {
        for kind in [FactorKind::Password, FactorKind::Totp, FactorKind::EmailOtp] {
            let login = run(state.clone(), Input::FactorVerified(proof(MALLORY, kind.clone())));
            assert!(login.is_err(), "{name} {kind}");
            let ceremony = run(state.clone(), Input::CompleteWorkflow(Some(proof(MALLORY, kind))));
            assert!(ceremony.is_err(), "{name}");
        }
    }
}

#[test]
fn a_login_walks_its_steps_in_order_and_rotates_at_each() {
    let second = FactorStep::AnyOf(vec![FactorKind::Totp, FactorKind::RecoveryCode]);
    let start = authenticating(vec![required(FactorKind::Password), second.clone()], Vec::new());
    assert!(
        run(start.clone(), Input::FactorVerified(proof(ALICE, FactorKind::Totp))).is_err(),
        "out of order"
    );

    let first = run(start, Input::FactorVerified(proof(ALICE, FactorKind::Password))).unwrap();
    assert_eq!(first.next.expected_step(), Some(&second));
    assert!(!first.next.is_authenticated());
    assert!(matches!(first.spent, Some(Input::FactorVerified(_))), "the proof waits for the write");

    let last = run(first.next, Input::FactorVerified(proof(ALICE, FactorKind::RecoveryCode))).unwrap();
    let AuthState::Authenticated { authn_time, factors_completed, .. } = last.next else {
        panic!("not logged in")
    };
    assert_eq!(authn_time, now());
    assert_eq!(factors_completed, [FactorKind::Password, FactorKind::RecoveryCode]);
}

#[test]
fn one_factor_cannot_count_twice() {
    let again = FactorStep::AnyOf(vec![FactorKind::Password, FactorKind::Totp]);
    let state = authenticating(vec![again], vec![FactorKind::Password]);
    assert!(run(state, Input::FactorVerified(proof(ALICE, FactorKind::Password))).is_err());
}

/// The proof of a refresh token whose login was at `authn_time`.
fn continued(authn_time: DateTime<Utc>) -> Continued {
    let grant = RefreshGrant::new(authn_time, vec![FactorKind::Password, FactorKind::Totp]);
    let owner = Owner { tenant_id: TENANT, user_id: ALICE };
    Continued::for_test(owner, grant, TokenFamilyId::from_parts(0, [5; 10]))
}

/// Neither a late refresh nor a clock that was set back changes when the login was.
#[test]
fn a_continued_login_is_exactly_as_old_and_as_strong_as_it_was() {
    let then = now() - TimeDelta::days(20);
    for at in [now(), then, then - TimeDelta::days(1)] {
        let input = Input::Continue(continued(then));
        let done = transition(AuthState::Guest, input, &TransitionPolicy::default(), at).unwrap();
        assert!(matches!(done.spent, Some(Input::Continue(_))), "the proof waits for the write");
        let AuthState::Authenticated { user_id, authn_time, factors_completed, step_up, .. } = done.next
        else {
            panic!("not logged in")
        };
        assert_eq!((user_id, authn_time, step_up), (ALICE, then, None));
        assert_eq!(factors_completed, [FactorKind::Password, FactorKind::Totp]);
    }
}

#[test]
fn a_malformed_method_or_demand_is_refused() {
    let method = |steps| Method { name: "m".into(), steps };
    for steps in [vec![], vec![FactorStep::AnyOf(vec![])]] {
        let begin = Input::BeginLogin { tenant_id: TENANT, user_id: ALICE, method: method(steps.clone()) };
        assert!(run(AuthState::Guest, begin).is_err());
        assert!(run(authenticated(None), Input::RequestStepUp(steps)).is_err());
    }
}

#[test]
fn a_step_up_keeps_the_level_until_it_is_done() {
    let AuthState::Authenticated { factors_completed, step_up, .. } = stepping_up() else { panic!() };
    assert_eq!((factors_completed.len(), step_up.is_some()), (1, true));

    let later = now() + TimeDelta::hours(2);
    let input = Input::FactorVerified(proof(ALICE, FactorKind::Totp));
    let done = transition(stepping_up(), input, &TransitionPolicy::default(), later).unwrap();
    let AuthState::Authenticated { authn_time, factors_completed, step_up, .. } = done.next else { panic!() };
    assert_eq!((authn_time, step_up), (later, None));
    assert_eq!(factors_completed, [FactorKind::Password, FactorKind::Totp]);
}

#[test]
fn a_clock_set_back_never_makes_a_proof_older() {
    let before = now() - TimeDelta::days(1);
    let input = Input::FactorVerified(proof(ALICE, FactorKind::Totp));
    let done = transition(stepping_up(), input, &TransitionPolicy::default(), before).unwrap();
    assert!(matches!(done.next, AuthState::Authenticated { authn_time, .. } if authn_time == now()));
}

#[test]
fn refusals_are_counted_and_end_a_login_or_a_step_up() {
    let policy = TransitionPolicy { max_attempts_per_login: 3, ..TransitionPolicy::default() };
    let mut state = authenticating(vec![required(FactorKind::Password)], Vec::new());
    for expected in 1..3 {
        state = transition(state, Input::FactorFailed, &policy, now()).unwrap().next;
        assert!(
            matches!(state, AuthState::Authenticating { attempt_count, last_attempt: Some(_), .. } if attempt_count == expected)
        );
    }
    assert_eq!(transition(state, Input::FactorFailed, &policy, now()).unwrap().next, AuthState::Guest);

    let mut state = stepping_up();
    for _ in 0..3 {
        state = transition(state, Input::FactorFailed, &policy, now()).unwrap().next;
    }
    assert_eq!(state, authenticated(None), "the step-up is dropped, the session stays");
}

#[test]
fn a_ceremony_takes_every_step_in_time() {
    let policy = TransitionPolicy::default();
    let too_late = now() + policy.max_workflow_age + TimeDelta::seconds(1);
    for (state, input) in [
        (workflow(WorkflowKind::Signup, 1, 2, false), Input::AdvanceWorkflow),
        (workflow(WorkflowKind::Signup, 2, 2, false), Input::CompleteWorkflow(None)),
        (workflow(WorkflowKind::Signup, 2, 2, true), Input::CompleteWorkflow(None)),
    ] {
        assert!(transition(state, input, &policy, too_late).is_err());
    }
    let skipping = run(workflow(WorkflowKind::Signup, 1, 2, false), Input::CompleteWorkflow(None));
    assert!(skipping.is_err(), "a step was skipped");
}

#[test]
fn a_ceremony_gives_back_exactly_what_it_interrupted() {
    let interrupted = run(authenticated(None), start(ALICE)).unwrap().next;
    assert!(!interrupted.is_authenticated());
    let restarted = run(interrupted, start(ALICE)).unwrap().next;
    let at_end = run(restarted, Input::AdvanceWorkflow).unwrap().next;
    assert_eq!(run(at_end, Input::CompleteWorkflow(None)).unwrap().next, authenticated(None));

    let stranger = run(AuthState::Guest, start(ALICE)).unwrap().next;
    let at_end = run(stranger, Input::AdvanceWorkflow).unwrap().next;
    assert_eq!(
        run(at_end, Input::CompleteWorkflow(None)).unwrap().next,
        AuthState::Guest,
        "no proof, no login"
    );
}

/// What a transition demands is on record, or has a reason not to be. A new variant stops this from compiling.
#[test]
fn every_effect_has_its_event_or_a_reason() {
    let recorder = include_str!("../../service/emit.rs");
    let event_of = |moment: &Moment| match moment {
        Moment::FactorVerified { .. } => "FactorVerified",
        Moment::LoginCompleted { .. } => "LoginCompleted",
        Moment::StepUpRequired { .. } => "StepUpRequired",
        Moment::StepUpCompleted { .. } => "StepUpCompleted",
    };
    let recorded = |effect: &Effect| match effect {
        // What is written is what the verb did, and the verb records that.
        Effect::Save => None,
        // Told by the moment that has the session's id, else by itself.
        Effect::RotateId => Some("SessionRotated"),
        Effect::Emit(moment) => Some(event_of(moment)),
    };
    let kind = FactorKind::Totp;
    let moments = [
        Moment::FactorVerified { kind: kind.clone(), attempt_index: 0 },
        Moment::LoginCompleted { method_name: "password".into(), factors: vec![kind.clone()] },
        Moment::StepUpRequired { steps: vec![] },
        Moment::StepUpCompleted { factors: vec![kind] },
    ];
    let all = [Effect::Save, Effect::RotateId].into_iter().chain(moments.map(Effect::Emit));
    let events: std::collections::BTreeSet<_> = all.filter_map(|effect| recorded(&effect)).collect();
    assert_eq!(events.len(), 5);
    for event in events {
        assert!(recorder.contains(&format!("AuthEvent::{event}(")), "{event}");
    }
}
