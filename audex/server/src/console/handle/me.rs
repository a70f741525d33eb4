use super::{people::correctable, posted::Posted, visit::Visit};
use crate::{
    access::{Action, CALLER, PERSON, keys, login, tokens},
    app::App,
    console::view::{
        frame::{Here, answer},
        me::{KeyRow, MadeToken, MePage, TokenRow},
    },
    model::PageQuery,
    problem::Problem,
};
use axess::{AuthSession, GuardedRouter};
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/console/me", CALLER, show)
        .post("/console/me/tokens", PERSON, make_token)
        .post("/console/me/keys/{id}/remove", PERSON, remove_key)
        .post("/console/tokens/{id}/revoke", CALLER, revoke_token)
}

async fn show(visit: Visit, session: AuthSession) -> Result<Response, Problem> {
    page(&visit, &session, StatusCode::OK, None, None).await
}

async fn make_token(visit: Visit, session: AuthSession, posted: Posted) -> Result<Response, Problem> {
    match tokens::make(&visit.app.access, &visit.caller, new_token(&posted)).await {
        Ok(made) => {
            let made = MadeToken { name: made.token.name, secret: made.secret };
            page(&visit, &session, StatusCode::OK, Some(made), None).await
        }
        Err(problem) => {
            let (status, fault) = correctable(problem)?;
            page(&visit, &session, status, None, Some(fault)).await
        }
    }
}

/// Reads the form for a token.
pub(super) fn new_token(posted: &Posted) -> tokens::NewToken {
    let scopes =
        Action::ALL.into_iter().filter(|action| posted.is_checked(&format!("scope_{}", action.name())));
    // What is no number is refused like a number that is too large.
    let days = posted.text("days").parse().unwrap_or(0);
    tokens::NewToken { scopes: scopes.collect(), days, ..tokens::NewToken::new(posted.text("token_name")) }
}

async fn revoke_token(visit: Visit, Path(id): Path<String>, posted: Posted) -> Result<Response, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::not_found())?;
    tokens::revoke(&visit.app.access, &visit.caller, id).await?;
    let back = posted.text("back");
    Ok(Redirect::to(&format!("{}?done=token", login::safe_next(&back))).into_response())
}

async fn remove_key(visit: Visit, Path(id): Path<String>, _: Posted) -> Result<Response, Problem> {
    keys::remove(&visit.app.access, &visit.caller, &id).await?;
    Ok(Redirect::to("/console/me?done=removed").into_response())
}

async fn page(
    visit: &Visit,
    session: &AuthSession,
    status: StatusCode,
    made: Option<MadeToken>,
    fault: Option<String>,
) -> Result<Response, Problem> {
    let access = &visit.app.access;
    let tokens = tokens::list(access, &visit.caller, None, &PageQuery::default()).await?;
    let keys = keys::list(access, &visit.caller).await?;
    let page = MePage {
        frame: visit.frame("Your account", Here::Me),
        name: visit.caller.display_name.clone(),
        identity: visit.caller.identity(),
        groups: visit.caller.requester.groups().to_vec(),
        roles: visit.caller.roles.clone(),
        tokens: tokens.items.iter().map(|token| TokenRow::new(token, None, visit.now)).collect(),
        keys: keys.iter().map(KeyRow::new).collect(),
        scopes: Action::ALL.map(Action::name).to_vec(),
        made,
        fault,
        is_fresh: login::is_fresh(access, session),
    };
    Ok(answer(status, &page))
}
