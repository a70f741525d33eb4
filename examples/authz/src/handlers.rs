//! What the routes do. Each asks first: the question is a line, the rules are elsewhere.

use crate::{
    access,
    documents::{Document, Listed},
    refusal::Refusal,
    routes::App,
};
use axess::{
    AuthSession, Authenticated, AuthnError, ClientIp, FactorCredential, FactorKind, FactorOutcome,
    FactorStep, authz::Authz, device::device_signals, identity::Identifier, store::IdentityLookup,
};
use axum::{
    Extension, Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Login {
    tenant: String,
    username: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct Proof {
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct Body {
    body: String,
}

#[derive(Deserialize)]
pub(crate) struct Question {
    user: String,
    action: String,
}

pub(crate) async fn login(
    session: AuthSession,
    State(app): State<App>,
    Json(form): Json<Login>,
) -> Result<StatusCode, Refusal> {
    if session.is_authenticated() {
        app.service.logout(&session).await?; // logging in again starts over
    }
    let outcome =
        app.service.login_with_password(&session, &form.username, &form.tenant, form.password).await?;
    Ok(status_of(&outcome))
}

/// Proves the password again, as a challenge may ask for.
pub(crate) async fn step_up(
    user: Authenticated,
    State(app): State<App>,
    Json(form): Json<Proof>,
) -> Result<StatusCode, Refusal> {
    let step = FactorStep::AnyOf(vec![FactorKind::Password]);
    app.service.require_step_up(user.session(), vec![step]).await?;
    let password = FactorCredential::Password(form.password.into());
    Ok(status_of(&app.service.verify_factor(user.session(), password).await?))
}

/// Trusts the browser this request comes from.
pub(crate) async fn trust_device(
    user: Authenticated,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let signals = device_signals(&headers, user.session());
    app.service.resolve_device(user.session(), &signals).await?;
    let trusted = app.service.trust_device(user.session(), None).await?;
    Ok(if trusted.is_some() { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT })
}

pub(crate) async fn list(authz: Authz, State(app): State<App>) -> Result<Json<Vec<Listed>>, Refusal> {
    let filter = authz.list_filter("read", &app.columns).await?;
    Ok(Json(app.documents.list(&filter).await?))
}

pub(crate) async fn read(
    authz: Authz,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Document>, Refusal> {
    access::require(&authz, "read", &id).await?;
    app.documents.load(&id).await?.map(Json).ok_or_else(Refusal::not_found)
}

pub(crate) async fn edit(
    authz: Authz,
    State(app): State<App>,
    Path(id): Path<String>,
    Json(form): Json<Body>,
) -> Result<StatusCode, Refusal> {
    access::require(&authz, "edit", &id).await?;
    app.documents.save_body(&id, &form.body).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(
    authz: Authz,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    access::require(&authz, "delete", &id).await?;
    app.documents.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells an administrator why somebody may or may not do something.
pub(crate) async fn explain(
    user: Authenticated,
    authz: Authz,
    client: Option<Extension<ClientIp>>,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(question): Query<Question>,
) -> Result<String, Refusal> {
    access::require(&authz, "explain", &id).await?;
    let name = Identifier::parse(&question.user).map_err(|_| Refusal::not_found())?;
    let other = app.service.identity().find_user(user.tenant_id, name).await;
    let other = other.map_err(AuthnError::from)?.ok_or_else(Refusal::not_found)?;
    let asker = (&user, &authz, client.map(|Extension(client)| client));
    let explanation = access::explain(asker, &app.facts, other.user_id, &question.action, &id).await?;
    Ok(explanation.to_string())
}

fn status_of(outcome: &FactorOutcome) -> StatusCode {
    match outcome {
        FactorOutcome::Authenticated => StatusCode::NO_CONTENT,
        // Nobody here has a second factor; and a locked account looks like a wrong password.
        FactorOutcome::FactorRequired(_)
        | FactorOutcome::InvalidCredential
        | FactorOutcome::Locked { .. } => StatusCode::UNAUTHORIZED,
    }
}
