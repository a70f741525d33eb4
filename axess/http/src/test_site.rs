//! A small site with one user, for tests of layers that read the session.

use axess_core::{
    authn::{FactorCredential, FactorOutcome},
    memory::{InMemoryBackend, InMemorySessionStore},
    service::AuthnService,
    session::{RequestContext, SessionHandle, Sessions},
};
use std::sync::Arc;

const PASSWORD: &str = "correct horse battery staple";

/// One user, and sessions to log in from.
#[derive(Clone)]
pub(crate) struct TestSite {
    sessions: Sessions,
    service: Arc<AuthnService<InMemoryBackend, InMemoryBackend>>,
}

impl TestSite {
    pub(crate) fn new() -> Self {
        let backend = InMemoryBackend::new().with_user_password("alice", "default", PASSWORD);
        Self {
            sessions: Sessions::new(InMemorySessionStore::new()),
            service: Arc::new(AuthnService::new(backend.clone(), backend)),
        }
    }

    /// Opens a session nobody has logged in to.
    pub(crate) async fn guest(&self) -> SessionHandle {
        self.sessions.open(None, RequestContext::default()).await.unwrap()
    }

    /// Opens a session and logs in.
    pub(crate) async fn logged_in(&self) -> SessionHandle {
        let session = self.guest().await;
        self.log_in(&session).await;
        session
    }

    /// Logs in, which gives the session another id.
    pub(crate) async fn log_in(&self, session: &SessionHandle) {
        self.service.begin_login(session, "alice", "default").await.unwrap();
        let password = FactorCredential::Password(PASSWORD.into());
        let outcome = self.service.verify_factor(session, password).await.unwrap();
        assert_eq!(outcome, FactorOutcome::Authenticated);
    }
}
