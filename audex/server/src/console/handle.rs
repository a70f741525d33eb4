//! What reads forms and shows pages.

mod approvals;
mod ask;
mod audit;
mod device;
mod enrol;
mod faults;
mod home;
mod me;
mod people;
mod policies;
mod posted;
mod program;
mod request;
mod sessions;
mod sign_in;
mod visit;

pub use faults::with_pages;
pub(crate) use sign_in::signed_out;

use super::{
    assets,
    view::{
        frame::{Here, answer},
        help::HelpPage,
    },
};
use crate::{access::CALLER, app::App};
use axess::{Guard, GuardedRouter};
use axum::response::{Redirect, Response};
use http::StatusCode;
use std::sync::Arc;
use visit::Visit;

/// Returns the routes of the console, each with its guard.
pub fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .get("/", Guard::Public, async || Redirect::to("/console"))
        .get("/assets/{name}", Guard::Public, assets::serve)
        .get("/console/help", CALLER, help)
        .merge(sign_in::routes())
        .merge(enrol::routes())
        .merge(device::routes())
        .merge(program::routes())
        .merge(home::routes())
        .merge(ask::routes())
        .merge(approvals::routes())
        .merge(request::routes())
        .merge(sessions::routes())
        .merge(audit::routes())
        .merge(policies::routes())
        .merge(people::routes())
        .merge(me::routes())
}

async fn help(visit: Visit) -> Response {
    answer(StatusCode::OK, &HelpPage { frame: visit.frame("Keyboard shortcuts", Here::Elsewhere) })
}
