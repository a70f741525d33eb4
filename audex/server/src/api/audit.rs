//! `/audit`: what happened, searched and exported.

use super::{
    FromMembers, Members,
    extract::Params,
    openapi::Refusals,
    render::{self, List},
};
use crate::{
    access::{Action, CALLER, Caller, Subject},
    app::App,
    evidence::{AuditEntry, AuditQuery, ExportFormat},
    problem::Problem,
};
use axess::GuardedRouter;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderName, Uri, header};
use std::sync::Arc;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{ObjectBuilder, Schema, Type},
};

/// The longest condition, in bytes.
const MAX_TEXT: usize = 1_024;
/// The most events of a page.
const MAX_PAGE: u64 = 1_000;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/audit", CALLER, search).get("/audit/export", CALLER, export)
}

/// One event.
#[derive(ToSchema)]
#[schema(as = AuditEntry)]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) struct EntrySchema {
    /// When it happened.
    timestamp: DateTime<Utc>,
    /// What happened.
    #[schema(example = "credential_requested")]
    event_type: String,
    /// Who did it: an address, a workload, or `system`.
    #[schema(example = "alice@example.com")]
    user: String,
    /// The actions that it is about.
    #[schema(nullable = false)]
    action: Option<String>,
    /// For how long.
    #[schema(nullable = false, example = "15m")]
    ttl: Option<String>,
    /// Of which provider.
    #[schema(nullable = false)]
    provider: Option<String>,
    /// Where the request or session stands after it.
    #[schema(nullable = false, example = "pending_approval")]
    status: Option<String>,
    /// The session, or the one that would be.
    #[schema(nullable = false)]
    session_id: Option<String>,
    /// The event's id.
    event_id: String,
    /// Everything else that is known of it.
    #[schema(nullable = false, value_type = Option<Object>)]
    detail: Option<()>,
}

/// Which events.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Conditions {
    /// Of this type, as in `credential_requested` or `approval_withdrawn`.
    #[param(schema_with = event_type)]
    event_type: Option<String>,
    /// Of this user: their address.
    #[param(max_length = 1024)]
    user: Option<String>,
    /// About this session: its id, or 8 or more characters of its beginning.
    #[param(max_length = 1024)]
    session: Option<String>,
    /// At or after this time.
    since: Option<DateTime<Utc>>,
    /// Before this time.
    until: Option<DateTime<Utc>>,
}

/// Lists the types there are.
fn event_type() -> Schema {
    let names: Vec<&str> = AuditQuery::event_types().collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build().into()
}

impl FromMembers for Conditions {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        Ok(Self {
            event_type: members.text("event_type", MAX_TEXT)?,
            user: members.text("user", MAX_TEXT)?,
            session: members.text("session", MAX_TEXT)?,
            since: members.time("since")?,
            until: members.time("until")?,
        })
    }
}

/// Which page of the events.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventPage {
    /// How many events at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Where the page begins: `next` of the one before.
    #[param(max_length = 1024)]
    after: Option<String>,
}

impl FromMembers for EventPage {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let limit = members.number_in("limit", 1..=MAX_PAGE)?;
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        Ok(Self { limit, after: members.text("after", MAX_TEXT)? })
    }
}

/// In which form.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Form {
    /// `json` unless it is said: one list; or `csv`.
    #[param(value_type = Option<FormatSchema>)]
    format: Option<ExportFormat>,
}

/// The form of an export.
#[derive(ToSchema)]
#[schema(as = ExportFormat, rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of a type that knows no OpenAPI")]
pub(super) enum FormatSchema {
    Json,
    Csv,
}

impl FromMembers for Form {
    fn from_members(members: &mut Members) -> Result<Self, Problem> {
        let format = members.text("format", MAX_TEXT)?.map(|name| {
            let found = ExportFormat::from_name(&name);
            found.ok_or_else(|| members.invalid("format", "`format` is json or csv"))
        });
        let format = format.transpose()?;
        Ok(Self { format })
    }
}

fn query(conditions: Conditions, page: EventPage) -> Result<AuditQuery, Problem> {
    let query = AuditQuery {
        event_type: conditions.event_type,
        user: conditions.user,
        session: conditions.session,
        since: conditions.since,
        until: conditions.until,
        limit: page.limit,
        after: page.after,
    };
    query.check().map_err(|fault| Problem::invalid(fault.condition, fault.detail))?;
    Ok(query)
}

/// Searches what happened
#[utoipa::path(
    get, path = "/audit", operation_id = "search_audit", tag = "audit", params(Conditions, EventPage),
    responses((status = 200, description = "The events, newest first.", body = List<EntrySchema>), Refusals),
)]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    Params((conditions, page)): Params<(Conditions, EventPage)>,
) -> Result<Response, Problem> {
    app.access.may(&caller, Action::Read, &Subject::Audit)?;
    let page = app.evidence.search(&query(conditions, page)?).await?;
    let items: Vec<AuditEntry> = page.items;
    Ok(render::list(&uri, items, page.next))
}

/// Exports what happened
///
/// All of it, as it is read: an export that ends early ends its connection with an error.
#[utoipa::path(
    get, path = "/audit/export", operation_id = "export_audit", tag = "audit", params(Conditions, Form),
    responses(
        (status = 200, description = "The events, oldest first.", content(
            (Vec<EntrySchema> = "application/json"), (String = "text/csv")
        )),
        Refusals,
    ),
)]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params((conditions, form)): Params<(Conditions, Form)>,
) -> Result<Response, Problem> {
    app.access.may(&caller, Action::Read, &Subject::Audit)?;
    let format = form.format.unwrap_or(ExportFormat::Json);
    let ending = if format == ExportFormat::Json { "json" } else { "csv" };
    let rows = app.evidence.export(format, query(conditions, EventPage { limit: None, after: None })?);
    let name = app.clock.now().format("audex-audit-%Y%m%dT%H%M%SZ");
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{ending}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(rows)).into_response())
}
