//! What each flow costs in storage calls: exact lists, so that an added call is a decision.

use crate::fixtures::{RIGHT, WRONG, code, password, with_totp};
use axess_core::{
    authn::{FactorCredential, Method},
    memory::InMemoryBackend,
    service::AuthnService,
    session::{CookieAction, RequestContext, SessionHandle, Sessions},
};
use axess_testing::{CallLog, CountingBackend, CountingSessionStore, PASSWORD, TENANT, TestSuite, USER};

type Counted = CountingBackend<InMemoryBackend>;

struct Counter {
    suite: TestSuite,
    log: CallLog,
    service: AuthnService<Counted, Counted>,
    sessions: Sessions,
}

impl Counter {
    fn over(suite: TestSuite) -> Self {
        let log = CallLog::default();
        let backend = CountingBackend::new(suite.backend.clone(), log.clone());
        let service = suite.service_over(backend.clone(), backend);
        let store = CountingSessionStore::new(suite.store.clone(), log.clone());
        let sessions = suite.sessions_over(store);
        Self { suite, log, service, sessions }
    }

    async fn fresh(&self) -> SessionHandle {
        self.sessions.open(None, RequestContext::default()).await.unwrap()
    }

    /// A visitor's session that is stored already, opened by the next request.
    async fn visitor(&self) -> SessionHandle {
        let session = self.fresh().await;
        session.set_custom("seen", &true).unwrap();
        session.finish().await.unwrap();
        let id = session.session_id();
        let _ = self.log.take();
        self.sessions.open(Some(id), RequestContext::default()).await.unwrap()
    }
}

#[tokio::test]
async fn a_password_login_in_a_stored_session_takes_five_round_trips_with_its_load() {
    let counter = Counter::over(TestSuite::default());
    let session = counter.visitor().await;
    let outcome = counter.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert_eq!(outcome, RIGHT);
    assert!(matches!(session.finish().await.unwrap(), CookieAction::Issue { .. }));
    // The last two at once.
    let calls = ["load", "reserve_login", "load_factor", "cycle", "settle_attempt", "load_factor"];
    assert_eq!(counter.log.take(), calls);
}

#[tokio::test]
async fn a_password_login_in_two_verbs_takes_five_round_trips_in_a_fresh_session() {
    let counter = Counter::over(TestSuite::default());
    let session = counter.fresh().await;
    counter.service.begin_login(&session, USER, TENANT).await.unwrap();
    assert_eq!(counter.service.verify_factor(&session, password(PASSWORD)).await.unwrap(), RIGHT);
    session.finish().await.unwrap();
    let calls = ["find_login", "reserve_attempt", "load_factor", "insert", "settle_attempt", "load_factor"];
    assert_eq!(counter.log.take(), calls);
}

#[tokio::test]
async fn a_refused_password_is_four_calls_and_the_write_of_the_count() {
    let counter = Counter::over(TestSuite::default());
    let session = counter.visitor().await;
    let outcome = counter.service.login_with_password(&session, USER, TENANT, "wrong").await.unwrap();
    assert_eq!(outcome, WRONG);
    session.finish().await.unwrap();
    assert_eq!(counter.log.take(), ["load", "reserve_login", "load_factor", "settle_attempt", "save"]);
}

#[tokio::test]
async fn a_code_step_spends_its_code_in_one_more_call() {
    let suite = TestSuite::builder().methods(vec![Method::password_then_totp()]).build();
    let totp = with_totp(&suite).await;
    let counter = Counter::over(suite);
    let session = counter.visitor().await;
    let _ = counter.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    let id = session.session_id();
    let _ = counter.log.take();
    let session = counter.sessions.open(Some(id), RequestContext::default()).await.unwrap();
    let credential = FactorCredential::totp(code(&counter.suite, &totp));
    assert_eq!(counter.service.verify_factor(&session, credential).await.unwrap(), RIGHT);
    session.finish().await.unwrap();
    let calls = ["load", "reserve_attempt", "load_factor", "save_factor", "cycle", "settle_attempt"];
    assert_eq!(counter.log.take(), calls);
}

#[tokio::test]
async fn reading_and_logging_out_cost_what_they_must() {
    let counter = Counter::over(TestSuite::default());
    let session = counter.visitor().await;
    assert!(!session.is_authenticated());
    session.finish().await.unwrap();
    assert_eq!(counter.log.take(), ["load"], "a request that changes nothing writes nothing");

    let session = counter.visitor().await;
    counter.service.logout(&session).await.unwrap();
    session.finish().await.unwrap();
    assert_eq!(counter.log.take(), ["load", "end"]);

    let session = counter.fresh().await;
    counter.service.logout(&session).await.unwrap();
    session.finish().await.unwrap();
    assert!(counter.log.take().is_empty(), "a guest without a cookie costs nothing");
}
