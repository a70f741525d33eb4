//! What stands in accounts, read and written.

use super::{ADMIN, MAX_NAME, MAX_NAMES};
use crate::{
    model::{Person, PersonKind},
    problem::Problem,
};
use audex_core::{Requester, audit::BrokerEvent};
use axess::{
    Operator,
    identity::{EmailAddress, Identifier},
};

/// What names of services end with; no mail goes there.
const SERVICES: &str = "@services";

pub(in crate::access) fn is_admin(person: &Person) -> bool {
    let has_role = person.roles.iter().any(|role| role == ADMIN);
    has_role && person.kind == PersonKind::Human && !person.is_disabled
}

pub(super) fn operator(who: &Requester, reason: &str) -> Operator {
    Operator::new(who.to_string(), reason)
}

pub(in crate::access) fn administered(action: &str, subject: &str, detail: String) -> BrokerEvent {
    BrokerEvent::Administered { action: action.to_owned(), subject: subject.to_owned(), detail: Some(detail) }
}

/// Says what changed.
pub(in crate::access) fn changed(before: &Person, after: &Person) -> BrokerEvent {
    let mut what = Vec::new();
    let mut note = |name: &str, before: String, after: String| {
        if before != after {
            what.push(format!("{name}: {before} -> {after}"));
        }
    };
    note("name", before.display_name.clone(), after.display_name.clone());
    note("roles", before.roles.join(" "), after.roles.join(" "));
    note("groups", before.groups.join(" "), after.groups.join(" "));
    note("of those the provider's", before.provider_groups.join(" "), after.provider_groups.join(" "));
    let action = match (before.is_disabled, after.is_disabled) {
        (false, true) => "person.disabled",
        (true, false) => "person.enabled",
        _ => "person.changed",
    };
    administered(action, &after.email, what.join("; "))
}

/// Reads an address in the form it is kept in: what looks alike is one address, and what imitates another is none.
pub(in crate::access) fn address(text: &str, kind: PersonKind) -> Result<String, Problem> {
    let refuse = |detail: &str| Problem::invalid("email", detail);
    if kind == PersonKind::Service {
        let name = text.trim().to_ascii_lowercase();
        let name = name.strip_suffix(SERVICES).unwrap_or(&name);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_name) {
            return Err(refuse("a service has a name of 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        return Ok(format!("{name}{SERVICES}"));
    }
    let name = Identifier::parse_new(text).map_err(|why| refuse(&why.to_string()))?;
    // What workloads are called has a `#`: the two kinds of names never meet.
    let is_address = name.as_str().parse::<EmailAddress>().is_ok() && !name.as_str().contains('#');
    if !is_address || name.as_str().ends_with(SERVICES) {
        return Err(refuse("this is no e-mail address"));
    }
    Ok(name.as_str().to_owned())
}

/// Reads names of roles or groups.
pub(in crate::access) fn names(field: &str, names: Vec<String>) -> Result<Vec<String>, Problem> {
    let is_name = |name: &String| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
    };
    if names.len() > MAX_NAMES || !names.iter().all(is_name) {
        let detail =
            format!("at most {MAX_NAMES} names of 1 to {MAX_NAME} letters, digits and signs, without spaces");
        return Err(Problem::invalid(field, detail));
    }
    let mut names = names;
    names.sort();
    names.dedup();
    Ok(names)
}
