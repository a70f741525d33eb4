//! axum-login on tower-sessions' `MemoryStore`, with signed cookies so that both sides check a MAC. There is no
//! fingerprint; the user is fetched from the backend with each request, here the cheapest backend there can be.

use crate::{
    Fault,
    browser::{Template, cookie_of, forged},
    case::{Case, send},
    report,
};
use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend};
use std::{collections::HashMap, convert::Infallible, sync::Arc};
use tower_sessions::{MemoryStore, SessionManagerLayer, cookie::Key};

const ALICE: i64 = 1;

type AuthSession = axum_login::AuthSession<Users>;

/// A user that clones without copying.
#[derive(Debug, Clone)]
struct User(Arc<Account>);

#[derive(Debug)]
struct Account {
    id: i64,
    password_hash: [u8; 32],
}

/// A table that nobody writes to, so it needs no lock.
#[derive(Clone)]
struct Users(Arc<HashMap<i64, User>>);

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.0.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.0.password_hash
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = i64;
    type Error = Infallible;

    async fn authenticate(&self, id: i64) -> Result<Option<User>, Infallible> {
        self.get_user(&id).await
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, Infallible> {
        Ok(self.0.get(id).cloned())
    }
}

/// Builds the site, logs in, and returns what to time.
pub(crate) async fn cases() -> Result<Vec<Case>, Fault> {
    let alice = User(Arc::new(Account { id: ALICE, password_hash: [9; 32] }));
    let users = Users(Arc::new(HashMap::from([(ALICE, alice)])));
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_signed(Key::from(&[7; 64]));
    let mut site = Router::new()
        .route("/hello", get(hello))
        .route("/theme", get(theme).post(set_theme))
        .route("/me", get(me))
        .route("/login", post(log_in))
        .layer(AuthManagerLayerBuilder::new(users, sessions).build());

    let anonymous = cookie_of(&send(&mut site, Template::post("/theme").request()).await?)?;
    let alice = cookie_of(&send(&mut site, Template::post("/login").request()).await?)?;
    let me = || Template::get("/me");
    Case::refused("axum-login: no cookie on /me", &site, me()).check().await?;
    Case::refused("axum-login: anonymous on /me", &site, me().with_cookie(&anonymous)?).check().await?;
    Case::refused("axum-login: forged on /me", &site, me().with_cookie(&forged(&alice))?).check().await?;
    Ok(vec![
        Case::ok("axum-login: no cookie", &site, Template::get("/hello"), "hello nobody"),
        Case::ok("axum-login: anonymous", &site, Template::get("/theme").with_cookie(&anonymous)?, "dark"),
        Case::ok(report::THEIRS, &site, me().with_cookie(&alice)?, "hello alice"),
    ])
}

async fn hello(auth: AuthSession) -> &'static str {
    if auth.user.is_some() { "hello somebody" } else { "hello nobody" }
}

async fn theme(session: tower_sessions::Session) -> Result<String, StatusCode> {
    let theme = session.get("theme").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    theme.ok_or(StatusCode::NOT_FOUND)
}

async fn set_theme(session: tower_sessions::Session) -> Result<&'static str, StatusCode> {
    session.insert("theme", "dark").await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("kept")
}

async fn me(auth: AuthSession) -> Result<&'static str, StatusCode> {
    let user = auth.user.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(if user.id() == ALICE { "hello alice" } else { "hello somebody" })
}

async fn log_in(mut auth: AuthSession) -> Result<&'static str, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let user = auth.authenticate(ALICE).await.map_err(failed)?.ok_or(StatusCode::UNAUTHORIZED)?;
    auth.login(&user).await.map_err(failed)?;
    Ok("logged in")
}
