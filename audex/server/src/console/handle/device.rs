use super::{posted::Posted, request::said, visit::Visit};
use crate::{
    access::{PERSON, device},
    app::App,
    console::view::{
        device::{DevicePage, DeviceStep},
        frame::{Here, answer},
        parts::When,
    },
    problem::Problem,
};
use axess::GuardedRouter;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/device", PERSON, begin).post("/console/device", PERSON, decide)
}

/// Shows where the code is typed. A code in the link is not taken: whoever made the link may have made the code as well, and
/// one who types it has seen it on the program's screen.
async fn begin(visit: Visit) -> Response {
    page(&visit, StatusCode::OK, DeviceStep::Code, None)
}

async fn compare(visit: &Visit, typed: &str) -> Result<Response, Problem> {
    Ok(match device::look(&visit.app.access, &visit.caller, typed).await? {
        Some((waiting, key)) => {
            let step = DeviceStep::Compare {
                user_code: waiting.user_code,
                client: waiting.client,
                identity: visit.caller.identity(),
                scopes: waiting.scopes.join(", "),
                from: waiting.client_ip.map(|ip| ip.to_string()),
                asked: When::new(waiting.asked_at),
                key,
            };
            page(visit, StatusCode::OK, step, None)
        }
        None => {
            let fault =
                "Nothing waits under this code. Look at the program again: a code works for ten minutes.";
            page(visit, StatusCode::NOT_FOUND, DeviceStep::Code, Some(fault.to_owned()))
        }
    })
}

async fn decide(visit: Visit, posted: Posted) -> Result<Response, Problem> {
    let is_allowed = match posted.exact("decision") {
        "allow" => true,
        "deny" => false,
        "" => return compare(&visit, &posted.text("user_code")).await,
        _ => return Err(Problem::invalid("decision", "it is allow or deny")),
    };
    let decided =
        device::confirm(&visit.app.access, &visit.caller, &posted.text("user_code"), is_allowed).await;
    match decided {
        Ok(()) => Ok(page(&visit, StatusCode::OK, DeviceStep::Over { is_allowed }, None)),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            let fault = super::faults::sentence(&said(&problem));
            Ok(page(&visit, StatusCode::NOT_FOUND, DeviceStep::Code, Some(fault)))
        }
        Err(problem) => Err(problem),
    }
}

fn page(visit: &Visit, status: StatusCode, step: DeviceStep, fault: Option<String>) -> Response {
    let frame = visit.frame("Sign in a program", Here::Elsewhere);
    answer(status, &DevicePage { frame, step, fault })
}
