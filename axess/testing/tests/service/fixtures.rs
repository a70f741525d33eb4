//! What several tests of this binary need.

use axess_clock::Clock;
use axess_core::{
    authn::{FactorConfig, FactorCredential, FactorOutcome, FactorStep, Method},
    session::SessionHandle,
    store::SessionStore,
};
use axess_factors::TotpConfig;
use axess_identity::{FactorKind, OtpCode};
use axess_rng::MockRng;
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};

pub(crate) const RIGHT: FactorOutcome = FactorOutcome::Authenticated;
pub(crate) const WRONG: FactorOutcome = FactorOutcome::InvalidCredential;

/// The longest list of sessions a test looks at.
pub(crate) const ALL: usize = 1_000;

pub(crate) fn password(text: &str) -> FactorCredential {
    FactorCredential::Password(text.into())
}

pub(crate) fn step(kind: FactorKind) -> FactorStep {
    FactorStep::Required(kind)
}

pub(crate) fn method(name: &str, steps: Vec<FactorStep>) -> Method {
    Method { name: name.into(), steps }
}

/// The method `password`, then `kind`.
pub(crate) fn password_then(kind: FactorKind) -> Method {
    method("password-then-another", vec![step(FactorKind::Password), step(kind)])
}

/// A login with the suite's account and password, ended with the request it took.
pub(crate) async fn logged_in(suite: &TestSuite) -> SessionHandle {
    let session = suite.session().await;
    let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert_eq!(outcome, RIGHT);
    suite.reopen(&session).await
}

/// A login after its password step.
pub(crate) async fn half_way(suite: &TestSuite) -> SessionHandle {
    let session = suite.session().await;
    let outcome = suite.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
    assert!(matches!(outcome, FactorOutcome::FactorRequired(_)), "{outcome:?}");
    suite.reopen(&session).await
}

/// Gives the suite's account an authenticator, and returns it.
pub(crate) async fn with_totp(suite: &TestSuite) -> TotpConfig {
    let totp = TotpConfig::generate(&MockRng::new(77));
    suite.enrol(FactorConfig::Totp(totp.clone())).await;
    totp
}

/// The code the authenticator shows now.
pub(crate) fn code(suite: &TestSuite, totp: &TotpConfig) -> OtpCode {
    totp.code_at(suite.clock.now()).unwrap()
}

/// A code of as many digits that is not `right`.
pub(crate) fn other_than(right: &OtpCode) -> String {
    let digits = right.expose();
    let last = if digits.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", digits.get(..digits.len() - 1).unwrap())
}

/// The names of the events recorded so far.
pub(crate) fn events(suite: &TestSuite) -> Vec<&'static str> {
    suite.audit.events().iter().map(|event| event.payload.wire_name()).collect()
}

/// How many sessions the suite's account has.
pub(crate) async fn live_sessions(suite: &TestSuite) -> usize {
    suite.store.find_sessions_for_user(suite.owner().await, suite.clock.now(), ALL).await.unwrap().len()
}

/// The methods of a suite whose users have a password only.
pub(crate) const PASSWORD_METHOD: fn() -> Vec<Method> = || vec![Method::password()];
