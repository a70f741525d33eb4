//! `/openapi.json`: the API in OpenAPI 3.1, made of the types and handlers themselves.

mod door;
mod problems;

pub(super) use problems::{BadBody, IssueRefusals, ProblemSchema, Refusals, Unready, VoteRefusals};

use super::{approvals, audit, bodies, compliance, credentials, health, sessions};
use crate::{app::App, problem::Problem};
use axess::{Guard, GuardedRouter};
use axum::response::IntoResponse;
use http::header;
use std::sync::{Arc, LazyLock};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document, Response,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/openapi.json", Guard::Public, show)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "audex",
        description = "Short-lived credentials: who asked, who agreed, what was given. Refusals are `application/problem+json` \
            (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        credentials::ask, credentials::plan, credentials::batch, credentials::pick_up, credentials::refresh,
        credentials::revoke, sessions::list, sessions::show, sessions::revoke, approvals::list, approvals::show,
        approvals::approve, approvals::deny, approvals::withdraw, audit::search, audit::export, compliance::report, health::alive,
        health::ready, show, door::login, door::login_totp, door::login_recovery, door::logout, door::device_begin,
        door::device_token, door::device_look, door::device_confirm, door::program_token, door::sso_logout, door::saml_metadata, door::enrol, door::enrol_totp,
        door::enrol_totp_code, door::me, door::list_keys, door::add_key, door::remove_key, door::list_tokens,
        door::make_token, door::revoke_token, door::list_people, door::add_person, door::change_person,
        door::invite_person,
    ),
    components(schemas(
        ProblemSchema, audit::FormatSchema, bodies::StatusSchema, compliance::FormSchema, compliance::StandardSchema,
    )),
    tags(
        (name = "credentials", description = "Ask, pick up, refresh, end."),
        (name = "sessions", description = "What was issued, and to whom."),
        (name = "approvals", description = "What waits, and what approvers say."),
        (name = "login", description = "For people, and for programs on their behalf."),
        (name = "people", description = "Accounts, tokens, keys."),
        (name = "audit", description = "What happened."),
        (name = "health", description = "For whoever starts, restarts and routes."),
    ),
    security(("token" = []), ("session" = [])),
    modifiers(&Securities, &LargeHeads),
)]
struct Api;

struct Securities;

impl Modify for Securities {
    fn modify(&self, document: &mut Document) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let token = token.description(Some("An API token (`audx_...`), or the JWT of a workload."));
        let session = ApiKeyValue::with_description(
            COOKIE,
            "A login in a browser. What changes anything also needs the CSRF token in `X-CSRF-Token`.",
        );
        let schemes = [
            ("token", SecurityScheme::Http(token.build())),
            ("session", SecurityScheme::ApiKey(ApiKey::Cookie(session))),
        ];
        let components = document.components.get_or_insert_with(Default::default);
        for (name, scheme) in schemes {
            components.add_security_scheme(name, scheme);
        }
    }
}

/// What is refused before it is a request: the HTTP machine answers, without a body.
struct LargeHeads;

impl Modify for LargeHeads {
    fn modify(&self, document: &mut Document) {
        for path in document.paths.paths.values_mut() {
            let verbs = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
            for operation in verbs.into_iter().flatten() {
                let response =
                    Response::new("The address and the headers are too large together; without a body.");
                operation.responses.responses.insert("431".to_owned(), response.into());
            }
        }
    }
}

/// The cookie of a login, outside development mode.
const COOKIE: &str = "__Host-audex";

static TEXT: LazyLock<Option<String>> = LazyLock::new(|| document().to_json().ok());

/// Returns the description of the API.
pub fn document() -> Document {
    Api::openapi()
}

/// Describes the API: this document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "describe", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)),
)]
async fn show() -> axum::response::Response {
    let Some(text) = TEXT.as_deref() else { return Problem::internal().into_response() };
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], text)
        .into_response()
}
