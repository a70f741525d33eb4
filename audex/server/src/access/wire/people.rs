use super::{add as member, tokens::user_id};
use crate::{
    access::{
        Caller,
        people::{self, Link, MAX_NAME, MAX_NAMES, NewPerson, PersonChange},
    },
    api::{
        FromMembers, Members,
        extract::{JsonBody, Params},
    },
    app::App,
    model::{PageQuery, Person, PersonKind},
    problem::Problem,
    requests::LeftToken,
};
use axess::UserId;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest address or name that is read, in bytes.
const MAX_TEXT: usize = 1_024;

impl FromMembers for NewPerson {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let kind = match members.text("kind", MAX_TEXT)?.as_deref() {
            None | Some("human") => PersonKind::Human,
            Some("service") => PersonKind::Service,
            Some(_) => return Err(Problem::invalid("kind", "`kind` is human or service")),
        };
        Ok(Self {
            email: members.required_text("email", MAX_TEXT)?,
            display_name: members.text("display_name", MAX_TEXT)?,
            kind,
            groups: members.texts("groups", MAX_NAMES, MAX_NAME)?.unwrap_or_default(),
            roles: members.texts("roles", MAX_NAMES, MAX_NAME)?.unwrap_or_default(),
        })
    }
}

impl FromMembers for PersonChange {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            display_name: members.text("display_name", MAX_TEXT)?,
            groups: members.texts("groups", MAX_NAMES, MAX_NAME)?,
            roles: members.texts("roles", MAX_NAMES, MAX_NAME)?,
            is_disabled: members.flag("disabled")?,
        })
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(page): Params<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = people::list(&app.access, &caller, &page).await?;
    let items: Vec<Value> = page.items.iter().map(shape).collect();
    let mut list = json!({ "items": items });
    if let Some(next) = page.next {
        member(&mut list, "next", json!(next));
    }
    Ok(Json(list))
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(new): JsonBody<NewPerson>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (person, link) = people::add(&app.access, &caller, new).await?;
    let mut shown = shape(&person);
    if let Some(link) = link {
        member(&mut shown, "enrolment", enrolment(&link));
    }
    Ok((StatusCode::CREATED, Json(shown)))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<PersonChange>,
) -> Result<Json<Value>, Problem> {
    let (person, ended) = app.change_person(&caller, named(&id)?, change).await?;
    let mut shown = shape(&person);
    if let Some(ended) = ended {
        let left =
            |token: &LeftToken| json!({ "id": token.id, "name": token.name, "owner_email": token.owner });
        let service_tokens: Vec<Value> = ended.left.iter().map(left).collect();
        let ended = json!({
            "sessions": ended.sessions,
            "requests": ended.requests,
            "service_tokens": service_tokens,
        });
        member(&mut shown, "ended", ended);
    }
    Ok(Json(shown))
}

pub(super) async fn reinvite(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let link = people::reinvite(&app.access, &caller, named(&id)?).await?;
    Ok(Json(json!({ "enrolment": enrolment(&link) })))
}

fn named(id: &str) -> Result<UserId, Problem> {
    user_id("id", id).map_err(|_| Problem::not_found())
}

fn enrolment(link: &Link) -> Value {
    json!({ "url": link.url, "expires_at": link.expires_at })
}

fn shape(person: &Person) -> Value {
    json!({
        "id": person.user_id,
        "email": person.email,
        "display_name": person.display_name,
        "kind": person.kind,
        "groups": person.groups,
        "roles": person.roles,
        "disabled": person.is_disabled,
        "created_at": person.created_at,
    })
}
