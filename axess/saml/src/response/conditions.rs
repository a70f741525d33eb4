//! Whom an assertion is for, and when.

use super::Expected;
use crate::{
    time,
    xml::{Element, ns},
};
use axess_factors::federated::FederationError;
use chrono::{DateTime, Utc};

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// The most audiences or confirmations of one assertion.
const MAX_ENTRIES: usize = 32;

/// Checks `Conditions` (SAML Core §2.5): all that are there, none that is not known.
pub(super) fn check(assertion: &Element, expected: &Expected<'_>) -> Result<(), FederationError> {
    let conditions = assertion.one(ns::ASSERTION, "Conditions")?;
    check_window(conditions, expected)?;
    let known = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"];
    if conditions.elements().any(|one| one.namespace != ns::ASSERTION || !known.contains(&one.local.as_str()))
    {
        return Err(FederationError::Malformed { what: "a condition is unknown" });
    }
    let mut restrictions = conditions.named(ns::ASSERTION, "AudienceRestriction").peekable();
    if restrictions.peek().is_none() {
        return Err(FederationError::AudienceMismatch);
    }
    for restriction in restrictions {
        let audiences = restriction.named(ns::ASSERTION, "Audience").take(MAX_ENTRIES);
        let audiences = audiences.map(Element::text).collect::<Result<Vec<_>, _>>()?;
        if !audiences.contains(&expected.own.config.entity_id.as_str()) {
            return Err(FederationError::AudienceMismatch);
        }
    }
    Ok(())
}

/// Checks that the bearer is whom the assertion was made out for (SAML Profiles §4.1.4.2), and returns until when it could
/// be brought again. One confirmation has to fit; the error is the first one's.
pub(super) fn check_bearer(
    subject: &Element,
    expected: &Expected<'_>,
) -> Result<DateTime<Utc>, FederationError> {
    let confirmations = subject.named(ns::ASSERTION, "SubjectConfirmation");
    let bearers = confirmations.filter(|one| one.attribute("Method") == Some(BEARER)).take(MAX_ENTRIES);
    let mut fault = FederationError::Malformed { what: "an assertion is confirmed by no bearer" };
    for (index, bearer) in bearers.enumerate() {
        match check_confirmation(bearer, expected) {
            Ok(until) => return Ok(until),
            Err(error) if index == 0 => fault = error,
            Err(_) => {}
        }
    }
    Err(fault)
}

fn check_confirmation(bearer: &Element, expected: &Expected<'_>) -> Result<DateTime<Utc>, FederationError> {
    let data = bearer.one(ns::ASSERTION, "SubjectConfirmationData")?;
    if data.attribute("Recipient") != Some(expected.own.config.acs_url.as_str()) {
        return Err(FederationError::AudienceMismatch);
    }
    if data.attribute("InResponseTo") != expected.request.map(|request| request.id.as_str()) {
        return Err(FederationError::NonceMismatch);
    }
    check_window(data, expected)?
        .ok_or(FederationError::Malformed { what: "an assertion does not say until when it is good" })
}

/// Checks `NotBefore` and `NotOnOrAfter`, as far as they are there, and returns the latter with the clocks' difference.
fn check_window(
    element: &Element,
    expected: &Expected<'_>,
) -> Result<Option<DateTime<Utc>>, FederationError> {
    let skew = expected.own.skew;
    let read = |name| element.attribute(name).map(time::read).transpose();
    if read("NotBefore")?.is_some_and(|begin| expected.now < begin - skew) {
        return Err(FederationError::NotYetValid);
    }
    let end = read("NotOnOrAfter")?.map(|end| end + skew);
    if end.is_some_and(|end| expected.now >= end) {
        return Err(FederationError::TooOld);
    }
    Ok(end)
}
