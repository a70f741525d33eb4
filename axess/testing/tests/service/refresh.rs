//! Logins that are continued with refresh tokens.

mod endings;
mod faults;
mod flow;
mod reuse;

use crate::fixtures::{RIGHT, events};
use axess_clock::Clock;
use axess_core::{
    authn::AuthnError,
    device::{DeviceMatch, DeviceSignals, Devices},
    memory::{InMemoryBackend, MemoryDeviceStore, MemoryRefreshTokenStore},
    refresh::{
        IssuedRefreshToken, RefreshOutcome, RefreshToken, RefreshTokenConfig, RefreshTokens, TokenCompromise,
    },
    service::{AuthnService, Operator},
    session::SessionHandle,
    store::RefreshTokenStore,
};
use axess_identity::{DeviceId, TokenSecret};
use axess_testing::{PASSWORD, TENANT, TestSuite, USER};
use std::sync::{Arc, Mutex};

/// A suite whose service has refresh tokens and devices.
pub(crate) struct Wired {
    pub(crate) suite: TestSuite,
    pub(crate) service: AuthnService<InMemoryBackend, InMemoryBackend>,
    pub(crate) tokens: MemoryRefreshTokenStore,
    pub(crate) devices: MemoryDeviceStore,
    alarms: Arc<Mutex<Vec<TokenCompromise>>>,
}

impl Wired {
    pub(crate) fn new() -> Self {
        Self::with(TestSuite::default(), RefreshTokenConfig::default())
    }

    pub(crate) fn with(suite: TestSuite, config: RefreshTokenConfig) -> Self {
        let (tokens, devices) = (MemoryRefreshTokenStore::new(), MemoryDeviceStore::new());
        let alarms: Arc<Mutex<Vec<TokenCompromise>>> = Arc::default();
        let heard = Arc::clone(&alarms);
        let refresh = RefreshTokens::new(Arc::new(tokens.clone()))
            .with_config(config)
            .on_token_compromise(move |alarm| heard.lock().unwrap().push(alarm.clone()));
        let service = suite
            .service_over(suite.backend.clone(), suite.backend.clone())
            .with_refresh_tokens(refresh)
            .with_devices(Devices::new(Arc::new(devices.clone())));
        Self { suite, service, tokens, devices, alarms }
    }

    pub(crate) async fn logged_in(&self) -> SessionHandle {
        let session = self.suite.session().await;
        let outcome = self.service.login_with_password(&session, USER, TENANT, PASSWORD).await.unwrap();
        assert_eq!(outcome, RIGHT);
        session
    }

    /// A login on a device, and its first refresh token.
    pub(crate) async fn with_device(&self, browser: &str) -> (SessionHandle, DeviceId, IssuedRefreshToken) {
        let session = self.logged_in().await;
        let device = self.recognise(&session, browser).await.device_id();
        let issued = self.service.issue_refresh_token(&session).await.unwrap();
        (session, device, issued)
    }

    pub(crate) async fn recognise(&self, session: &SessionHandle, browser: &str) -> DeviceMatch {
        self.service.resolve_device(session, &signals(browser)).await.unwrap().unwrap()
    }

    /// Presents a token in a new session.
    pub(crate) async fn refresh(
        &self,
        token: &TokenSecret,
    ) -> (SessionHandle, Result<RefreshOutcome, AuthnError>) {
        let session = self.suite.session().await;
        let outcome = self.service.refresh_session(&session, token.clone()).await;
        (session, outcome)
    }

    /// Presents a token that works.
    pub(crate) async fn refreshed(&self, token: &TokenSecret) -> (SessionHandle, IssuedRefreshToken) {
        let (session, outcome) = self.refresh(token).await;
        match outcome.unwrap() {
            RefreshOutcome::Refreshed(issued) => (session, issued),
            RefreshOutcome::Refused => panic!("refused"),
        }
    }

    /// Presents a token that does not work: nobody is logged in then.
    pub(crate) async fn refused(&self, token: &TokenSecret) {
        let (session, outcome) = self.refresh(token).await;
        assert!(matches!(outcome.unwrap(), RefreshOutcome::Refused));
        assert!(session.is_guest() && self.suite.reopen(&session).await.is_guest());
    }

    pub(crate) async fn row(&self, issued: &IssuedRefreshToken) -> Option<RefreshToken> {
        self.tokens.load_token(self.suite.owner().await, issued.id).await.unwrap()
    }

    pub(crate) async fn active(&self) -> usize {
        let (owner, now) = (self.suite.owner().await, self.suite.clock.now());
        self.tokens.find_tokens_for_user(owner, now, 100).await.unwrap().len()
    }

    pub(crate) fn alarms(&self) -> Vec<TokenCompromise> {
        self.alarms.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        events(&self.suite).into_iter().filter(|event| *event == name).count()
    }
}

pub(crate) fn signals(browser: &str) -> DeviceSignals {
    DeviceSignals { user_agent: Some(browser.into()), ..DeviceSignals::default() }
}

pub(crate) fn operator() -> Operator {
    Operator::new("ops@example.com", "ticket 4711")
}
