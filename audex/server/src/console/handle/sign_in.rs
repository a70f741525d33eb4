//! The pages of the login; its forms go to the front door itself, which counts guesses.

use super::{faults::form_encoded, visit::Passer};
use crate::{
    access::login::{is_signed_in, safe_next},
    app::App,
    console::view::{
        frame::{Frame, Here, answer},
        prove_again::ProveAgainPage,
        sign_in::{SignInPage, SignInStep},
        signed_out::SignedOutPage,
    },
};
use axess::{AuthSession, Guard, GuardedRouter};
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/login", Guard::Public, password).get("/login/totp", Guard::Public, code).get(
        "/login/recovery",
        Guard::Public,
        recovery,
    )
}

#[derive(Debug, Deserialize)]
struct Way {
    /// Where to go afterwards.
    #[serde(default)]
    next: String,
    /// Whether the try before did not work.
    #[serde(default)]
    failed: Option<String>,
}

async fn password(passer: Passer, session: AuthSession, Query(way): Query<Way>) -> Response {
    if is_signed_in(&passer.app.access, &session) {
        return Redirect::to(safe_next(&way.next)).into_response();
    }
    page(&passer, SignInStep::Password, &way)
}

/// Shows that somebody is signed out here, and leads to where they are at the provider.
pub(crate) fn signed_out(provider: String) -> Response {
    let frame = Frame::new("Signed out", Here::Elsewhere);
    answer(StatusCode::OK, &SignedOutPage { frame, provider })
}

async fn code(passer: Passer, session: AuthSession, Query(way): Query<Way>) -> Response {
    second(&passer, &session, SignInStep::Code, &way)
}

async fn recovery(passer: Passer, session: AuthSession, Query(way): Query<Way>) -> Response {
    second(&passer, &session, SignInStep::Recovery, &way)
}

/// For a login that waits for it, or to prove it again.
fn second(passer: &Passer, session: &AuthSession, step: SignInStep, way: &Way) -> Response {
    if passer.app.access.is_by_sso(session) {
        let next_encoded = form_encoded(safe_next(&way.next));
        let frame = passer.frame("Confirm that it is you");
        return answer(StatusCode::OK, &ProveAgainPage { frame, next_encoded });
    }
    if session.expected_step().is_none() && !session.is_authenticated() {
        let login = format!("/login?next={}", form_encoded(safe_next(&way.next)));
        return Redirect::to(&login).into_response();
    }
    page(passer, step, way)
}

fn page(passer: &Passer, step: SignInStep, way: &Way) -> Response {
    let title = match step {
        SignInStep::Password => "Sign in",
        SignInStep::Code => "Confirm that it is you",
        SignInStep::Recovery => "Use a recovery code",
    };
    let next = safe_next(&way.next).to_owned();
    let next_encoded = form_encoded(&next);
    let has_failed = way.failed.is_some();
    let offer = passer.app.access.offer();
    let page = SignInPage { frame: passer.frame(title), step, next, next_encoded, has_failed, offer };
    answer(StatusCode::OK, &page)
}
