//! A store that fails, keys and settings that cannot work: who gets what answer, and that nobody is served meanwhile.

use super::{browser::Browser, probe::Call, site::Site};
use axess_core::memory::InMemorySessionStore;
use axess_http::{AuthSession, CookieConfigError, SameSite, SessionCookieConfig, SessionLayer};
use axum::{Router, routing::get};
use http::{Method, StatusCode};
use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tracing::{
    Event, Level, Metadata,
    field::{Field, Visit},
    span,
};

/// A route that counts how often it is reached, behind `layer`.
fn counting(layer: &SessionLayer) -> (Browser, Arc<AtomicUsize>) {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let handler = async move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    (Browser::new(Router::new().route("/", get(handler)).layer(layer.clone())), reached)
}

#[tokio::test]
async fn when_the_store_cannot_be_read_nobody_is_served() {
    let site = Site::new().await;
    let alice = site.alice().await;
    let (browser, reached) = counting(&site.layer());
    let mut browser = browser.with_cookie(alice.cookie.clone().unwrap());
    site.store.fail_loads(1);
    let reply = browser.get("/").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(!reply.body.contains("secret-host"), "the cause stays inside: {}", reply.body);
    assert_eq!(reply.header("set-cookie"), None, "the session may well be fine");
    assert_eq!((reached.load(Ordering::SeqCst), site.counts.store_faults()), (0, 1));

    assert_eq!(browser.get("/").await.status, StatusCode::OK, "it is back");
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    assert_eq!({ alice }.get("/whoami").await.body, "authenticated");
}

#[tokio::test]
async fn a_guest_without_a_cookie_needs_no_store() {
    let site = Site::new().await;
    site.store.fail_loads(usize::MAX);
    assert_eq!(site.browser().get("/read").await.status, StatusCode::OK);
    assert_eq!(site.store.loads_to_fail(), usize::MAX, "nobody asked it");
}

#[tokio::test]
async fn when_the_session_cannot_be_written_the_request_fails() {
    let site = Site::new().await;
    site.store.fail_writes(1);
    let mut browser = site.browser();
    let reply = browser.get("/write").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert_eq!((reply.header("set-cookie"), site.store.len(), site.counts.store_faults()), (None, 0, 1));

    let mut browser = site.alice().await;
    site.store.fail_writes(1);
    assert_eq!(browser.get("/write").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/read").await.body, "", "the change is lost, and the caller was told");
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
}

#[tokio::test]
async fn a_login_that_cannot_be_stored_is_none() {
    let site = Site::new().await;
    let mut browser = site.browser();
    browser.get("/write").await;
    site.store.fail_writes(2);
    let reply = browser.post("/login?user=alice").await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.get("/whoami").await.body, "guest");
}

#[tokio::test]
async fn an_id_that_was_changed_before_the_store_failed_still_reaches_the_browser() {
    let site = Site::new().await;
    let store = site.store.clone();
    let page = async move |session: AuthSession| {
        session.regenerate().await.unwrap();
        session.set_custom("color", "red").unwrap();
        store.fail_writes(1);
    };
    let app = site.routes().route("/rotate-and-write", get(page)).layer(site.layer());
    let mut browser = site.alice().await.at(app);
    let before = browser.cookie.clone();
    let reply = browser.get("/rotate-and-write").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert_ne!(browser.cookie, before);
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
    assert_eq!(browser.get("/read").await.body, "");
}

#[tokio::test]
async fn a_logout_that_cannot_be_stored_says_so_and_keeps_the_cookie() {
    let site = Site::new().await;
    let mut browser = site.alice().await;
    site.store.fail_writes(1);
    let reply = browser.post("/logout").await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.get("/whoami").await.body, "authenticated", "it is not over, and can be tried again");
    assert_eq!(browser.post("/logout").await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.store.len(), 0);
}

#[tokio::test]
async fn settings_that_cannot_work_serve_nothing_and_say_why() {
    let site = Site::new().await;
    let cookie = |config| site.layer().with_cookie(config);
    let host = |secure| SessionCookieConfig {
        name: Some("__Host-id".to_owned()),
        secure,
        ..SessionCookieConfig::default()
    };
    let many = (0..9).fold(site.layer(), |layer, n| layer.with_previous_key([100 + n; 32]));
    for (layer, why) in [
        (site.layer().with_same_site(SameSite::None).with_secure(false), "SameSite=None needs secure"),
        (cookie(host(false)), "a __Host- cookie needs secure, path \"/\" and no domain"),
        (site.layer().with_previous_key([0; 32]), "all zeros"),
        (many, "at most 8 previous keys"),
    ] {
        let error = layer.check().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let (mut browser, reached) = counting(&layer);
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let reply = browser.send(method, "/").await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (500, "internal_error"), "{why}");
            assert!(!reply.body.contains(why), "the cause is for the log");
        }
        assert_eq!((reached.load(Ordering::SeqCst), site.store.calls()), (0, vec![]), "{why}");
    }
    let fault = site.layer().with_same_site(SameSite::None).with_secure(false).check().unwrap_err();
    assert_eq!(fault.downcast_ref(), Some(&CookieConfigError::SameSiteNoneNeedsSecure));
    assert!(site.layer().check().is_ok() && cookie(host(true)).check().is_ok());
}

#[tokio::test]
async fn a_placeholder_key_works_for_one_process_and_is_warned_about() {
    let log = Log::default();
    let store = InMemorySessionStore::new();
    let layer = |key| {
        let quiet = tracing::subscriber::set_default(log.clone());
        let layer = SessionLayer::new(store.clone(), key);
        drop(quiet);
        layer
    };
    layer([1; 32]);
    assert_eq!(log.lines(), [""; 0]);
    let (first, second) = (layer([0; 32]), layer([0; 32]));
    let warning =
        "WARN the signing key is a placeholder; sessions will not survive a restart of this process";
    assert_eq!(log.lines(), [warning, warning]);

    assert!(first.check().is_ok());
    let page = async |session: AuthSession| {
        session.set_custom("n", &(session.get_custom::<u32>("n").unwrap().unwrap_or(0) + 1)).unwrap();
        session.get_custom::<u32>("n").unwrap().unwrap().to_string()
    };
    let app = |layer: &SessionLayer| Router::new().route("/", get(page)).layer(layer.clone());
    let mut browser = Browser::new(app(&first));
    assert_eq!(browser.get("/").await.body, "1");
    assert_eq!(browser.get("/").await.body, "2");
    // The same store behind another random key: the cookie is worth nothing there.
    assert_eq!(browser.at(app(&second)).get("/").await.body, "1");
}

#[tokio::test]
async fn a_full_store_refuses_new_sessions_only() {
    let site =
        Site::with_store(super::probe::ProbeStore::around(InMemorySessionStore::with_capacity(1))).await;
    let mut first = site.browser();
    assert_eq!(first.get("/write").await.status, StatusCode::NO_CONTENT);
    assert_eq!(site.browser().get("/write").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.store.calls(), [Call::Insert, Call::Insert]);
    assert_eq!(first.get("/write?value=red").await.status, StatusCode::NO_CONTENT);
    assert_eq!(first.get("/read").await.body, "red");
}

/// Keeps what is logged at warning level and above.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), message.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
