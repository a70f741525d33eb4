//! Hidden and missing look the same: outcomes, storage calls and password work do not depend on whether an account
//! exists, belongs to the tenant, is suspended, or is locked.

use crate::fixtures::{password, step};
use axess_core::{
    authn::{FactorOutcome, FactorStep},
    session::RequestContext,
    store::{IdentityAdmin, UserChange},
};
use axess_identity::{FactorKind, TenantStatus, UserStatus};
use axess_testing::{CallLog, CountingBackend, CountingSessionStore, PASSWORD, TENANT, TestSuite, USER};

/// How many tries each case gets: beyond the third, which locks.
const TRIES: usize = 5;

/// Everything a caller can see of one try, and what it costs.
#[derive(Debug, PartialEq)]
struct Seen {
    due: Option<FactorStep>,
    outcome: FactorOutcome,
    calls: Vec<&'static str>,
    kdf_runs: u64,
    state: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Verbs {
    Two,
    One,
}

/// Who logs in, where, with which password.
const CASES: [(&str, &str, &str, &str); 9] = [
    ("a wrong password", USER, TENANT, "wrong"),
    ("an unknown user", "nobody", TENANT, PASSWORD),
    ("an unknown tenant", USER, "void", PASSWORD),
    ("another tenant's user", "carol", TENANT, PASSWORD),
    ("a suspended user", "suspended", TENANT, PASSWORD),
    ("an erased user", "erased", TENANT, PASSWORD),
    ("a pending user", "pending", TENANT, PASSWORD),
    ("a suspended tenant", USER, "closed", PASSWORD),
    ("a user without a password", "passkeys-only", TENANT, PASSWORD),
];

async fn suite() -> TestSuite {
    let mut builder =
        TestSuite::builder().user("carol", "acme", None, PASSWORD).user(USER, "closed", None, PASSWORD);
    for name in ["suspended", "erased", "pending", "passkeys-only"] {
        builder = builder.user(name, TENANT, None, PASSWORD);
    }
    let suite = builder.build();
    let (tenant_id, backend) = (suite.owner().await.tenant_id, &suite.backend);
    for (name, status) in [("suspended", UserStatus::Suspended), ("pending", UserStatus::Pending)] {
        let user_id = suite.user(name, TENANT).await.user_id;
        let change = UserChange { status: Some(status), ..UserChange::default() };
        let _ = backend.update_user(tenant_id, user_id, change).await.unwrap();
    }
    let erased = suite.user("erased", TENANT).await.user_id;
    let _ = backend.erase_user(tenant_id, erased, "asked for".into()).await.unwrap();
    let bare = suite.user("passkeys-only", TENANT).await.user_id;
    let kind = FactorKind::Password;
    assert!(axess_core::store::FactorStore::delete_factor(backend, tenant_id, bare, kind).await.unwrap());
    let closed = suite.user(USER, "closed").await.tenant_id;
    let at = chrono::DateTime::UNIX_EPOCH;
    let _ = backend.set_tenant_status(closed, TenantStatus::Suspended, at).await.unwrap();
    suite
}

async fn tries(verbs: Verbs, name: &str, tenant: &str, text: &str) -> Vec<Seen> {
    let suite = suite().await;
    let log = CallLog::default();
    let backend = CountingBackend::new(suite.backend.clone(), log.clone());
    let service = suite.service_over(backend.clone(), backend);
    let sessions = suite.sessions_over(CountingSessionStore::new(suite.store.clone(), log.clone()));
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let (_, before) = (log.take(), suite.kdf.runs());
        let session = sessions.open(None, RequestContext::default()).await.unwrap();
        let (due, outcome) = match verbs {
            Verbs::One => (None, service.login_with_password(&session, name, tenant, text).await.unwrap()),
            Verbs::Two => {
                let due = service.begin_login(&session, name, tenant).await.unwrap();
                (Some(due), service.verify_factor(&session, password(text)).await.unwrap())
            }
        };
        session.finish().await.unwrap();
        let (calls, kdf_runs) = (log.take(), suite.kdf.runs() - before);
        seen.push(Seen { due, outcome, calls, kdf_runs, state: session.state().name() });
    }
    seen
}

#[tokio::test]
async fn every_login_that_cannot_succeed_looks_and_costs_the_same() {
    for verbs in [Verbs::One, Verbs::Two] {
        let (_, name, tenant, text) = CASES[0];
        let expected = tries(verbs, name, tenant, text).await;
        let kinds: Vec<_> = expected.iter().map(|seen| std::mem::discriminant(&seen.outcome)).collect();
        let wrong = std::mem::discriminant(&FactorOutcome::InvalidCredential);
        let locked = std::mem::discriminant(&FactorOutcome::Locked { until: None });
        assert_eq!(kinds, [wrong, wrong, locked, locked, locked]);
        assert!(expected.iter().all(|seen| seen.kdf_runs == 1), "{expected:#?}");
        for (case, name, tenant, text) in &CASES[1..] {
            assert_eq!(tries(verbs, name, tenant, text).await, expected, "{verbs:?}: {case}");
        }
        // The right password of a locked account.
        let mut locked_out = tries(verbs, USER, TENANT, "wrong").await.split_off(3);
        locked_out.dedup();
        assert_eq!(locked_out, [last_with_right_password(verbs).await]);
    }
}

async fn last_with_right_password(verbs: Verbs) -> Seen {
    let suite = suite().await;
    let log = CallLog::default();
    let backend = CountingBackend::new(suite.backend.clone(), log.clone());
    let service = suite.service_over(backend.clone(), backend);
    let sessions = suite.sessions_over(CountingSessionStore::new(suite.store.clone(), log.clone()));
    for text in ["wrong", "wrong", "wrong", PASSWORD] {
        let (_, before) = (log.take(), suite.kdf.runs());
        let session = sessions.open(None, RequestContext::default()).await.unwrap();
        let due = match verbs {
            Verbs::One => None,
            Verbs::Two => Some(service.begin_login(&session, USER, TENANT).await.unwrap()),
        };
        let outcome = match verbs {
            Verbs::One => service.login_with_password(&session, USER, TENANT, text).await.unwrap(),
            Verbs::Two => service.verify_factor(&session, password(text)).await.unwrap(),
        };
        session.finish().await.unwrap();
        if text == PASSWORD {
            let kdf_runs = suite.kdf.runs() - before;
            return Seen { due, outcome, calls: log.take(), kdf_runs, state: session.state().name() };
        }
    }
    unreachable!("the last try has the right password")
}

#[tokio::test]
async fn names_nobody_can_have_are_refused_like_any_other() {
    let long = "x".repeat(2_000);
    for (name, tenant) in
        [("", TENANT), ("a\u{200d}b", TENANT), (&long, TENANT), (USER, "../etc"), (USER, "")]
    {
        for verbs in [Verbs::One, Verbs::Two] {
            let seen = tries(verbs, name, tenant, PASSWORD).await;
            assert_eq!(seen[0].outcome, FactorOutcome::InvalidCredential);
            assert!(matches!(seen[2].outcome, FactorOutcome::Locked { until: Some(_) }));
            assert!(seen.iter().all(|seen| seen.kdf_runs == 1 && seen.state == "authenticating"));
        }
    }
}

#[tokio::test]
async fn the_first_step_of_a_stranger_is_that_of_the_tenant() {
    let suite = suite().await;
    for (case, name, tenant, _) in CASES {
        let session = suite.session().await;
        let due = suite.service.begin_login(&session, name, tenant).await.unwrap();
        assert_eq!(due, step(FactorKind::Password), "{case}");
    }
}

/// Spellings of one name are one name, also where nobody has it: otherwise each spelling would have its own tries.
#[tokio::test]
async fn a_stranger_is_locked_under_every_spelling_of_the_name() {
    let suite = TestSuite::default();
    let mut outcomes = Vec::new();
    for (name, tenant) in [("nobody", "void"), (" NOBODY ", "VOID"), ("ｎobody", "Void")] {
        let session = suite.session().await;
        outcomes.push(suite.service.login_with_password(&session, name, tenant, "x").await.unwrap());
    }
    assert!(matches!(outcomes[2], FactorOutcome::Locked { .. }), "{outcomes:?}");
}

/// Two instances of one deployment count attempts on an unknown name together.
#[tokio::test]
async fn instances_with_one_key_share_the_counts_of_strangers() {
    let suite = TestSuite::default();
    let other = suite.service_over(suite.backend.clone(), suite.backend.clone());
    let mut last = FactorOutcome::InvalidCredential;
    for service in [&suite.service, &other, &suite.service] {
        let session = suite.session().await;
        last = service.login_with_password(&session, "nobody", TENANT, "x").await.unwrap();
    }
    assert!(matches!(last, FactorOutcome::Locked { .. }), "{last:?}");
}
