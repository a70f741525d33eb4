//! axum alone: the cost that every case has.

use crate::{Fault, browser::Template, case::Case, report};
use axum::{Router, routing::get};

pub(crate) fn case() -> Result<Case, Fault> {
    let site = Router::new()
        .route("/hello", get(async || "hello nobody"))
        .route("/theme", get(async || "dark").post(async || "kept"))
        .route("/me", get(async || "hello alice"))
        .route("/login", axum::routing::post(async || "logged in"));
    Ok(Case::ok(report::BARE, &site, Template::get("/me"), "hello alice"))
}
