//! The answer to a request (SAML Core §3.2.2, SAML Profiles §4.1.4): first who signed what, then what it says.

mod assertion;
mod attributes;
mod conditions;

pub(crate) use assertion::Login;

use crate::{
    config::Compiled,
    encryption,
    metadata::Idp,
    request::Request,
    signature,
    xml::{Element, ns},
};
use axess_factors::federated::FederationError;
use chrono::{DateTime, Utc};

/// The longest code of a refusal.
const MAX_CODE_CHARS: usize = 64;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// What a response is made of, in this order.
const PARTS: [(&str, &str); 6] = [
    (ns::ASSERTION, "Issuer"),
    (ns::SIGNATURE, "Signature"),
    (ns::PROTOCOL, "Extensions"),
    (ns::PROTOCOL, "Status"),
    (ns::ASSERTION, "Assertion"),
    (ns::ASSERTION, "EncryptedAssertion"),
];

/// What a response is held against.
pub(crate) struct Expected<'a> {
    pub(crate) own: &'a Compiled,
    pub(crate) idp: &'a Idp,
    /// Nothing for a response that nobody asked for.
    pub(crate) request: Option<&'a Request>,
    pub(crate) now: DateTime<Utc>,
}

/// Verifies a response and reads the login it is about.
pub(crate) fn verify(response: &Element, expected: &Expected<'_>) -> Result<Login, FederationError> {
    if !response.is(ns::PROTOCOL, "Response") {
        return Err(FederationError::Malformed { what: "the message is no response" });
    }
    check_places(response)?;
    let keys = &expected.idp.keys;
    let is_signed = signature::of(response)?.is_some();
    if is_signed {
        signature::verify(response, keys)?;
    } else if expected.own.config.want_signed_response {
        return Err(FederationError::SignatureInvalid);
    }
    check_envelope(response, expected, is_signed)?;
    check_status(response)?;

    let plain = response.at_most_one(ns::ASSERTION, "Assertion")?;
    let opened;
    let assertion = match (plain, response.at_most_one(ns::ASSERTION, "EncryptedAssertion")?) {
        (Some(assertion), None) => assertion,
        (None, Some(encrypted)) => {
            opened = open(encrypted, expected.own, is_signed)?;
            &opened
        }
        _ => return Err(FederationError::Malformed { what: "a response has one assertion" }),
    };
    // The two signatures are told apart: one around the assertion does not make up for one that is wrong inside.
    let is_signed_itself = signature::of(assertion)?.is_some();
    if is_signed_itself {
        signature::verify(assertion, keys)?;
    }
    let is_enough = is_signed_itself || (is_signed && !expected.own.config.want_signed_assertions);
    if !is_enough {
        // Not missing: it is somewhere else than wanted, which is for whoever set the provider up.
        let what = "the response is signed, and the assertion in it is not";
        let elsewhere = is_signed.then_some(FederationError::WeakerThanConfigured { what });
        return Err(elsewhere.unwrap_or(FederationError::SignatureInvalid));
    }
    assertion::read(assertion, expected)
}

/// Checks that whatever counts is where it belongs and nowhere else: an assertion below the response, and a signature
/// below what it signs. Every way of wrapping puts one of them somewhere else.
fn check_places(response: &Element) -> Result<(), FederationError> {
    let mut last = 0;
    for child in response.elements() {
        let at = PARTS.iter().position(|(namespace, name)| child.is(namespace, name));
        let at = at.filter(|at| *at >= last);
        last =
            at.ok_or(FederationError::Malformed { what: "a response is not made of what it should be" })?;
    }
    response.holds_only_elements()?;
    let below = |name| response.named(ns::ASSERTION, name).count();
    let anywhere = |name| response.count_below(ns::ASSERTION, name);
    if ["Assertion", "EncryptedAssertion"].iter().any(|name| below(name) != anywhere(name)) {
        return Err(FederationError::Malformed { what: "an assertion is where none belongs" });
    }
    let own = response.named(ns::SIGNATURE, "Signature").count();
    let inner: usize = response
        .named(ns::ASSERTION, "Assertion")
        .map(|one| one.named(ns::SIGNATURE, "Signature").count())
        .sum();
    if own > 1 || inner > 1 || own + inner != response.count_below(ns::SIGNATURE, "Signature") {
        return Err(FederationError::Malformed { what: "a signature is where none belongs" });
    }
    Ok(())
}

fn check_envelope(
    response: &Element,
    expected: &Expected<'_>,
    is_signed: bool,
) -> Result<(), FederationError> {
    if response.attribute("Version") != Some("2.0") {
        return Err(FederationError::Malformed { what: "the version is not 2.0" });
    }
    if let Some(issuer) = response.at_most_one(ns::ASSERTION, "Issuer")? {
        check_issuer(issuer, expected)?;
    }
    // SAML Bindings §3.5.5.2: what is signed says where it goes.
    match response.attribute("Destination") {
        Some(destination) if destination == expected.own.config.acs_url => {}
        None if !is_signed => {}
        _ => return Err(FederationError::AudienceMismatch),
    }
    if response.attribute("InResponseTo") != expected.request.map(|request| request.id.as_str()) {
        return Err(FederationError::NonceMismatch);
    }
    Ok(())
}

pub(crate) fn check_issuer(issuer: &Element, expected: &Expected<'_>) -> Result<(), FederationError> {
    if issuer.text()? == expected.idp.entity_id { Ok(()) } else { Err(FederationError::IssuerMismatch) }
}

fn check_status(response: &Element) -> Result<(), FederationError> {
    let status = response.one(ns::PROTOCOL, "Status")?;
    match refusal(status)? {
        Some(code) => Err(FederationError::Denied { code }),
        None => Ok(()),
    }
}

/// Returns why a status is not a success: the last part of the innermost code, such as `AuthnFailed`.
pub(crate) fn refusal(status: &Element) -> Result<Option<String>, FederationError> {
    let outer = status.one(ns::PROTOCOL, "StatusCode")?;
    if outer.attribute("Value") == Some(SUCCESS) {
        return Ok(None);
    }
    let inner = outer.at_most_one(ns::PROTOCOL, "StatusCode")?.unwrap_or(outer);
    let code = inner.attribute("Value").unwrap_or_default();
    let code = code.rsplit(':').next().unwrap_or_default();
    let code = code.chars().filter(|c| c.is_ascii_alphanumeric()).take(MAX_CODE_CHARS).collect::<String>();
    Ok(Some(if code.is_empty() { "unknown".to_owned() } else { code }))
}

/// Decrypts an assertion. With CBC only what a signature vouches for: its errors would tell about the key otherwise.
fn open(encrypted: &Element, own: &Compiled, is_signed: bool) -> Result<Element, FederationError> {
    let assertion = encryption::decrypt(encrypted, &own.decryption, own.config.allow_cbc && is_signed)?;
    let is_plain = ["Assertion", "EncryptedAssertion"]
        .iter()
        .all(|name| assertion.count_below(ns::ASSERTION, name) == 0);
    let signatures = assertion.named(ns::SIGNATURE, "Signature").count();
    if !assertion.is(ns::ASSERTION, "Assertion")
        || !is_plain
        || signatures != assertion.count_below(ns::SIGNATURE, "Signature")
    {
        return Err(FederationError::Malformed { what: "what was encrypted is not one assertion" });
    }
    Ok(assertion)
}
