//! The login of a program on the machine of the browser: `tryaudex login --browser`.

use super::{posted::Posted, visit::Visit};
use crate::{
    access::{
        PERSON,
        program::{self, ProgramAsk},
    },
    app::App,
    console::view::{
        frame::{Here, answer},
        program::ProgramPage,
    },
    problem::Problem,
};
use axess::GuardedRouter;
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/login/program", PERSON, confirm).post("/console/program", PERSON, decide)
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    #[serde(default)]
    client: String,
    scope: Option<String>,
    jwk: Option<String>,
}

async fn confirm(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    if asked.code_challenge_method != "S256" {
        return Err(Problem::invalid("code_challenge_method", "it is S256"));
    }
    let Asked { redirect_uri, state, code_challenge, client, scope, jwk, .. } = asked;
    let ask = ProgramAsk { redirect_uri, state, code_challenge, client, scope, jwk };
    let checked = ask.check()?;
    // The form leads to the program in the end, and browsers hold redirects against the policy of the page.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        checked.origin
    );
    let key = checked.key_fate(&visit.app.access, &visit.caller).await?;
    let page = ProgramPage {
        key,
        frame: visit.frame("Sign in a program", Here::Elsewhere),
        ask,
        client: checked.client,
        identity: visit.caller.identity(),
        scopes: checked.scopes.join(", "),
        origin: checked.origin,
    };
    let mut shown = answer(StatusCode::OK, &page);
    let policy = HeaderValue::try_from(policy).map_err(|_| Problem::internal())?;
    shown.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(shown)
}

async fn decide(visit: Visit, posted: Posted) -> Result<Response, Problem> {
    let is_allowed = match posted.exact("decision") {
        "allow" => true,
        "deny" => false,
        _ => return Err(Problem::invalid("decision", "it is allow or deny")),
    };
    let text = |name: &str| posted.exact(name).to_owned();
    let ask = ProgramAsk {
        redirect_uri: text("redirect_uri"),
        state: text("state"),
        code_challenge: text("code_challenge"),
        client: text("client"),
        scope: posted.some("scope"),
        jwk: posted.some("jwk"),
    };
    let there = program::answer(&visit.app.access, &visit.caller, &ask, is_allowed).await?;
    Ok(Redirect::to(&there).into_response())
}
