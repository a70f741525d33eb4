//! Requests of one session at the same time.

use super::{
    browser::Browser,
    probe::Call,
    site::{Service, Site},
};
use axess_http::AuthSession;
use axum::{
    Extension, Router,
    extract::{Path, State},
    routing::{get, post},
};
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::Barrier;

/// Waits until `both` sides are here: once after the session is loaded, once more where a test says so.
type Meeting = Extension<Arc<Barrier>>;

/// The site's routes and some that wait in the middle.
fn app(site: &Site, at_once: usize) -> (Router, Arc<Barrier>) {
    async fn write_late(
        session: AuthSession,
        Extension(meeting): Meeting,
        Path(key): Path<String>,
    ) -> StatusCode {
        meeting.wait().await;
        session.set_custom(&key, "green").unwrap();
        StatusCode::NO_CONTENT
    }
    /// Writes when the other side has done its work.
    async fn write_last(session: AuthSession, Extension(meeting): Meeting) -> StatusCode {
        meeting.wait().await;
        meeting.wait().await;
        session.set_custom("color", "red").unwrap();
        StatusCode::NO_CONTENT
    }
    async fn log_in_last(
        session: AuthSession,
        State(service): State<Service>,
        Extension(meeting): Meeting,
    ) -> String {
        meeting.wait().await;
        meeting.wait().await;
        let tried =
            service.login_with_password(&session, "alice", "default", "correct horse battery staple").await;
        format!("{tried:?} {}", session.is_authenticated())
    }
    let meeting = Arc::new(Barrier::new(at_once));
    let waiting = Router::new()
        .route("/late/{key}", get(write_late))
        .route("/last", get(write_last))
        .route("/log-in-last", post(log_in_last))
        .with_state(Arc::clone(&site.service));
    let app = site.routes().merge(waiting).layer(Extension(Arc::clone(&meeting))).layer(site.layer());
    (app, meeting)
}

#[tokio::test]
async fn writes_of_different_values_all_survive() {
    const WRITERS: usize = 8;
    let site = Site::new().await;
    let (app, _) = app(&site, WRITERS);
    let mut browser = site.alice().await.at(app);
    site.store.calls();
    let keys: Vec<String> = (0..WRITERS).map(|n| format!("key{n}")).collect();
    let writing = keys.iter().map(|key| {
        let mut tab = browser.clone();
        async move { tab.get(&format!("/late/{key}")).await.status }
    });
    assert!(
        futures_util::future::join_all(writing).await.iter().all(|status| *status == StatusCode::NO_CONTENT)
    );
    let lost = site.store.calls().iter().filter(|call| **call == Call::Lost).count();
    assert_eq!(lost, WRITERS - 1, "all loaded the same version");
    for key in &keys {
        assert_eq!(browser.get(&format!("/read?key={key}")).await.body, "green", "{key}");
    }
    assert_eq!(browser.get("/whoami").await.body, "authenticated");
}

/// Runs `/last` (or another waiting request) of `browser`, and `between` while it waits.
async fn overtaken(
    browser: &Browser,
    meeting: &Barrier,
    request: (http::Method, &str),
    between: impl AsyncFnOnce(&mut Browser),
) -> super::browser::Reply {
    let (mut slow, mut quick) = (browser.clone(), browser.clone());
    let racing = async {
        meeting.wait().await;
        between(&mut quick).await;
        meeting.wait().await;
    };
    tokio::join!(slow.send(request.0, request.1), racing).0
}

#[tokio::test]
async fn a_write_that_comes_after_the_logout_is_dropped() {
    let site = Site::new().await;
    let (app, meeting) = app(&site, 2);
    let browser = site.alice().await.at(app);
    let reply = overtaken(&browser, &meeting, (http::Method::GET, "/last"), async |tab| {
        assert_eq!(tab.post("/logout").await.status, StatusCode::NO_CONTENT);
    })
    .await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::NO_CONTENT, None));
    assert_eq!(site.store.len(), 0, "the session is not back");
}

#[tokio::test]
async fn a_write_that_comes_after_a_new_id_is_dropped_and_leaves_the_cookie() {
    let site = Site::new().await;
    let (app, meeting) = app(&site, 2);
    let mut browser = site.alice().await.at(app);
    browser.get("/write").await;
    let mut rotated = None;
    let reply = overtaken(&browser, &meeting, (http::Method::GET, "/last"), async |tab| {
        assert_eq!(tab.post("/rotate").await.status, StatusCode::NO_CONTENT);
        rotated = Some(tab.clone());
    })
    .await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::NO_CONTENT, None));
    let mut rotated = rotated.unwrap();
    assert_eq!((rotated.get("/read").await.body.as_str(), site.store.len()), ("green", 1));
    assert_eq!(rotated.get("/whoami").await.body, "authenticated");
}

#[tokio::test]
async fn a_login_that_comes_after_the_logout_grants_nothing() {
    let site = Site::new().await;
    let (app, meeting) = app(&site, 2);
    let mut browser = site.browser().at(app);
    browser.get("/write").await;
    let reply = overtaken(&browser, &meeting, (http::Method::POST, "/log-in-last"), async |tab| {
        tab.post("/logout").await;
    })
    .await;
    assert_eq!((reply.body.as_str(), reply.header("set-cookie")), ("Err(SessionEnded) false", None));
    assert_eq!(site.store.len(), 0);
}
