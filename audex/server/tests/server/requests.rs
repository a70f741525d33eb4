//! What may happen to a request, at the service that every way in calls.

mod approval;
mod departed;
mod races;
mod retry;
mod session;
mod today;

use crate::site::{Someone, open, someone};
use audex_core::session::SessionId;
use audex_policy::Provider;
use audex_server::{
    app::App,
    model::Ask,
    requests::{Asked, Ballot},
    settings::ServerSettings,
};
use axess::clock::{Clock, MockClock};
use chrono::Utc;
use std::sync::Arc;

/// A server without HTTP, on a clock that is moved.
pub(crate) struct Bench {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) alice: Someone,
    pub(crate) bob: Someone,
    pub(crate) carol: Someone,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(change: impl Fn(&mut ServerSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "sqlite's files and the log want a time that can be")]
        let clock = Arc::new(MockClock::new(Utc::now()));
        let app =
            open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>, |settings| change(settings)).await;
        let alice = someone(&app, "alice@example.com", &["team:devops"], &["security"]).await;
        let bob = someone(&app, "bob@example.com", &[], &["security"]).await;
        let carol = someone(&app, "carol@example.com", &[], &["compliance", "security"]).await;
        Self { app, clock, alice, bob, carol, folder }
    }

    /// Ends the process's part of it, as a crash does, and begins anew on the same folder.
    pub(crate) async fn restarted(self, change: impl Fn(&mut ServerSettings)) -> Self {
        let Self { app, clock, alice, bob, carol, folder } = self;
        app.close().await;
        drop(app);
        let app =
            open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>, |settings| change(settings)).await;
        Self { app, clock, alice, bob, carol, folder }
    }

    /// Has alice ask for what needs approval.
    pub(crate) async fn pending(&self) -> SessionId {
        match self.app.ask(&self.alice.caller(), delete(), None, None).await.unwrap() {
            Asked::Pending(pending) => pending.session_id,
            Asked::Issued(_) | Asked::Again(_) => panic!("it needs approval"),
        }
    }

    pub(crate) async fn close(self) {
        self.app.close().await;
    }
}

pub(crate) fn delete() -> Ask {
    Ask { allow: "orders:DeleteOrder".to_owned(), ttl: Some("15m".to_owned()), ..Ask::new(Provider::Local) }
}

pub(crate) fn get() -> Ask {
    Ask { allow: "orders:GetOrder".to_owned(), ttl: Some("15m".to_owned()), ..Ask::new(Provider::Local) }
}

pub(crate) fn agreed() -> Ballot<'static> {
    Ballot { approve: true, comment: "for the migration", ..Ballot::default() }
}
