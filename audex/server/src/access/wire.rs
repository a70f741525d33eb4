//! The front door over HTTP: JSON, and forms where a browser without scripts posts them.

mod body;
mod device;
mod enrol;
mod keys;
mod login;
mod me;
mod people;
mod program;
pub(super) mod sso;
mod tokens;

use super::{
    CALLER, PERSON,
    sso::{ACS, BACKCHANNEL, BEGIN, CALLBACK, METADATA, SLO},
};
use crate::app::App;
use axess::{Guard, GuardedRouter};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

/// The routes of the front door.
pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new()
        .post("/login", Guard::Public, login::begin)
        .post("/login/totp", Guard::Public, login::totp)
        .post("/login/recovery", Guard::Public, login::recovery)
        .post("/logout", Guard::Public, login::logout)
        .get(BEGIN, Guard::Public, sso::begin)
        .get(CALLBACK, Guard::Public, sso::callback)
        .post(ACS, Guard::Public, sso::callback)
        .get(METADATA, Guard::Public, sso::metadata)
        .get(SLO, Guard::Public, sso::single_logout)
        .post(SLO, Guard::Public, sso::single_logout)
        .post(BACKCHANNEL, Guard::Public, sso::backchannel)
        .post("/login/device", Guard::Public, device::begin)
        .post("/login/device/token", Guard::Public, device::token)
        .post("/login/program/token", Guard::Public, program::token)
        .post("/login/device/look", PERSON, device::look)
        .post("/login/device/confirm", PERSON, device::confirm)
        .post("/enrol/totp", Guard::Authn, enrol::begin_totp)
        .post("/enrol/totp/code", Guard::Authn, enrol::confirm_totp)
        .post("/enrol/{token}", Guard::Public, enrol::password)
        .get("/me", CALLER, me::show)
        .get("/me/keys", CALLER, keys::list)
        .post("/me/keys", PERSON, keys::add)
        .delete("/me/keys/{id}", PERSON, keys::remove)
        .get("/tokens", CALLER, tokens::list)
        .post("/tokens", PERSON, tokens::make)
        .delete("/tokens/{id}", CALLER, tokens::revoke)
        .get("/people", CALLER, people::list)
        .post("/people", PERSON, people::add)
        .patch("/people/{id}", PERSON, people::change)
        .post("/people/{id}/invite", PERSON, people::reinvite)
}

/// Adds a member to an object.
fn add(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Leads a browser to a page of ours.
pub(super) fn see_other(page: &str, query: &[(&str, &str)]) -> Response {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let place = if pairs.is_empty() { page.to_owned() } else { format!("{page}?{}", pairs.join("&")) };
    match HeaderValue::try_from(place) {
        Ok(place) => (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Writes a value for a query: all but letters, digits and what a path has is escaped (RFC 3986 section 2.1).
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
