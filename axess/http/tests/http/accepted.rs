//! Guards that ask the application's own authenticator.

use super::{browser::Browser, site::Site};
use axess_core::session::SessionHandle;
use axess_http::{
    Accepted, Authenticator, AuthenticatorLayer, Guard, GuardLayer, GuardRejection, GuardedRouter,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Request, StatusCode, request::Parts};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tower::ServiceExt;

/// Takes a key of a machine for orders, and a session for anything but orders.
#[derive(Default)]
struct Doors {
    asked: AtomicUsize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Who(String);

impl Authenticator for Doors {
    type Caller = Who;

    async fn authenticate(&self, request: &Parts, demand: &'static str) -> Result<Who, Box<Response>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let refuse = |status: StatusCode| Err(Box::new((status, "no").into_response()));
        match (request.headers.get("x-key").map(|key| key.as_bytes()), demand) {
            (Some(b"right"), "orders") => Ok(Who(format!("machine at {}", request.uri.path()))),
            (Some(_), _) => refuse(StatusCode::UNAUTHORIZED),
            (None, "page") => {
                match request.extensions.get::<SessionHandle>().and_then(SessionHandle::user_id) {
                    Some(user) => Ok(Who(user.to_string())),
                    None => refuse(StatusCode::IM_A_TEAPOT),
                }
            }
            (None, _) => refuse(StatusCode::FORBIDDEN),
        }
    }
}

async fn greet(caller: Accepted<Who>, body: String) -> String {
    assert_eq!(*caller, caller.clone().into_inner());
    format!("{} {body}", caller.0)
}

fn app(doors: &Arc<Doors>) -> Router {
    GuardedRouter::new()
        .post("/orders", Guard::Accepted("orders"), greet)
        .get("/page", Guard::Accepted("page"), greet)
        .route("/any", Guard::Accepted("orders"), axum::routing::any(greet))
        .into_router()
        .layer(AuthenticatorLayer::new(Arc::clone(doors)))
}

async fn send(app: Router, method: &str, path: &str, key: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("x-key", key);
    }
    let response = app.oneshot(request.body(Body::from("body")).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn whom_the_authenticator_accepts_gets_in_with_what_it_found() {
    let doors = Arc::new(Doors::default());
    let machine = (200, "machine at /orders body".to_owned());
    assert_eq!(send(app(&doors), "POST", "/orders", Some("right")).await, machine);
    assert_eq!(send(app(&doors), "PUT", "/any", Some("right")).await.0, 200);
    assert_eq!(send(app(&doors), "HEAD", "/any", Some("right")).await.0, 200);
    assert_eq!(doors.asked.load(Ordering::SeqCst), 3, "once for each request");
}

#[tokio::test]
async fn everybody_else_gets_its_refusal() {
    let doors = Arc::new(Doors::default());
    for (method, path, key, status) in [
        ("POST", "/orders", Some("wrong"), 401),
        ("POST", "/orders", None, 403),
        ("GET", "/page", Some("right"), 401),
        ("GET", "/page", None, 418),
        ("DELETE", "/any", None, 403),
    ] {
        let answer = send(app(&doors), method, path, key).await;
        assert_eq!(answer, (status, "no".to_owned()), "{method} {path} {key:?}");
    }
}

#[tokio::test]
async fn it_sees_the_session_whichever_layer_is_outside() {
    let site = Site::new().await;
    let doors = Arc::new(Doors::default());
    let outside = app(&doors).layer(site.layer());
    let inside = GuardedRouter::new()
        .get("/page", Guard::Accepted("page"), greet)
        .into_router()
        .layer(site.layer())
        .layer(AuthenticatorLayer::new(Arc::clone(&doors)));
    for app in [outside, inside] {
        assert_eq!(site.alice().await.at(app.clone()).get("/page").await.status, 200);
        assert_eq!(site.bob_halfway().await.at(app.clone()).get("/page").await.status, 418);
        assert_eq!(Browser::new(app).get("/page").await.status, 418);
    }
}

#[tokio::test]
async fn without_an_authenticator_the_route_is_closed() {
    let app = GuardedRouter::new().get("/", Guard::Accepted("orders"), async || "open").into_router();
    let app = app.route("/group", get(async || "open").layer(GuardLayer::new(Guard::Accepted("orders"))));
    for path in ["/", "/group"] {
        let (status, body) = send(app.clone(), "GET", path, Some("right")).await;
        assert_eq!(status, 500, "{path}");
        assert!(body.contains("internal_error"), "{body}");
    }
    assert_eq!(Guard::Accepted("orders").check(None), Err(GuardRejection::NoAuthenticator));
    assert_eq!(Guard::Accepted("orders").to_string(), "accepted(orders)");
}

#[tokio::test]
async fn a_handler_behind_another_guard_has_no_accepted_caller() {
    let doors = Arc::new(Doors::default());
    let app = GuardedRouter::new()
        .get("/public", Guard::Public, greet)
        .get("/other", Guard::Accepted("orders"), async |caller: Accepted<String>| caller.into_inner())
        .into_router()
        .layer(AuthenticatorLayer::new(doors));
    for path in ["/public", "/other"] {
        assert_eq!(send(app.clone(), "GET", path, Some("right")).await.0, 500, "{path}");
    }
}

/// What one route's guard found says nothing to the next request.
#[tokio::test]
async fn nothing_is_left_for_the_next_request() {
    let doors = Arc::new(Doors::default());
    let app = app(&doors);
    assert_eq!(send(app.clone(), "POST", "/orders", Some("right")).await.0, 200);
    assert_eq!(send(app, "POST", "/orders", None).await.0, 403);
}
