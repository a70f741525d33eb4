use super::{posted::Posted, visit::Visit};
use crate::{
    access::CALLER,
    app::App,
    console::view::{
        ask::{AskFields, AskPage, AskWrong, Preview},
        credential::CredentialPage,
        frame::{Here, answer},
    },
    model::Ask,
    problem::Problem,
    requests::Asked,
};
use audex_policy::Provider;
use axess::{GuardedRouter, rng::random_array};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/console/new", CALLER, form).post("/console/new", CALLER, submit)
}

async fn form(visit: Visit) -> Response {
    let first = visit.app.issuer.providers.first().map(|provider| provider.provider().to_string());
    let fields = AskFields { provider: first.unwrap_or_default(), ..AskFields::default() };
    page(&visit, fields, StatusCode::OK, None, None)
}

async fn submit(visit: Visit, posted: Posted) -> Result<Response, Problem> {
    let fields = AskFields {
        provider: posted.text("provider"),
        allow: posted.text("allow"),
        resources: posted.text("resources"),
        target: posted.text("target"),
        ttl: posted.text("ttl"),
        budget: posted.text("budget"),
        reason: posted.text("reason"),
    };
    let Ok(provider) = fields.provider.parse::<Provider>() else {
        let wrong = Problem::invalid("provider", "choose one of those that are listed");
        return refused(&visit, fields, wrong, None);
    };
    let ask = Ask {
        provider,
        allow: posted.list("allow").join(","),
        resources: posted
            .text("resources")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        target: posted.some("target"),
        ttl: posted.some("ttl"),
        budget: posted.some("budget"),
        reason: posted.some("reason"),
    };
    let preview = match visit.app.plan(&visit.caller, &ask) {
        Ok(plan) => Preview::new(&plan),
        Err(problem) => return refused(&visit, fields, problem, None),
    };
    if posted.exact("act") != "ask" {
        return Ok(page(&visit, fields, StatusCode::OK, None, Some(preview)));
    }
    // A form that is sent twice, as by a reload, asks once.
    match visit.app.ask(&visit.caller, ask, posted.some("once").as_deref(), None).await {
        Ok(Asked::Issued(handover)) => {
            let frame = visit.frame("Your credential", Here::Sessions);
            Ok(answer(StatusCode::OK, &CredentialPage::new(frame, &handover, visit.now)))
        }
        Ok(Asked::Pending(pending) | Asked::Again(pending)) => {
            Ok(Redirect::to(&format!("/console/requests/{}?done=asked", pending.session_id)).into_response())
        }
        Err(problem) => refused(&visit, fields, problem, Some(preview)),
    }
}

/// Shows the form again with what is wrong with it; what the form cannot help is a page of its own.
fn refused(
    visit: &Visit,
    fields: AskFields,
    problem: Problem,
    preview: Option<Preview>,
) -> Result<Response, Problem> {
    let status = problem.status();
    if status == StatusCode::UNAUTHORIZED || status.is_server_error() {
        return Err(problem);
    }
    let json = problem.json();
    let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ways = json.get("instead").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let wrong = AskWrong {
        field: text("field"),
        detail: Some(text("detail")).filter(|detail| !detail.is_empty()).unwrap_or_else(|| text("code")),
        instead: ways.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    Ok(page(visit, fields, status, Some(wrong), preview))
}

fn page(
    visit: &Visit,
    fields: AskFields,
    status: StatusCode,
    fault: Option<AskWrong>,
    preview: Option<Preview>,
) -> Response {
    let once: String = random_array::<16>(&*visit.app.rng).iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = &visit.app.settings.rules;
    let page = AskPage {
        frame: visit.frame("New request", Here::Ask),
        providers: visit
            .app
            .issuer
            .providers
            .iter()
            .map(|provider| provider.provider().to_string())
            .collect(),
        fields,
        fault,
        preview,
        default_ttl: rules.default_ttl.min(rules.max_ttl).to_string(),
        max_ttl: rules.max_ttl.to_string(),
        once,
    };
    answer(status, &page)
}
