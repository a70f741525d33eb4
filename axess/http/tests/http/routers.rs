//! The guarded router: its manifest, and what merging, nesting and odd methods do to guards.

use super::{browser::Browser, site::Site};
use axess_http::{Guard, GuardedRouter};
use axum::{extract::State, routing};
use http::{Method, StatusCode};
use std::time::Duration;

async fn page() -> &'static str {
    "welcome"
}

/// A site of some size, put together from parts.
fn parts() -> GuardedRouter {
    let account = GuardedRouter::new()
        .get("/", Guard::Authn, page)
        .patch("/", Guard::Authn, page)
        .delete("/", Guard::Fresh(Duration::from_secs(300)), page)
        .put("/password", Guard::Mfa, page);
    let login = GuardedRouter::new()
        .get("/login", Guard::Guest, page)
        .post("/login", Guard::Guest, page)
        .post("/login/second", Guard::Partial, page);
    let hooks = GuardedRouter::new().route("/{name}", Guard::Authn, routing::any(page));
    GuardedRouter::new()
        .get("/", Guard::Public, page)
        .merge(login)
        .nest("/account", account)
        .nest("/hooks", hooks)
}

#[test]
fn the_manifest_lists_every_route_in_a_stable_order() {
    let golden = "\
GET     /                  public
DELETE  /account           fresh(300s)
GET     /account           authn
PATCH   /account           authn
PUT     /account/password  mfa
ANY     /hooks/{name}      authn
GET     /login             guest
POST    /login             guest
POST    /login/second      partial
";
    assert_eq!(parts().manifest().to_string(), golden);
    assert_eq!(parts().manifest().routes().len(), golden.lines().count());
    assert_eq!(GuardedRouter::<()>::new().manifest().to_string(), "");
}

#[tokio::test]
async fn the_manifest_tells_the_truth() {
    let site = Site::new().await;
    let manifest = parts().manifest();
    let mut nobody = Browser::new(parts().into_router().layer(site.layer()));
    for route in manifest.routes() {
        let method = if route.method == "ANY" { Method::PUT } else { route.method.parse().unwrap() };
        let reply = nobody.send(method, &route.path.replace("{name}", "x")).await;
        let open = matches!(route.guard, Guard::Public | Guard::Guest);
        let expected = if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(reply.status, expected, "{route}");
    }
}

#[tokio::test]
async fn a_merged_or_nested_route_keeps_its_guard() {
    let site = Site::new().await;
    let app = parts().into_router().layer(site.layer());
    let (mut nobody, mut alice) = (Browser::new(app.clone()), site.alice().await.at(app));
    for (method, path, for_nobody, for_alice) in [
        (Method::GET, "/", 200, 200),
        (Method::GET, "/login", 200, 409),
        (Method::POST, "/login/second", 401, 401),
        (Method::GET, "/account", 401, 200),
        (Method::DELETE, "/account", 401, 200),
        (Method::PUT, "/account/password", 401, 401),
        (Method::POST, "/hooks/push", 401, 200),
        (Method::GET, "/hooks/push", 401, 200),
        (Method::GET, "/nowhere", 404, 404),
    ] {
        assert_eq!(nobody.send(method.clone(), path).await.status, for_nobody, "{method} {path}, nobody");
        assert_eq!(alice.send(method.clone(), path).await.status, for_alice, "{method} {path}, alice");
    }
}

#[tokio::test]
async fn head_and_unknown_methods_stand_behind_the_guard_too() {
    let site = Site::new().await;
    let app = GuardedRouter::new().get("/", Guard::Authn, page).into_router().layer(site.layer());
    let (mut nobody, mut alice) = (Browser::new(app.clone()), site.alice().await.at(app));
    let head = alice.send(Method::HEAD, "/").await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.as_str()),
        (StatusCode::OK, Some("7"), "")
    );
    let head = nobody.send(Method::HEAD, "/").await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::UNAUTHORIZED, ""));
    for method in ["POST", "OPTIONS", "TRACE", "PROPFIND"] {
        let method: Method = method.parse().unwrap();
        assert_eq!(alice.send(method.clone(), "/").await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        let reply = nobody.send(method.clone(), "/").await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::UNAUTHORIZED, "authentication_required")
        );
    }
}

#[tokio::test]
async fn the_methods_of_one_path_keep_their_own_guards() {
    let site = Site::new().await;
    let app = GuardedRouter::new()
        .get("/note", Guard::Public, page)
        .post("/note", Guard::Authn, page)
        .into_router()
        .layer(site.layer());
    let (mut nobody, mut alice) = (Browser::new(app.clone()), site.alice().await.at(app));
    assert_eq!(nobody.get("/note").await.status, StatusCode::OK);
    assert_eq!(nobody.post("/note").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(alice.post("/note").await.status, StatusCode::OK);
    assert_eq!(alice.send(Method::DELETE, "/note").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_fallback_of_a_method_router_is_no_way_around_the_guard() {
    let site = Site::new().await;
    let app = GuardedRouter::new()
        .route("/doc", Guard::Authn, routing::get(page).fallback(page))
        .route("/files", Guard::Authn, routing::any_service(routing::get(page)))
        .into_router()
        .layer(site.layer());
    let (mut nobody, mut alice) = (Browser::new(app.clone()), site.alice().await.at(app));
    for (method, path) in [(Method::GET, "/doc"), (Method::DELETE, "/doc"), (Method::GET, "/files")] {
        assert_eq!(
            nobody.send(method.clone(), path).await.status,
            StatusCode::UNAUTHORIZED,
            "{method} {path}"
        );
        assert_eq!(alice.send(method.clone(), path).await.body, "welcome", "{method} {path}");
    }
}

#[tokio::test]
async fn state_reaches_guarded_handlers() {
    async fn name(State(name): State<&'static str>) -> &'static str {
        name
    }
    let site = Site::new().await;
    let app = GuardedRouter::default().get("/", Guard::Public, name).into_router().with_state("axess");
    assert_eq!(Browser::new(app.layer(site.layer())).get("/").await.body, "axess");
}
