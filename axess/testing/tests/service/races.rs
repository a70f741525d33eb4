//! Races, one seed per interleaving of storage calls. `AXESS_SEED=n` runs one seed again.

mod codes;
mod enrolment;
mod federation;
mod lockout;
mod passwords;
mod refresh;
mod sessions;

use crate::fixtures::{PASSWORD_METHOD, RIGHT};
use axess_core::{
    authn::{AuthnError, FactorOutcome, Method},
    memory::{InMemoryBackend, InMemorySessionStore},
    service::AuthnService,
    session::{RequestContext, SessionHandle, Sessions},
};
use axess_factors::Argon2idParams;
use axess_identity::{LockoutPolicy, SessionId};
use axess_testing::{
    PASSWORD, TENANT, TestSuite, USER, YieldPoints, Yielding,
    schedule::{self, Task, for_each_seed, task},
};
use std::collections::BTreeMap;

/// How many interleavings each race is tried in.
const SEEDS: u64 = 600;

type Paused = Yielding<InMemoryBackend>;

/// A suite, and the same service over stores that pause at every call.
struct World {
    seed: u64,
    suite: TestSuite,
    service: AuthnService<Paused, Paused>,
    sessions: Sessions,
}

impl World {
    fn new(seed: u64, methods: Vec<Method>, lockout: LockoutPolicy) -> Self {
        let cheapest = Argon2idParams::new(8, 1, 1).unwrap();
        let builder = TestSuite::builder().seed(seed).argon2id(cheapest).methods(methods).lockout(lockout);
        let suite = builder.build();
        let backend: Paused = Yielding::new(suite.backend.clone(), YieldPoints);
        let service = suite.service_over(backend.clone(), backend);
        let store: Yielding<InMemorySessionStore> = Yielding::new(suite.store.clone(), YieldPoints);
        let sessions = suite.sessions_over(store);
        Self { seed, suite, service, sessions }
    }

    fn with_password(seed: u64) -> Self {
        Self::new(seed, PASSWORD_METHOD(), LockoutPolicy::default())
    }

    /// Opens a session in the race, load included.
    async fn open(&self, id: SessionId) -> SessionHandle {
        self.sessions.open(Some(id), RequestContext::default()).await.unwrap()
    }

    /// Opens a new session in the race.
    async fn visitor(&self) -> SessionHandle {
        self.sessions.open(None, RequestContext::default()).await.unwrap()
    }

    fn run<T>(&self, tasks: Vec<Task<'_, T>>) -> Vec<T> {
        schedule::run(self.seed, tasks)
    }

    /// A login begun in a stored session, before its first factor.
    fn begun(&self) -> SessionId {
        alone(async {
            let session = self.suite.session().await;
            self.suite.service.begin_login(&session, USER, TENANT).await.unwrap();
            self.suite.reopen(&session).await.session_id()
        })
    }

    /// A login after its password step, or a finished one where that is the only step.
    fn password_proved(&self) -> SessionId {
        alone(async {
            let session = self.suite.session().await;
            let outcome = self.suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await;
            assert!(!matches!(outcome.unwrap(), FactorOutcome::InvalidCredential));
            self.suite.reopen(&session).await.session_id()
        })
    }

    fn live(&self) -> usize {
        alone(crate::fixtures::live_sessions(&self.suite))
    }

    fn accepts(&self, password: &str) -> bool {
        alone(async {
            let session = self.suite.session().await;
            self.suite.service.login_with_password(&session, USER, TENANT, password).await.unwrap() == RIGHT
        })
    }
}

/// Runs what nobody races.
fn alone<T>(future: impl Future<Output = T> + Send) -> T {
    schedule::run(0, vec![task(future)]).pop().unwrap()
}

/// Counts how often each way a race can end came up, so that a race that never happens is noticed.
#[derive(Default)]
struct Endings(BTreeMap<String, u32>);

impl Endings {
    fn saw(&mut self, ending: impl std::fmt::Debug) {
        *self.0.entry(format!("{ending:?}")).or_default() += 1;
    }

    /// All of these must have come up; a single replayed seed shows only one.
    fn must_include(&self, expected: &[&str]) {
        if std::env::var("AXESS_SEED").is_err() {
            let missing: Vec<_> = expected.iter().filter(|ending| !self.0.contains_key(**ending)).collect();
            assert!(missing.is_empty(), "{missing:?} never came up in {:?}", self.0);
        }
    }
}

/// The short name of how a verification ended.
fn ending(result: &Result<FactorOutcome, AuthnError>) -> &'static str {
    match result {
        Ok(FactorOutcome::Authenticated) => "right",
        Ok(FactorOutcome::FactorRequired(_)) => "more",
        Ok(FactorOutcome::InvalidCredential) => "wrong",
        Ok(FactorOutcome::Locked { .. }) => "locked",
        Err(AuthnError::SessionEnded) => "ended",
        Err(AuthnError::NotAuthenticating) => "not begun",
        Err(other) => panic!("{other:?}"),
    }
}
