use super::{faults::sentence, me::new_token, posted::Posted, request::said, visit::Visit};
use crate::{
    access::{
        Action, CALLER, PERSON, Subject, login,
        people::{self, Link, NewPerson, PersonChange},
        tokens,
    },
    app::App,
    console::view::{
        frame::{Here, answer},
        me::{MadeToken, TokenRow},
        people::{InvitationLink, PeoplePage, PersonFields, PersonPage, PersonRow},
    },
    model::{ApiToken, PageQuery, Person, PersonKind},
    problem::Problem,
};
use axess::{AuthSession, GuardedRouter, UserId};
use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use std::sync::Arc;

/// How many people a page shows.
const SHOWN: u32 = 50;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/console/people", CALLER, list)
        .post("/console/people", PERSON, invite)
        .get("/console/people/{id}", CALLER, show)
        .post("/console/people/{id}", PERSON, change)
        .post("/console/people/{id}/invite", PERSON, reinvite)
        .post("/console/people/{id}/tokens", PERSON, make_token)
}

/// What a page shows beside what is there.
#[derive(Default)]
struct Shown {
    fields: Option<PersonFields>,
    invitation: Option<InvitationLink>,
    made: Option<MadeToken>,
    fault: Option<String>,
}

async fn list(
    visit: Visit,
    session: AuthSession,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    people_page(&visit, &session, StatusCode::OK, query.after, Shown::default()).await
}

async fn invite(visit: Visit, session: AuthSession, posted: Posted) -> Result<Response, Problem> {
    let fields = fields_of(&posted);
    let kind = if fields.is_service { PersonKind::Service } else { PersonKind::Human };
    let new = NewPerson {
        email: fields.email.clone(),
        display_name: posted.some("name"),
        kind,
        groups: posted.list("groups"),
        roles: posted.list("roles"),
    };
    match people::add(&visit.app.access, &visit.caller, new).await {
        Ok((person, Some(link))) => {
            let invitation = Some(invitation(&person, link));
            let shown = Shown { invitation, ..Shown::default() };
            people_page(&visit, &session, StatusCode::OK, None, shown).await
        }
        Ok((person, None)) => {
            Ok(Redirect::to(&format!("/console/people/{}", person.user_id)).into_response())
        }
        Err(problem) => {
            let (status, fault) = correctable(problem)?;
            let shown = Shown { fields: Some(fields), fault: Some(fault), ..Shown::default() };
            people_page(&visit, &session, status, None, shown).await
        }
    }
}

async fn show(visit: Visit, session: AuthSession, Path(id): Path<String>) -> Result<Response, Problem> {
    let person = known(&visit, &id).await?;
    person_page(&visit, &session, StatusCode::OK, &person, Shown::default()).await
}

async fn change(
    visit: Visit,
    session: AuthSession,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let person = known(&visit, &id).await?;
    let wanted = PersonChange {
        display_name: posted.some("name"),
        groups: Some(posted.list("groups")),
        roles: Some(posted.list("roles")),
        is_disabled: Some(posted.is_checked("disabled")),
    };
    match visit.app.change_person(&visit.caller, person.user_id, wanted).await {
        Ok((person, _)) => {
            Ok(Redirect::to(&format!("/console/people/{}?done=saved", person.user_id)).into_response())
        }
        Err(problem) => {
            let (status, fault) = correctable(problem)?;
            let fields = PersonFields { email: person.email.clone(), ..fields_of(&posted) };
            let shown = Shown { fields: Some(fields), fault: Some(fault), ..Shown::default() };
            person_page(&visit, &session, status, &person, shown).await
        }
    }
}

async fn reinvite(
    visit: Visit,
    session: AuthSession,
    Path(id): Path<String>,
    _: Posted,
) -> Result<Response, Problem> {
    let person = known(&visit, &id).await?;
    let (status, shown) = match people::reinvite(&visit.app.access, &visit.caller, person.user_id).await {
        Ok(link) => {
            (StatusCode::OK, Shown { invitation: Some(invitation(&person, link)), ..Shown::default() })
        }
        Err(problem) => {
            let (status, fault) = correctable(problem)?;
            (status, Shown { fault: Some(fault), ..Shown::default() })
        }
    };
    person_page(&visit, &session, status, &person, shown).await
}

async fn make_token(
    visit: Visit,
    session: AuthSession,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Problem> {
    let person = known(&visit, &id).await?;
    let new = tokens::NewToken { owner: Some(person.user_id), ..new_token(&posted) };
    let (status, shown) = match tokens::make(&visit.app.access, &visit.caller, new).await {
        Ok(made) => {
            let made = MadeToken { name: made.token.name, secret: made.secret };
            (StatusCode::OK, Shown { made: Some(made), ..Shown::default() })
        }
        Err(problem) => {
            let (status, fault) = correctable(problem)?;
            (status, Shown { fault: Some(fault), ..Shown::default() })
        }
    };
    person_page(&visit, &session, status, &person, shown).await
}

/// Returns what a form can be corrected by; anything else is a page of its own.
pub(super) fn correctable(problem: Problem) -> Result<(StatusCode, String), Problem> {
    match problem.status() {
        status @ (StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => Ok((status, sentence(&said(&problem)))),
        _ => Err(problem),
    }
}

async fn known(visit: &Visit, id: &str) -> Result<Person, Problem> {
    visit.app.access.may(&visit.caller, Action::Read, &Subject::People)?;
    let id: UserId = id.parse().map_err(|_| Problem::not_found())?;
    visit.app.store.person(id).await?.ok_or_else(Problem::not_found)
}

fn fields_of(posted: &Posted) -> PersonFields {
    PersonFields {
        email: posted.text("email"),
        name: posted.text("name"),
        is_service: posted.is_checked("service"),
        groups: posted.text("groups"),
        roles: posted.text("roles"),
    }
}

fn invitation(person: &Person, link: Link) -> InvitationLink {
    InvitationLink { email: person.email.clone(), link: link.url }
}

async fn people_page(
    visit: &Visit,
    session: &AuthSession,
    status: StatusCode,
    after: Option<String>,
    shown: Shown,
) -> Result<Response, Problem> {
    let query = PageQuery { limit: Some(SHOWN), after };
    let page = people::list(&visit.app.access, &visit.caller, &query).await?;
    let page = PeoplePage {
        frame: visit.frame("People", Here::People),
        rows: page.items.iter().map(PersonRow::new).collect(),
        next: page.next.map(|next| format!("/console/people?after={next}")),
        fields: shown.fields.unwrap_or_default(),
        invitation: shown.invitation,
        fault: shown.fault,
        is_fresh: login::is_fresh(&visit.app.access, session),
    };
    Ok(answer(status, &page))
}

async fn person_page(
    visit: &Visit,
    session: &AuthSession,
    status: StatusCode,
    person: &Person,
    shown: Shown,
) -> Result<Response, Problem> {
    let tokens = match person.kind {
        PersonKind::Service => {
            let query = PageQuery::default();
            tokens::list(&visit.app.access, &visit.caller, Some(person.user_id), &query).await?.items
        }
        PersonKind::Human => Vec::new(),
    };
    let makers = tokens::makers(&visit.app.access, &tokens).await?;
    let row = |token: &ApiToken| TokenRow::new(token, makers.get(&token.id), visit.now);
    let left = match person.kind {
        PersonKind::Human => visit.app.left_by(person).await?,
        PersonKind::Service => Vec::new(),
    };
    let page = PersonPage {
        frame: visit.frame(person.display_name.clone(), Here::People),
        row: PersonRow::new(person),
        fields: shown.fields.unwrap_or_else(|| PersonFields::new(person)),
        invitation: shown.invitation,
        tokens: tokens.iter().map(row).collect(),
        left: left.into_iter().map(|token| (token.name, token.owner)).collect(),
        made: shown.made,
        scopes: Action::ALL.map(Action::name).to_vec(),
        fault: shown.fault,
        is_fresh: login::is_fresh(&visit.app.access, session),
    };
    Ok(answer(status, &page))
}
